using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;

namespace CodeLab.Modules.Auth.Setup;

/// <summary>Where the set-up link is printed: the console itself, never the logger, whose output is kept and shipped.</summary>
internal sealed class SetupConsole
{
    public TextWriter Out { get; init; } = Console.Out;
}

/// <summary>What became of a set-up token.</summary>
internal enum TokenCheck
{
    Right,
    Wrong,
    Expired,
    Claimed,
}

/// <summary>
/// Whether the service has its first administrator. The token of the set-up link is known to the console only; the store has its SHA-256
/// (security.md §5).
/// </summary>
internal sealed class SetupState(
    Database database,
    IAuditTrail audit,
    Callers callers,
    TimeProvider time,
    ServiceAddress address,
    SetupConsole console
)
{
    private const int MostWrongTokens = 10;
    private static readonly TimeSpan _lifetime = TimeSpan.FromMinutes(60);
    private static readonly TimeSpan _together = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _recheck = TimeSpan.FromSeconds(1);
    private volatile bool _claimed;
    private long _askedAt;

    /// <summary>True once there is an administrator. Another host may have made one, so a "no" is asked again after a second.</summary>
    public async ValueTask<bool> IsClaimedAsync(CancellationToken cancellationToken)
    {
        if (_claimed)
            return true;
        if (_askedAt != 0 && time.GetElapsedTime(_askedAt) < _recheck)
            return false;
        await using var connection = await database.OpenAsync(cancellationToken);
        var claimed = await ReadAsync(connection, cancellationToken);
        _askedAt = time.GetTimestamp();
        return claimed;
    }

    /// <summary>Reads the store.</summary>
    public async Task<bool> ReadAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        var claimed = await connection.ScalarAsync(
            "SELECT CASE WHEN EXISTS (SELECT 1 FROM auth_setup WHERE claimed_at IS NOT NULL) "
                + "OR EXISTS (SELECT 1 FROM auth_users WHERE roles LIKE @admin) THEN 1 ELSE 0 END",
            null,
            [("@admin", $"%{Roles.Admin}%")],
            cancellationToken
        );
        if (Convert.ToInt32(claimed, System.Globalization.CultureInfo.InvariantCulture) == 1)
            _claimed = true;
        return _claimed;
    }

    /// <summary>Makes a new token, of which only the hash is kept, and prints its link; false when there is an administrator already.</summary>
    /// <param name="isFirstStart">
    /// True at a start: of several nodes that start together only the one that wrote the row prints it, or all links but the last would be
    /// void.
    /// </param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<bool> PrintLinkAsync(bool isFirstStart, CancellationToken cancellationToken)
    {
        var token = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        var now = time.GetUtcNow();
        var expires = (now + _lifetime).ToUnixTimeMilliseconds();
        // One process has no others to wait for, and whoever restarts it looks at its newest output.
        var keep =
            isFirstStart && database.Provider == DatabaseProvider.PostgreSql ? expires - (long)_together.TotalMilliseconds : long.MaxValue;
        var written = await database.TransactAsync(
            (connection, transaction) =>
                connection.ExecuteAsync(
                    "INSERT INTO auth_setup (id, token_hash, expires_at, wrong_tokens) VALUES (1, @hash, @expires, 0) "
                        + "ON CONFLICT (id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at, "
                        + "wrong_tokens = 0 "
                        + "WHERE auth_setup.claimed_at IS NULL AND (auth_setup.token_hash IS NULL OR auth_setup.expires_at < @keep)",
                    transaction,
                    [("@hash", Hash(token)), ("@expires", expires), ("@keep", keep)],
                    default
                ),
            cancellationToken
        );
        if (written == 1)
        {
            await console.Out.WriteLineAsync(
                $"Open {address.Base}/setup#{token} within {_lifetime.TotalMinutes:0} min to create the administrator"
            );
        }
        else if (isFirstStart)
        {
            await console.Out.WriteLineAsync(
                "Another node has just printed the set-up link. To print a new one, run this program with: setup-link"
            );
        }
        await console.Out.FlushAsync(cancellationToken);
        return written == 1;
    }

    /// <summary>Checks a token before any work is done for its bearer. The tenth wrong one makes a new link.</summary>
    public async Task<TokenCheck> CheckAsync(string token, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        if (await ReadAsync(connection, cancellationToken))
            return TokenCheck.Claimed;
        byte[]? stored = null;
        long expires = 0;
        await using (var command = connection.Command("SELECT token_hash, expires_at, claimed_at FROM auth_setup WHERE id = 1", null))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            var found = await reader.ReadAsync(cancellationToken);
            // Somebody claimed it since the question above: the token was right, and is gone.
            if (found && !reader.IsDBNull(2))
                return TokenCheck.Claimed;
            if (found && !reader.IsDBNull(0))
                (stored, expires) = (reader.GetFieldValue<byte[]>(0), reader.GetInt64(1));
        }
        if (stored is not null && CryptographicOperations.FixedTimeEquals(stored, Hash(token)))
            return expires > time.Milliseconds() ? TokenCheck.Right : TokenCheck.Expired;
        var entry = callers.Stamp(new AuditEvent("setup.failed") { Outcome = "failure", Reason = "wrong token" });
        var wrong = await database.TransactAsync(
            async (writing, transaction) =>
            {
                await audit.AppendAsync(writing, transaction, entry);
                return await writing.ScalarAsync(
                    "UPDATE auth_setup SET wrong_tokens = wrong_tokens + 1 WHERE id = 1 RETURNING wrong_tokens",
                    transaction,
                    [],
                    default
                );
            },
            cancellationToken
        );
        if (Convert.ToInt64(wrong, System.Globalization.CultureInfo.InvariantCulture) >= MostWrongTokens)
            await PrintLinkAsync(isFirstStart: false, cancellationToken);
        return TokenCheck.Wrong;
    }

    /// <summary>Claims the set-up in the caller's transaction: of any number of claims one gets true, and it makes the administrator.</summary>
    /// <param name="token">Token of the link; null for the administrator named in the environment.</param>
    public AccountGuard Claim(string? token)
    {
        var entry = callers.Stamp(
            new AuditEvent("setup.claimed")
            {
                Metadata = new Dictionary<string, object?> { ["by"] = token is null ? "environment" : "link" },
            }
        );
        return async (connection, transaction, userId) =>
        {
            var claimed = await TryClaimAsync(connection, transaction, token, userId);
            if (claimed)
                await audit.AppendAsync(connection, transaction, entry with { Actor = userId, Subject = userId });
            return claimed;
        };
    }

    private async Task<bool> TryClaimAsync(DbConnection connection, DbTransaction? transaction, string? token, string userId)
    {
        var now = time.Milliseconds();
        if (token is not null)
        {
            return await connection.ExecuteAsync(
                    "UPDATE auth_setup SET claimed_at = @now, claimed_by = @user, token_hash = NULL "
                        + "WHERE id = 1 AND claimed_at IS NULL AND token_hash = @hash AND expires_at > @now",
                    transaction,
                    [("@now", now), ("@user", userId), ("@hash", Hash(token))],
                    default
                ) == 1;
        }
        return await connection.ExecuteAsync(
                "INSERT INTO auth_setup (id, expires_at, wrong_tokens, claimed_at, claimed_by) VALUES (1, @now, 0, @now, @user) "
                    + "ON CONFLICT (id) DO UPDATE SET claimed_at = @now, claimed_by = @user, token_hash = NULL "
                    + "WHERE auth_setup.claimed_at IS NULL",
                transaction,
                [("@now", now), ("@user", userId)],
                default
            ) == 1;
    }

    /// <summary>Lets everybody in; called after the commit.</summary>
    public void Claimed() => _claimed = true;

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}
