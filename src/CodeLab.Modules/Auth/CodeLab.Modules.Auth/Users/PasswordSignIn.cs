using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.AspNetCore.Identity;

namespace CodeLab.Modules.Auth.Users;

/// <summary>What tokens need to know of a user.</summary>
internal sealed record UserSnapshot(string Id, string UserName, string SecurityStamp, IReadOnlyList<string> Roles);

/// <summary>How a sign-in ended.</summary>
internal abstract record SignInOutcome
{
    public sealed record Succeeded(UserSnapshot User) : SignInOutcome;

    /// <summary>Wrong name or password, or a disabled account: the caller is not told which.</summary>
    public sealed record Failed : SignInOutcome;

    public sealed record LockedOut(DateTimeOffset Until) : SignInOutcome;
}

/// <summary>Signs a user in by name or e-mail and password.</summary>
internal sealed class PasswordSignIn(
    Database database,
    Lockouts lockouts,
    PasswordHashing hashing,
    IAuditTrail audit,
    Callers callers,
    TimeProvider time
)
{
    /// <exception cref="PasswordQueueFullException">Too many passwords are being checked.</exception>
    public async Task<SignInOutcome> TryAsync(string name, string password, CancellationToken cancellationToken)
    {
        var row = await FindAsync("normalized_user_name = @name OR normalized_email = @name", Normalize(name), cancellationToken);
        var lockName = row?.NormalizedName ?? Normalize(name);
        if (await lockouts.LockedUntilAsync(lockName, cancellationToken) is { } until)
            return new SignInOutcome.LockedOut(until);

        var verified = await hashing.VerifyAsync(row?.PasswordHash, password, cancellationToken);

        // Asked again: guesses that were sent at once all passed the first look.
        if (await lockouts.LockedUntilAsync(lockName, cancellationToken) is { } lockedMeanwhile)
            return new SignInOutcome.LockedOut(lockedMeanwhile);
        if (verified == PasswordVerificationResult.Failed || row is null || row.IsDisabled)
        {
            // Counted even when the caller has left: hanging up must not buy another guess.
            await lockouts.FailedAsync(lockName, Failure(row, lockName, verified), CancellationToken.None);
            return new SignInOutcome.Failed();
        }
        await SucceededAsync(row, verified == PasswordVerificationResult.SuccessRehashNeeded ? password : null, cancellationToken);
        return new SignInOutcome.Succeeded(row.User);
    }

    /// <summary>Checks the password of somebody who is signed in, before a sensitive change. Failures count like those of a sign-in.</summary>
    /// <exception cref="PasswordQueueFullException">Too many passwords are being checked.</exception>
    public async Task<SignInOutcome> ConfirmAsync(string userId, string password, CancellationToken cancellationToken)
    {
        if (await FindAsync("id = @name", userId, cancellationToken) is not { } row)
            return new SignInOutcome.Failed();
        if (await lockouts.LockedUntilAsync(row.NormalizedName, cancellationToken) is { } until)
            return new SignInOutcome.LockedOut(until);
        var verified = await hashing.VerifyAsync(row.PasswordHash, password, cancellationToken);
        if (await lockouts.LockedUntilAsync(row.NormalizedName, cancellationToken) is { } lockedMeanwhile)
            return new SignInOutcome.LockedOut(lockedMeanwhile);
        if (verified != PasswordVerificationResult.Failed && !row.IsDisabled)
            return new SignInOutcome.Succeeded(row.User);
        await lockouts.FailedAsync(row.NormalizedName, Failure(row, row.NormalizedName, verified), CancellationToken.None);
        return new SignInOutcome.Failed();
    }

    /// <summary>End of the lock that a sign-in by this name would meet.</summary>
    public async Task<DateTimeOffset?> LockedUntilAsync(string name, CancellationToken cancellationToken)
    {
        var row = await FindAsync("normalized_user_name = @name OR normalized_email = @name", Normalize(name), cancellationToken);
        return await lockouts.LockedUntilAsync(row?.NormalizedName ?? Normalize(name), cancellationToken);
    }

    public static string Normalize(string name)
    {
        var upper = (name.Length > 256 ? name[..256] : name).ToUpperInvariant();
        return upper.Replace("\0", "", StringComparison.Ordinal);
    }

    /// <summary>
    /// What the audit is told of a failure. A name that nobody has is not written down: people type passwords into the wrong field. Its hash
    /// shows that it was the same name again.
    /// </summary>
    private AuditEvent Failure(Row? row, string lockName, PasswordVerificationResult verified) =>
        callers.Stamp(
            new AuditEvent("login_failed")
            {
                Actor = row?.User.Id,
                Subject = row?.User.Id ?? "name:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lockName)))[..8],
                Outcome = "failure",
                Reason =
                    row is null ? "unknown name"
                    : verified == PasswordVerificationResult.Failed ? "wrong password"
                    : "disabled",
            }
        );

    private async Task<Row?> FindAsync(string condition, string name, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT id, user_name, normalized_user_name, password_hash, security_stamp, roles, disabled_at FROM auth_users "
                + "WHERE "
                + condition,
            null,
            ("@name", name)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
            return null;
        var user = new UserSnapshot(reader.GetString(0), reader.GetString(1), reader.GetString(4), User.Split(reader.GetString(5)));
        var hash = reader.IsDBNull(3) ? null : reader.GetString(3);
        return new(user, reader.GetString(2), hash, !reader.IsDBNull(6));
    }

    private async Task SucceededAsync(Row row, string? rehash, CancellationToken cancellationToken)
    {
        var hash = rehash is null ? null : await hashing.HashAsync(rehash, cancellationToken);
        var entry = callers.Stamp(
            new AuditEvent("login_success")
            {
                Actor = row.User.Id,
                Subject = row.User.Id,
                Metadata = new Dictionary<string, object?> { ["methods"] = "pwd" },
            }
        );
        await database.TransactAsync(
            async (connection, transaction) =>
            {
                await Lockouts.ClearAsync(connection, transaction, row.NormalizedName);
                await connection.ExecuteAsync(
                    "UPDATE auth_users SET last_sign_in_at = @now WHERE id = @id",
                    transaction,
                    [("@now", time.Milliseconds()), ("@id", row.User.Id)],
                    default
                );
                if (hash is not null)
                {
                    // Only if nobody changed the password meanwhile.
                    await connection.ExecuteAsync(
                        "UPDATE auth_users SET password_hash = @hash WHERE id = @id AND password_hash = @old",
                        transaction,
                        [("@hash", hash), ("@id", row.User.Id), ("@old", Sql.Text(row.PasswordHash))],
                        default
                    );
                }
                // With a second factor on, the password is half of a sign-in: the other half tells of it.
                var isHalf = await connection.ScalarAsync(
                    "SELECT 1 FROM auth_authenticators WHERE user_id = @id AND confirmed_at IS NOT NULL",
                    transaction,
                    [("@id", row.User.Id)],
                    default
                );
                if (isHalf is null)
                    await audit.AppendAsync(connection, transaction, entry);
                return true;
            },
            cancellationToken
        );
    }

    private sealed record Row(UserSnapshot User, string NormalizedName, string? PasswordHash, bool IsDisabled);
}
