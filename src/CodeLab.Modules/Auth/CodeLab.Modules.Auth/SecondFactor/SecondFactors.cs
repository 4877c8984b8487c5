using System.Globalization;
using System.Security.Cryptography;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Secrets;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;
using OtpNet;

namespace CodeLab.Modules.Auth.SecondFactor;

/// <summary>How a try of a code ended.</summary>
internal abstract record FactorOutcome
{
    public sealed record Right : FactorOutcome;

    public sealed record Wrong : FactorOutcome;

    /// <summary>Too many wrong codes: not even the right one is taken until then.</summary>
    public sealed record Locked(DateTimeOffset Until) : FactorOutcome;
}

/// <summary>An authenticator that is being set up.</summary>
/// <param name="Secret">The shared secret, as people type it.</param>
/// <param name="Uri">The same as an address for authenticator apps, shown as a QR code.</param>
internal sealed record Enrolment(string Secret, string Uri);

/// <summary>
/// Time-based codes (RFC 6238) and the recovery codes beside them. A code is good once: its time step is written by one conditional
/// statement, and whoever comes second with it is refused (RFC 6238 §5.2).
/// </summary>
internal sealed class SecondFactors(
    Database database,
    KeyEncryptionKey kek,
    Lockouts lockouts,
    IAuditTrail audit,
    Callers callers,
    TimeProvider time
)
{
    private const int SecretBytes = 20;

    // One step of clock difference each way.
    private static readonly VerificationWindow _window = new(previous: 1, future: 1);

    /// <summary>True when the user must show a code after the password.</summary>
    public async Task<bool> IsOnAsync(string userId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.ScalarAsync(
            "SELECT 1 FROM auth_authenticators WHERE user_id = @user AND confirmed_at IS NOT NULL",
            null,
            [("@user", userId)],
            cancellationToken
        )
            is not null;
    }

    /// <summary>Recovery codes that are left.</summary>
    public async Task<int> RecoveryCodesLeftAsync(string userId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var left = await connection.ScalarAsync(
            "SELECT COUNT(*) FROM auth_recovery_codes WHERE user_id = @user",
            null,
            [("@user", userId)],
            cancellationToken
        );
        return Convert.ToInt32(left, CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// The secret to set an app up with: the one begun before, or a new one. It asks for nothing until a first code confirms it.
    /// </summary>
    /// <returns>Null when a second factor is on already.</returns>
    public async Task<Enrolment?> BeginAsync(string userId, string userName, CancellationToken cancellationToken)
    {
        var fresh = RandomNumberGenerator.GetBytes(SecretBytes);
        await database.TransactAsync(
            (connection, transaction) =>
                connection.ExecuteAsync(
                    "INSERT INTO auth_authenticators (user_id, secret, created_at, last_step) VALUES (@user, @secret, @now, 0) "
                        + "ON CONFLICT (user_id) DO NOTHING",
                    transaction,
                    [("@user", userId), ("@secret", kek.Protect(fresh, Purpose(userId))), ("@now", time.Milliseconds())],
                    CancellationToken.None
                ),
            cancellationToken
        );
        CryptographicOperations.ZeroMemory(fresh);
        if (await FindAsync(userId, cancellationToken) is not { IsConfirmed: false } begun)
            return null;
        var text = Base32Encoding.ToString(begun.Secret).TrimEnd('=');
        var label = Uri.EscapeDataString("CodeLab:" + userName);
        return new(text, $"otpauth://totp/{label}?secret={text}&issuer=CodeLab&algorithm=SHA1&digits=6&period=30");
    }

    /// <summary>Turns the second factor on when the code shows that the app has the secret.</summary>
    /// <returns>The recovery codes, which are shown once; null when the code is wrong.</returns>
    public async Task<IReadOnlyList<string>?> ConfirmAsync(string userId, string code, CancellationToken cancellationToken)
    {
        if (await FindAsync(userId, cancellationToken) is not { IsConfirmed: false } begun || !Matches(begun, code, out var step))
            return null;
        var codes = NewCodes();
        var entry = callers.Stamp(new("second_factor.enabled") { Subject = userId });
        var on = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var changed = await connection.ExecuteAsync(
                    "UPDATE auth_authenticators SET confirmed_at = @now, last_step = @step WHERE user_id = @user AND confirmed_at IS NULL",
                    transaction,
                    [("@now", time.Milliseconds()), ("@step", step), ("@user", userId)],
                    CancellationToken.None
                );
                if (changed == 0)
                    return false;
                await ReplaceCodesAsync(connection, transaction, userId, codes);
                await audit.AppendAsync(connection, transaction, entry);
                return true;
            },
            cancellationToken
        );
        return on ? codes : null;
    }

    /// <summary>Turns the second factor off, or forgets one that was only begun; its recovery codes go with it.</summary>
    public Task<bool> TurnOffAsync(string userId, CancellationToken cancellationToken)
    {
        var entry = callers.Stamp(new("second_factor.disabled") { Subject = userId });
        (string, object?)[] user = [("@user", userId)];
        return database.TransactAsync(
            async (connection, transaction) =>
            {
                await connection.ExecuteAsync("DELETE FROM auth_recovery_codes WHERE user_id = @user", transaction, user, default);
                var confirmed = await connection.ScalarAsync(
                    "DELETE FROM auth_authenticators WHERE user_id = @user RETURNING confirmed_at",
                    transaction,
                    user,
                    default
                );
                if (confirmed is long)
                    await audit.AppendAsync(connection, transaction, entry);
                return confirmed is long;
            },
            cancellationToken
        );
    }

    /// <summary>Replaces the recovery codes; the old ones are void.</summary>
    /// <returns>The new ones; null when no second factor is on.</returns>
    public async Task<IReadOnlyList<string>?> RenewCodesAsync(string userId, CancellationToken cancellationToken)
    {
        if (!await IsOnAsync(userId, cancellationToken))
            return null;
        var codes = NewCodes();
        var entry = callers.Stamp(new("recovery_codes.renewed") { Subject = userId });
        return await database.TransactAsync(
            async (connection, transaction) =>
            {
                await ReplaceCodesAsync(connection, transaction, userId, codes);
                await audit.AppendAsync(connection, transaction, entry);
                return codes;
            },
            cancellationToken
        );
    }

    /// <summary>Takes a code of the app. Wrong ones are counted and lock, apart from those of the password.</summary>
    public Task<FactorOutcome> TakeCodeAsync(string userId, string code, CancellationToken cancellationToken) =>
        TakeAsync(
            userId,
            async () =>
            {
                if (await FindAsync(userId, cancellationToken) is not { IsConfirmed: true } factor || !Matches(factor, code, out var step))
                    return false;
                return await database.TransactAsync(
                    async (connection, transaction) =>
                        await connection.ExecuteAsync(
                            "UPDATE auth_authenticators SET last_step = @step "
                                + "WHERE user_id = @user AND confirmed_at IS NOT NULL AND last_step < @step",
                            transaction,
                            [("@step", step), ("@user", userId)],
                            CancellationToken.None
                        ) == 1,
                    cancellationToken
                );
            },
            cancellationToken
        );

    /// <summary>Takes a recovery code; it is gone then.</summary>
    public Task<FactorOutcome> TakeRecoveryCodeAsync(string userId, string code, CancellationToken cancellationToken) =>
        TakeAsync(
            userId,
            async () =>
                RecoveryCodes.LooksLikeOne(code)
                && await database.TransactAsync(
                    async (connection, transaction) =>
                        await connection.ExecuteAsync(
                            "DELETE FROM auth_recovery_codes WHERE user_id = @user AND hash = @hash",
                            transaction,
                            [("@user", userId), ("@hash", RecoveryCodes.Hash(userId, code))],
                            CancellationToken.None
                        ) == 1,
                    cancellationToken
                ),
            cancellationToken
        );

    /// <summary>Name under which wrong codes of a user are counted; cleared when an administrator unlocks them.</summary>
    public static string LockName(string userId) => "otp:" + userId;

    private async Task<FactorOutcome> TakeAsync(string userId, Func<Task<bool>> take, CancellationToken cancellationToken)
    {
        // Names are locked in upper case, so that nobody who fails to sign in as "otp:…" locks somebody's second factor.
        var key = LockName(userId);
        if (await lockouts.LockedUntilAsync(key, cancellationToken) is { } until)
            return new FactorOutcome.Locked(until);
        if (await take())
        {
            await database.TransactAsync(
                (connection, transaction) => Lockouts.ClearAsync(connection, transaction, key),
                CancellationToken.None
            );
            return new FactorOutcome.Right();
        }
        // Counted even when the caller has left: hanging up must not buy another guess.
        var entry = callers.Stamp(
            new("login_failed")
            {
                Actor = userId,
                Subject = userId,
                Outcome = "failure",
                Reason = "wrong code",
            }
        );
        await lockouts.FailedAsync(key, entry, CancellationToken.None);
        return await lockouts.LockedUntilAsync(key, CancellationToken.None) is { } locked
            ? new FactorOutcome.Locked(locked)
            : new FactorOutcome.Wrong();
    }

    private bool Matches(Factor factor, string code, out long step)
    {
        var digits = string.Concat(code.Where(char.IsAsciiDigit));
        step = 0;
        return digits.Length == 6 && new Totp(factor.Secret).VerifyTotp(time.GetUtcNow().UtcDateTime, digits, out step, _window);
    }

    private async Task<Factor?> FindAsync(string userId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT secret, confirmed_at FROM auth_authenticators WHERE user_id = @user",
            null,
            ("@user", userId)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new(kek.Unprotect(reader.GetFieldValue<byte[]>(0), Purpose(userId)), !reader.IsDBNull(1))
            : null;
    }

    private static async Task ReplaceCodesAsync(
        System.Data.Common.DbConnection connection,
        System.Data.Common.DbTransaction? transaction,
        string userId,
        IReadOnlyList<string> codes
    )
    {
        await connection.ExecuteAsync("DELETE FROM auth_recovery_codes WHERE user_id = @user", transaction, [("@user", userId)], default);
        foreach (var code in codes)
        {
            await connection.ExecuteAsync(
                "INSERT INTO auth_recovery_codes (user_id, hash) VALUES (@user, @hash)",
                transaction,
                [("@user", userId), ("@hash", RecoveryCodes.Hash(userId, code))],
                default
            );
        }
    }

    private static string[] NewCodes() => [.. Enumerable.Range(0, RecoveryCodes.Number).Select(_ => RecoveryCodes.New())];

    private static string Purpose(string userId) => "auth_authenticators/" + userId;

    private sealed record Factor(byte[] Secret, bool IsConfirmed);
}
