using System.Data.Common;
using System.Globalization;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Users;

/// <summary>
/// Locks a name after failed sign-ins, whether or not it belongs to a user, so that a lock tells nothing. It never ends existing sign-ins
/// and never stops a refresh (security.md §3).
/// </summary>
internal sealed class Lockouts(Database database, IAuditTrail audit, TimeProvider time, IOptions<AuthOptions> options)
{
    private long Window => (long)TimeSpan.FromMinutes(options.Value.Lockout.Minutes).TotalMilliseconds;

    /// <summary>End of the lock on a normalised name, or null.</summary>
    public async Task<DateTimeOffset?> LockedUntilAsync(string name, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var until = await connection.ScalarAsync(
            "SELECT locked_until FROM auth_lockouts WHERE name = @name AND locked_until > @now",
            null,
            [("@name", name), ("@now", time.Milliseconds())],
            cancellationToken
        );
        return until is long milliseconds ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds) : null;
    }

    /// <summary>Counts a failure and writes it to the audit, with the lock where this was the one that brought it.</summary>
    /// <param name="name">Normalised name.</param>
    /// <param name="entry">What the audit is told of the failure.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public Task FailedAsync(string name, AuditEvent entry, CancellationToken cancellationToken) =>
        database.TransactAsync(
            async (connection, transaction) =>
            {
                var (failures, lockedUntil, isNew) = await CountAsync(connection, transaction, name);
                await audit.AppendAsync(connection, transaction, entry);
                if (isNew)
                {
                    var until = DateTimeOffset
                        .FromUnixTimeMilliseconds(lockedUntil)
                        .UtcDateTime.ToString("O", CultureInfo.InvariantCulture);
                    await audit.AppendAsync(
                        connection,
                        transaction,
                        entry with
                        {
                            Type = "account_locked",
                            Reason = $"{failures} failed sign-ins",
                            Metadata = new Dictionary<string, object?> { ["locked_until"] = until },
                        }
                    );
                }
                return true;
            },
            cancellationToken
        );

    /// <summary>Forgets the failures of a name: after a success, or when an administrator unlocks it. True when there were any.</summary>
    public static async Task<bool> ClearAsync(DbConnection connection, DbTransaction? transaction, string name) =>
        await connection.ExecuteAsync("DELETE FROM auth_lockouts WHERE name = @name", transaction, [("@name", name)], default) > 0;

    private async Task<(long Failures, long LockedUntil, bool IsNew)> CountAsync(
        DbConnection connection,
        DbTransaction? transaction,
        string name
    )
    {
        var now = time.Milliseconds();
        var until = now + Window;
        // One statement, so that guesses sent at once are all counted. Old failures are forgotten; a running lock is not prolonged.
        await using var command = connection.Command(
            """
            INSERT INTO auth_lockouts (name, failures, last_failure_at, locked_until)
            VALUES (@name, 1, @now, CASE WHEN 1 >= @threshold THEN @until END)
            ON CONFLICT (name) DO UPDATE SET
                failures = CASE WHEN auth_lockouts.last_failure_at < @forget OR auth_lockouts.locked_until <= @now
                    THEN 1 ELSE auth_lockouts.failures + 1 END,
                last_failure_at = @now,
                locked_until = CASE
                    WHEN auth_lockouts.locked_until > @now THEN auth_lockouts.locked_until
                    WHEN (CASE WHEN auth_lockouts.last_failure_at < @forget OR auth_lockouts.locked_until <= @now
                        THEN 1 ELSE auth_lockouts.failures + 1 END) >= @threshold THEN @until
                END
            RETURNING failures, locked_until
            """,
            transaction,
            ("@name", name),
            ("@now", now),
            ("@until", until),
            ("@forget", now - Window),
            ("@threshold", options.Value.Lockout.Threshold)
        );
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        var failures = reader.GetInt64(0);
        var locked = reader.NullableInt64(1) ?? 0;
        // A failure under a running lock counts on, and is not the one that brought it.
        return (failures, locked, locked == until && failures == options.Value.Lockout.Threshold);
    }
}
