using Microsoft.AspNetCore.Identity;

namespace CodeLab.Modules.Auth.Users;

/// <summary>A person with an account. Ids are random UUIDs, because they are shown (claim <c>sub</c>).</summary>
internal sealed class User : IdentityUser
{
    /// <summary>Roles of <see cref="Access.Roles"/>, separated by spaces: the set is closed and small, so a table of its own would only cost joins.</summary>
    public string Roles { get; set; } = "";

    /// <summary>When the account was made.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>When it was disabled; null while it may sign in.</summary>
    public DateTimeOffset? DisabledAt { get; set; }

    /// <summary>Last sign-in with a password.</summary>
    public DateTimeOffset? LastSignInAt { get; set; }

    /// <summary>Language of pages and messages, <c>en</c> or <c>ru</c>; null follows the browser.</summary>
    public string? Language { get; set; }

    public static string[] Split(string roles) => roles.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
