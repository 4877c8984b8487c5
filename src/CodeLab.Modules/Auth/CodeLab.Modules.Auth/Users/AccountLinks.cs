using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Setup;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Users;

/// <summary>A one-time link as an administrator gets it, once.</summary>
/// <param name="Url">The whole address; its secret sits behind <c>#</c>, so that it reaches no log and no referrer.</param>
/// <param name="ExpiresAt">When it ends.</param>
internal sealed record AccountLink(string Url, DateTimeOffset ExpiresAt);

/// <summary>Who a link is for.</summary>
/// <param name="Kind"><see cref="AccountLinks.Invitation"/> or <see cref="AccountLinks.PasswordReset"/>.</param>
/// <param name="UserId">The user.</param>
/// <param name="Username">Their sign-in name.</param>
/// <param name="Email">Their address.</param>
/// <param name="ExpiresAt">When it ends.</param>
internal sealed record AccountLinkHolder(string Kind, string UserId, string Username, string Email, DateTimeOffset ExpiresAt);

/// <summary>
/// Invitations and password resets: links that an administrator hands to a person, good once. The store has the SHA-256 of the secret only;
/// a new link voids the older ones of its user.
/// </summary>
internal sealed class AccountLinks(
    Database database,
    PasswordHashing hashing,
    AccountChanges accountChanges,
    RightsChanges changes,
    ServiceAddress address,
    IAuditTrail audit,
    Callers callers,
    TimeProvider time,
    IOptions<AuthOptions> options
)
{
    public const string Invitation = "invitation";
    public const string PasswordReset = "password_reset";

    /// <summary>Pages that redeem them; the secret is the fragment.</summary>
    public const string InvitationPath = "/invitation";
    public const string PasswordResetPath = "/reset-password";

    /// <summary>Makes a link for a user: an invitation while they have no password, else a password reset.</summary>
    public async Task<Result<AccountLink>> CreateAsync(string userId, CancellationToken cancellationToken)
    {
        var secret = NewSecret();
        var now = time.GetUtcNow();
        var entry = callers.Stamp(new AuditEvent("password.reset_requested") { Subject = userId });
        var made = await database.TransactAsync<(string Kind, DateTimeOffset ExpiresAt)?>(
            async (connection, transaction) =>
            {
                var hasPassword = await connection.ScalarAsync(
                    "SELECT CASE WHEN password_hash IS NULL THEN 0 ELSE 1 END FROM auth_users WHERE id = @id",
                    transaction,
                    [("@id", userId)],
                    default
                );
                if (hasPassword is null)
                    return null;
                var isReset = Convert.ToInt64(hasPassword, System.Globalization.CultureInfo.InvariantCulture) == 1;
                var expires = now + TimeSpan.FromHours(isReset ? options.Value.ResetLinkHours : options.Value.InvitationHours);
                await connection.ExecuteAsync(
                    "DELETE FROM auth_account_links WHERE user_id = @id",
                    transaction,
                    [("@id", userId)],
                    default
                );
                await connection.ExecuteAsync(
                    "INSERT INTO auth_account_links (hash, kind, user_id, created_by, created_at, expires_at) "
                        + "VALUES (@hash, @kind, @id, @by, @now, @expires)",
                    transaction,
                    [
                        ("@hash", Hash(secret)),
                        ("@kind", isReset ? PasswordReset : Invitation),
                        ("@id", userId),
                        ("@by", Sql.Text(entry.Actor is { Length: <= 36 } by ? by : null)),
                        ("@now", now.ToUnixTimeMilliseconds()),
                        ("@expires", expires.ToUnixTimeMilliseconds()),
                    ],
                    default
                );
                await audit.AppendAsync(connection, transaction, isReset ? entry : entry with { Type = "user.invited" });
                return (isReset ? PasswordReset : Invitation, expires);
            },
            cancellationToken
        );
        if (made is not var (kind, expiresAt))
            return UserErrors.NotFound;
        var path = kind == Invitation ? InvitationPath : PasswordResetPath;
        return new AccountLink($"{address.Base}{path}#{secret}", expiresAt);
    }

    /// <summary>Who a secret is for; null when it is not good any more. Does not use it up.</summary>
    public async Task<AccountLinkHolder?> InspectAsync(string secret, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT l.kind, u.id, u.user_name, u.email, l.expires_at FROM auth_account_links l JOIN auth_users u ON u.id = l.user_id "
                + "WHERE l.hash = @hash AND l.used_at IS NULL AND l.expires_at > @now AND u.disabled_at IS NULL",
            null,
            ("@hash", Hash(secret)),
            ("@now", time.Milliseconds())
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new(
                reader.GetString(0),
                reader.GetString(1),
                reader.GetString(2),
                reader.GetString(3),
                DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(4))
            )
            : null;
    }

    /// <summary>Spends a secret on a new password. All sign-ins of the user end, and so does a lock-out.</summary>
    /// <returns>Who it was for. <c>LINK_INVALID</c>, or <c>WEAK_PASSWORD</c>, which leaves the link good.</returns>
    /// <exception cref="PasswordQueueFullException">Too many passwords are being hashed.</exception>
    public async Task<Result<AccountLinkHolder>> RedeemAsync(string secret, string password, CancellationToken cancellationToken)
    {
        if (await InspectAsync(secret, cancellationToken) is not { } holder)
            return UserErrors.LinkInvalid;
        if (AccountRules.PasswordFault(password, holder.Username, holder.Email) is { } weak)
            return weak;
        var hash = await hashing.HashAsync(password, cancellationToken);
        var isReset = holder.Kind == PasswordReset;
        var entry = callers.Stamp(
            new AuditEvent(isReset ? "password.reset" : "user.joined") { Actor = holder.UserId, Subject = holder.UserId }
        );
        var spent = await database.TransactAsync(
            async (connection, transaction) =>
            {
                // Whoever writes this row has the link; all others come too late.
                var won = await connection.ExecuteAsync(
                    "UPDATE auth_account_links SET used_at = @now WHERE hash = @hash AND used_at IS NULL AND expires_at > @now",
                    transaction,
                    [("@hash", Hash(secret)), ("@now", time.Milliseconds())],
                    default
                );
                if (won != 1)
                    return false;
                await SetAsync(connection, transaction, holder, hash);
                await audit.AppendAsync(connection, transaction, entry);
                return true;
            },
            cancellationToken
        );
        if (!spent)
            return UserErrors.LinkInvalid;
        await changes.TellAsync(new UserRightsChanged(holder.UserId, entry.Type));
        return holder;
    }

    private async Task SetAsync(DbConnection connection, DbTransaction? transaction, AccountLinkHolder holder, string hash)
    {
        await connection.ExecuteAsync(
            "UPDATE auth_users SET password_hash = @hash, security_stamp = @stamp WHERE id = @id",
            transaction,
            [("@hash", hash), ("@stamp", Accounts.NewStamp()), ("@id", holder.UserId)],
            default
        );
        await accountChanges.EndSignInsAsync(connection, transaction, holder.UserId, "password.reset", except: null);
        await Lockouts.ClearAsync(connection, transaction, PasswordSignIn.Normalize(holder.Username));
    }

    private static string NewSecret() =>
        Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));
}
