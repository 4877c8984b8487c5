using System.Data.Common;
using System.Globalization;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Audit;

/// <summary>
/// Removes what is older than it is to be kept, from the beginning of the chain only. The last link it passes stays, without its row, and
/// an event of the audit tells number and hash of it: so the rest can still be verified, and a beginning that somebody else removed is
/// noticed.
/// </summary>
internal sealed partial class AuditRetention(
    Database database,
    AuditTrail trail,
    StartupGate startup,
    IOptions<AuthOptions> options,
    TimeProvider time,
    ILogger<AuditRetention> logger
) : BackgroundService
{
    public const string EventType = "audit.pruned";
    private const int Batch = 2_000;
    private static readonly TimeSpan _first = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan _interval = TimeSpan.FromHours(6);

    /// <summary>What an event of type <see cref="EventType"/> says, as it is stored.</summary>
    public static string Proof(long number, byte[] hash) =>
        string.Create(CultureInfo.InvariantCulture, $$"""{"through":{{number}},"hash":"{{Convert.ToHexStringLower(hash)}}"}""");

    /// <summary>Removes all that is too old; returns how many rows it was.</summary>
    public async Task<long> PruneAsync(CancellationToken cancellationToken)
    {
        var before = time.GetUtcNow().AddDays(-options.Value.AuditDays).ToUnixTimeMilliseconds();
        long removed = 0;
        int count;
        do
        {
            count = await database.TransactAsync((c, t) => PruneBatchAsync(c, t, before), cancellationToken);
            removed += count;
        } while (count >= Batch);
        return removed;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await startup.Opened.WaitAsync(stoppingToken);
            await Task.Delay(_first, time, stoppingToken);
            while (true)
            {
                try
                {
                    if (await PruneAsync(stoppingToken) is var removed and > 0)
                        Pruned(removed, options.Value.AuditDays);
                }
                catch (Exception exception) when (exception is DbException or DatabaseBusyException or TimeoutException)
                {
                    PruningFailed(exception);
                }
                await Task.Delay(_interval, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Stopping.
        }
    }

    private async Task<int> PruneBatchAsync(DbConnection connection, DbTransaction? transaction, long before)
    {
        var old = new List<(long Number, string Id, byte[] Hash)>(Batch);
        await using (
            var command = connection.Command(
                "SELECT s.number, s.hash, s.audit_id, a.time FROM auth_audit_seals s LEFT JOIN auth_audit a ON a.id = s.audit_id "
                    + "ORDER BY s.number LIMIT @batch"
                    // Two hosts must not both tell that they removed the same rows.
                    + (transaction is Npgsql.NpgsqlTransaction ? " FOR UPDATE OF s" : ""),
                transaction,
                ("@batch", Batch + 1)
            )
        )
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
            {
                // The link that was kept last time has no row.
                if (reader.IsDBNull(3) && old.Count > 0)
                    break;
                if (!reader.IsDBNull(3) && reader.GetInt64(3) >= before)
                    break;
                old.Add((reader.GetInt64(0), reader.GetString(2), reader.GetFieldValue<byte[]>(1)));
            }
        }
        var last = old.Count == 0 ? default : old[^1];
        var rows = await CountAsync(connection, transaction, last.Number);
        if (rows == 0)
            return 0;
        await connection.ExecuteAsync(
            "DELETE FROM auth_audit WHERE id IN (SELECT audit_id FROM auth_audit_seals WHERE number <= @last)",
            transaction,
            [("@last", last.Number)],
            default
        );
        await connection.ExecuteAsync("DELETE FROM auth_audit_seals WHERE number < @last", transaction, [("@last", last.Number)], default);
        await trail.AppendAsync(
            connection,
            transaction,
            new AuditEvent(EventType)
            {
                Metadata = new Dictionary<string, object?> { ["through"] = last.Number, ["hash"] = Convert.ToHexStringLower(last.Hash) },
            }
        );
        return rows;
    }

    private static async Task<int> CountAsync(DbConnection connection, DbTransaction? transaction, long last) =>
        Convert.ToInt32(
            await connection.ScalarAsync(
                "SELECT COUNT(*) FROM auth_audit WHERE id IN (SELECT audit_id FROM auth_audit_seals WHERE number <= @last)",
                transaction,
                [("@last", last)],
                default
            ),
            CultureInfo.InvariantCulture
        );

    [LoggerMessage(2042, LogLevel.Information, "Removed {Count} rows of the audit that were older than {Days} days")]
    private partial void Pruned(long count, int days);

    [LoggerMessage(2043, LogLevel.Warning, "Old rows of the audit could not be removed; this is tried again")]
    private partial void PruningFailed(Exception exception);
}
