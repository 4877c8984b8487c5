using System.Diagnostics;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>
/// Deletes rows that have expired and are of no use any more. In small batches with pauses between them: a batch delays a request by no more
/// than another request would, whether ten rows wait or a million.
/// </summary>
internal sealed partial class Pruning(
    Database database,
    StartupGate startup,
    TimeProvider time,
    IOptions<AuthOptions> options,
    ILogger<Pruning> logger
) : BackgroundService
{
    private const int Batch = 100;

    // The share of the time the database is ours: one part in five.
    private const int PausePerWork = 4;
    private static readonly TimeSpan _shortestPause = TimeSpan.FromMilliseconds(10);

    // Spent and expired rows are kept for a while: a code or token that comes back late still tells of a theft. A sign-in goes after its
    // tokens, so that no cascade deletes thousands of rows at once.
    private static readonly (string Table, string Key, string Condition, TimeSpan Kept)[] _rules =
    [
        ("auth_socket_tickets", "hash", "expires_at < @before", TimeSpan.FromMinutes(1)),
        ("auth_device_codes", "hash", "expires_at < @before", TimeSpan.FromHours(1)),
        ("auth_codes", "hash", "expires_at < @before", TimeSpan.FromDays(1)),
        ("auth_refresh_tokens", "hash", "expires_at < @before", TimeSpan.FromDays(7)),
        (
            "auth_sign_ins",
            "id",
            "expires_at < @before AND NOT EXISTS (SELECT 1 FROM auth_refresh_tokens t WHERE t.sign_in_id = auth_sign_ins.id)",
            TimeSpan.FromDays(7)
        ),
        ("auth_lockouts", "name", "last_failure_at < @before AND (locked_until IS NULL OR locked_until < @before)", TimeSpan.FromDays(2)),
    ];

    /// <summary>Deletes all there is to delete.</summary>
    /// <returns>How many rows that was.</returns>
    public async Task<long> PruneAsync(CancellationToken cancellationToken)
    {
        var all = 0L;
        foreach (var (table, key, condition, kept) in _rules)
        {
            // Several hosts may prune at once: none waits for a row another one is deleting.
            var skip = database.Provider == DatabaseProvider.PostgreSql ? " FOR UPDATE SKIP LOCKED" : "";
            var sql = $"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {condition} LIMIT {Batch}{skip})";
            var before = time.Milliseconds() - (long)kept.TotalMilliseconds;
            int deleted;
            do
            {
                var since = Stopwatch.GetTimestamp();
                deleted = await database.TransactAsync(
                    (connection, transaction) => connection.ExecuteAsync(sql, transaction, [("@before", before)], CancellationToken.None),
                    cancellationToken
                );
                all += deleted;
                if (deleted > 0)
                {
                    var pause = Stopwatch.GetElapsedTime(since) * PausePerWork;
                    await Task.Delay(pause > _shortestPause ? pause : _shortestPause, time, cancellationToken);
                }
            } while (deleted == Batch);
        }
        return all;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await startup.Opened.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(options.Value.PruneMinutes), time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                if (await PruneAsync(stoppingToken) is > 0 and var deleted)
                    Pruned(deleted);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                // Nothing depends on it: the next round may work.
                PruneFailed(failure);
            }
        }
    }

    [LoggerMessage(2005, LogLevel.Information, "Deleted {Count} expired rows")]
    private partial void Pruned(long count);

    [LoggerMessage(2006, LogLevel.Error, "Expired rows could not be deleted")]
    private partial void PruneFailed(Exception exception);
}
