using CodeLab.BuildingBlocks.Data;
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
internal sealed class PasswordSignIn(Database database, Lockouts lockouts, PasswordHashing hashing, TimeProvider time)
{
    /// <exception cref="PasswordQueueFullException">Too many passwords are being checked.</exception>
    public async Task<SignInOutcome> TryAsync(string name, string password, CancellationToken cancellationToken)
    {
        var row = await FindAsync(name, cancellationToken);
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
            await lockouts.FailedAsync(lockName, CancellationToken.None);
            return new SignInOutcome.Failed();
        }
        await SucceededAsync(row, verified == PasswordVerificationResult.SuccessRehashNeeded ? password : null, cancellationToken);
        return new SignInOutcome.Succeeded(row.User);
    }

    /// <summary>End of the lock that a sign-in by this name would meet.</summary>
    public async Task<DateTimeOffset?> LockedUntilAsync(string name, CancellationToken cancellationToken)
    {
        var row = await FindAsync(name, cancellationToken);
        return await lockouts.LockedUntilAsync(row?.NormalizedName ?? Normalize(name), cancellationToken);
    }

    public static string Normalize(string name)
    {
        var upper = (name.Length > 256 ? name[..256] : name).ToUpperInvariant();
        return upper.Replace("\0", "", StringComparison.Ordinal);
    }

    private async Task<Row?> FindAsync(string name, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT id, user_name, normalized_user_name, password_hash, security_stamp, roles, disabled_at FROM auth_users "
                + "WHERE normalized_user_name = @name OR normalized_email = @name",
            null,
            ("@name", Normalize(name))
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
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(
            "DELETE FROM auth_lockouts WHERE name = @name",
            transaction,
            [("@name", row.NormalizedName)],
            cancellationToken
        );
        await connection.ExecuteAsync(
            "UPDATE auth_users SET last_sign_in_at = @now WHERE id = @id",
            transaction,
            [("@now", time.Milliseconds()), ("@id", row.User.Id)],
            cancellationToken
        );
        if (hash is not null)
        {
            // Only if nobody changed the password meanwhile.
            await connection.ExecuteAsync(
                "UPDATE auth_users SET password_hash = @hash WHERE id = @id AND password_hash = @old",
                transaction,
                [("@hash", hash), ("@id", row.User.Id), ("@old", row.PasswordHash)],
                cancellationToken
            );
        }
        await transaction.CommitAsync(cancellationToken);
    }

    private sealed record Row(UserSnapshot User, string NormalizedName, string? PasswordHash, bool IsDisabled);
}
