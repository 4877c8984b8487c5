using System.ComponentModel.DataAnnotations;
using System.Data.Common;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Persistence;

namespace CodeLab.Modules.Auth.Users;

/// <summary>A user as administrators see it.</summary>
internal sealed record Account(
    string Id,
    string Username,
    string Email,
    IReadOnlyList<string> Roles,
    bool Enabled,
    DateTimeOffset CreatedAt
)
{
    public const string Columns =
        "u.id, u.user_name, u.email, u.roles, u.disabled_at, u.created_at, u.last_sign_in_at, u.password_hash IS NOT NULL, "
        + "EXISTS (SELECT 1 FROM auth_authenticators f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL), "
        + "(SELECT l.locked_until FROM auth_lockouts l WHERE l.name = u.normalized_user_name)";

    public DateTimeOffset? LastSignInAt { get; init; }

    /// <summary>False while an invitation waits, and for who signs in elsewhere.</summary>
    public bool HasPassword { get; init; }

    public bool SecondFactor { get; init; }

    /// <summary>End of a lock-out that is in force.</summary>
    public DateTimeOffset? LockedUntil { get; init; }

    public IReadOnlyList<TeamInfo>? Teams { get; init; }

    /// <summary>Reads <see cref="Columns"/>.</summary>
    public static Account Read(DbDataReader reader, long now) =>
        new(
            reader.GetString(0),
            reader.GetString(1),
            reader.GetString(2),
            User.Split(reader.GetString(3)),
            reader.IsDBNull(4),
            DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(5))
        )
        {
            LastSignInAt = Time(reader.NullableInt64(6)),
            HasPassword = Convert.ToBoolean(reader.GetValue(7), System.Globalization.CultureInfo.InvariantCulture),
            SecondFactor = Convert.ToBoolean(reader.GetValue(8), System.Globalization.CultureInfo.InvariantCulture),
            LockedUntil = reader.NullableInt64(9) is { } until && until > now ? Time(until) : null,
        };

    private static DateTimeOffset? Time(long? milliseconds) => milliseconds is { } at ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null;
}

/// <summary>What a new user needs; without a password it is invited.</summary>
internal sealed record NewAccount(string Username, string Email, string? Password, IReadOnlyList<string> Roles);

/// <summary>What names, addresses and roles must be.</summary>
internal static class AccountRules
{
    private static readonly string[] _roles = [Access.Roles.Admin, Access.Roles.Lead, Access.Roles.Developer, Access.Roles.Viewer];
    private static readonly EmailAddressAttribute _email = new();

    /// <summary>What is wrong with a new user; null when nothing is.</summary>
    public static Error? Fault(NewAccount account) =>
        UsernameFault(account.Username)
        ?? EmailFault(account.Email)
        ?? RolesFault(account.Roles)
        ?? (account.Password is { } password ? PasswordFault(password, account.Username, account.Email) : null);

    public static Error? UsernameFault(string name) =>
        name.Length is < 3 or > 255 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-')
            ? Invalid("username", "The user name must be 3 to 255 characters of A-Z, a-z, 0-9, _ and -.")
            : null;

    public static Error? EmailFault(string email) =>
        email.Length > 255 || !_email.IsValid(email) || email.Any(c => char.IsWhiteSpace(c) || char.IsControl(c))
            ? Invalid("email", "The e-mail address is not valid.")
            : null;

    public static Error? RolesFault(IReadOnlyList<string> roles) =>
        roles.Count == 0 || roles.Any(r => !_roles.Contains(r))
            ? Invalid("roles", $"Roles must be one or more of {string.Join(", ", _roles)}.")
            : null;

    public static Error? PasswordFault(string password, string userName, string email) =>
        PasswordRules.Fault(password, userName, email) is { } fault
            ? new Error("WEAK_PASSWORD", fault, 400) { Details = new Dictionary<string, string> { ["field"] = "password" } }
            : null;

    public static Error Invalid(string field, string message) =>
        new("INVALID_REQUEST", message, 400) { Details = new Dictionary<string, string> { ["field"] = field } };
}

/// <summary>Errors of users.</summary>
internal static class UserErrors
{
    public static readonly Error NotFound = new("USER_NOT_FOUND", "There is no such user.", 404);

    public static readonly Error Exists = new("USER_EXISTS", "The user name or e-mail address is taken.", 409);

    public static readonly Error LastAdministrator = new(
        "LAST_ADMINISTRATOR",
        "This is the last administrator who can sign in. Make somebody else administrator first.",
        409
    );

    public static readonly Error Busy = new("RATE_LIMIT_EXCEEDED", "Too many passwords are being checked. Try again.", 429)
    {
        RetryAfterSeconds = 1,
    };

    public static readonly Error SignInNotFound = new("SIGN_IN_NOT_FOUND", "There is no such session, or it has ended.", 404);

    public static readonly Error LinkInvalid = new(
        "LINK_INVALID",
        "The link is not valid any more: it was used, has expired, or was replaced. Ask an administrator for a new one.",
        400
    );
}
