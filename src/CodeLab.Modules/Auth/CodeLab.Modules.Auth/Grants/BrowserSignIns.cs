using System.Data.Common;
using System.Globalization;
using System.Security.Claims;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;

namespace CodeLab.Modules.Auth.Grants;

/// <summary>The person at a browser, from its session cookie.</summary>
/// <param name="UserId">Claim <c>sub</c>.</param>
/// <param name="UserName">Claim <c>name</c>.</param>
/// <param name="SignInId">Claim <c>sid</c>.</param>
/// <param name="AuthenticatedAt">When they last proved who they are, UTC milliseconds (claim <c>auth_time</c> in seconds).</param>
internal sealed record BrowserUser(string UserId, string UserName, string SignInId, long AuthenticatedAt)
{
    /// <summary>The person, or null when the principal is not signed in by the cookie.</summary>
    public static BrowserUser? From(ClaimsPrincipal? principal)
    {
        if (principal?.FindFirstValue("sub") is not { } userId || principal.FindFirstValue("sid") is not { } signInId)
            return null;
        _ = long.TryParse(principal.FindFirstValue("auth_time"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds);
        return new(userId, principal.FindFirstValue("name") ?? userId, signInId, seconds * 1000);
    }
}

/// <summary>A living browser sign-in, read in the transaction that gives a client its tokens.</summary>
/// <param name="User">Its user.</param>
/// <param name="Methods">How the person proved who they are.</param>
/// <param name="AuthenticatedAt">When, UTC milliseconds.</param>
internal sealed record LivingBrowserSignIn(UserSnapshot User, string Methods, long AuthenticatedAt)
{
    /// <summary>
    /// The sign-in, or null when it was ended, has expired, or its user is gone, disabled, or has another password by now: then what it
    /// allowed is void too.
    /// </summary>
    public static async Task<LivingBrowserSignIn?> FindAsync(
        DbConnection connection,
        DbTransaction? transaction,
        string? signInId,
        string userId,
        long now
    )
    {
        if (signInId is null)
            return null;
        await using var command = connection.Command(
            """
            SELECT u.id, u.user_name, u.security_stamp, u.roles, s.methods, s.created_at
            FROM auth_sign_ins s
            JOIN auth_users u ON u.id = s.user_id
            WHERE s.id = @id AND s.user_id = @user AND s.revoked_at IS NULL AND s.expires_at > @now AND u.disabled_at IS NULL
                AND u.security_stamp = s.security_stamp
            """,
            transaction,
            ("@id", signInId),
            ("@user", userId),
            ("@now", now)
        );
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        if (!await reader.ReadAsync(CancellationToken.None))
            return null;
        var user = new UserSnapshot(reader.GetString(0), reader.GetString(1), reader.GetString(2), Users.User.Split(reader.GetString(3)));
        return new(user, reader.GetString(4), reader.GetInt64(5));
    }
}
