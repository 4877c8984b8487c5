using System.Security.Cryptography;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.DataProtection;

namespace CodeLab.Modules.Auth.Pages.SignIn;

/// <summary>
/// Between the password and the code: whose password was right, encrypted, for ten minutes. It opens nothing by itself, and a password
/// that changes meanwhile voids it.
/// </summary>
internal sealed class PendingSignIn(IDataProtectionProvider protection, EnabledUsers users)
{
    private static readonly TimeSpan _lifetime = TimeSpan.FromMinutes(10);

    public string Seal(UserSnapshot user, string method) => Protector().Protect($"{user.Id}\n{user.SecurityStamp}\n{method}", _lifetime);

    /// <summary>The user and how the first step was done; null when it is too old or void.</summary>
    public async Task<(UserSnapshot User, string Method)?> OpenAsync(string pending, CancellationToken cancellationToken)
    {
        string[] parts;
        try
        {
            parts = Protector().Unprotect(pending).Split('\n');
        }
        catch (CryptographicException)
        {
            return null;
        }
        var user = await users.FindAsync(parts[0], cancellationToken);
        return user is not null && user.SecurityStamp == parts[1] ? (user, parts[2]) : null;
    }

    private ITimeLimitedDataProtector Protector() => protection.CreateProtector("codelab.pending-sign-in.v1").ToTimeLimitedDataProtector();
}
