using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Users;

/// <summary>
/// Locks a name after failed sign-ins, whether or not it belongs to a user, so that a lock tells nothing. It never ends existing sign-ins
/// and never stops a refresh (security.md §3).
/// </summary>
internal sealed class Lockouts(Database database, TimeProvider time, IOptions<AuthOptions> options)
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

    /// <summary>Counts a failure; true when it was the one that locked the name.</summary>
    public async Task<bool> FailedAsync(string name, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        // One statement, so that guesses sent at once are all counted. Old failures are forgotten; a running lock is not prolonged.
        var locked = await connection.ScalarAsync(
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
            RETURNING locked_until
            """,
            null,
            [
                ("@name", name),
                ("@now", time.Milliseconds()),
                ("@until", time.Milliseconds() + Window),
                ("@forget", time.Milliseconds() - Window),
                ("@threshold", options.Value.Lockout.Threshold),
            ],
            cancellationToken
        );
        return locked is long;
    }

    /// <summary>Forgets the failures of a name: after a success, or when an administrator unlocks it.</summary>
    public Task ClearAsync(string name, CancellationToken cancellationToken) =>
        database.ExecuteAsync("DELETE FROM auth_lockouts WHERE name = @name", [("@name", name)], cancellationToken);
}
