using System.Data.Common;
using System.Globalization;
using System.Reflection;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Tokens;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Auth.Audit;

/// <summary>
/// Closes the hash chain over rows that are committed, a moment after they are. One host at a time does it (PostgreSQL: an advisory lock of
/// the transaction; SQLite: there is one process). Seals are numbered without gaps, and the number is the key: two sealers could not both
/// write one.
/// </summary>
internal sealed partial class AuditSealer(
    Database database,
    AuditKey key,
    AuditTrail trail,
    AuditSignal signal,
    StartupGate startup,
    AuthMetrics metrics,
    TimeProvider time,
    ILogger<AuditSealer> logger
) : BackgroundService
{
    private const int Batch = 200;
    private const long AdvisoryLock = 0x636c_6175_6474; // "claudt"
    private const long Overlap = 100_000;
    private static readonly TimeSpan _gather = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan _poll = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _markAge = TimeSpan.FromSeconds(10);

    // PostgreSQL numbers rows before they are committed, so that a smaller number may appear after a larger one. Everything up to a mark is
    // known to be finished once all transactions that ran when the mark was set have ended.
    private readonly Queue<(long Seq, long Horizon, long At)> _marks = new();
    private readonly SemaphoreSlim _sealing = new(1);
    private long? _floor;

    /// <summary>The last link this process has seen: the end of the chain cannot be cut off behind its back.</summary>
    public long LastNumber { get; private set; }

    /// <summary>Seals all that is committed; returns how many rows it was.</summary>
    public async Task<int> SealAsync(CancellationToken cancellationToken)
    {
        await _sealing.WaitAsync(cancellationToken);
        try
        {
            var sealedRows = 0;
            int found;
            do
            {
                found = await SealBatchAsync(cancellationToken);
                sealedRows += found;
            } while (found == Batch);
            metrics.Unsealed(sealedRows);
            return sealedRows;
        }
        finally
        {
            _sealing.Release();
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (!startup.IsOpen || !key.IsLoaded)
            return;
        await trail.AppendAsync(new AuditEvent("stop"), cancellationToken);
        await SealAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _sealing.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await startup.Opened.WaitAsync(stoppingToken);
            var version = typeof(AuditSealer).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
            await trail.AppendAsync(
                new AuditEvent("start") { Metadata = new Dictionary<string, object?> { ["version"] = version?.Split('+')[0] } },
                stoppingToken
            );
            while (true)
            {
                await WaitAsync(stoppingToken);
                await TryAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Stopping: StopAsync seals the rest.
        }
    }

    private async Task TryAsync(CancellationToken cancellationToken)
    {
        try
        {
            await SealAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is DbException or DatabaseBusyException or TimeoutException)
        {
            // The database is away or busy; rows stay and are sealed later.
            SealingFailed(exception);
        }
    }

    /// <summary>Until rows were written here, or it is time to look for those of other hosts; then a moment more, so that one pass takes many.</summary>
    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var told = signal.WaitAsync(either.Token);
        var first = await Task.WhenAny(told, Task.Delay(_poll, time, either.Token));
        await either.CancelAsync();
        if (first == told)
            await Task.Delay(_gather, time, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
    }

    private async Task<int> SealBatchAsync(CancellationToken cancellationToken)
    {
        var isPostgres = database.Provider == DatabaseProvider.PostgreSql;
        var pass = await database.TransactAsync(
            async (connection, transaction) =>
            {
                if (isPostgres && !await LockAsync(connection, transaction))
                    return null;
                var last = await LastAsync(connection, transaction);
                var floor = _floor ?? Math.Max(0, last.Seq - Overlap);
                var horizon = isPostgres ? await HorizonAsync(connection, transaction) : default;
                var rows = await UnsealedAsync(connection, transaction, floor);
                var good = rows.Where(r => key.Sign(r).AsSpan().SequenceEqual(r.Mac)).ToList();
                var hash = last.Hash;
                var number = last.Number;
                var links = new List<(long Number, string Id, byte[] Hash)>(good.Count);
                foreach (var row in good)
                {
                    hash = key.Seal(++number, hash, row);
                    links.Add((number, row.Id, hash));
                }
                await InsertAsync(connection, transaction, links);
                return new Pass(number, rows, rows.Count - good.Count, floor, horizon);
            },
            cancellationToken
        );
        if (pass is null)
            return 0;
        LastNumber = Math.Max(LastNumber, pass.LastNumber);
        _floor = NextFloor(pass, isPostgres);
        if (pass.Forged > 0)
            Forged(pass.Forged);
        return pass.Rows.Count;
    }

    private long NextFloor(Pass pass, bool isPostgres)
    {
        // Rows that were refused stay unsealed, for the verifier to name; looking at them again would find nothing else.
        var seen = pass.Rows.Count == 0 ? pass.Floor : pass.Rows[^1].Seq;
        if (!isPostgres)
            return seen;
        if (pass.Horizon.LastSeq > 0)
            _marks.Enqueue((pass.Horizon.LastSeq, pass.Horizon.Next, time.GetTimestamp()));
        var floor = pass.Floor;
        while (
            pass.Rows.Count < Batch
            && _marks.TryPeek(out var mark)
            && mark.Horizon <= pass.Horizon.Oldest
            && time.GetElapsedTime(mark.At) >= _markAge
        )
        {
            floor = Math.Max(floor, mark.Seq);
            _marks.Dequeue();
        }
        return floor;
    }

    private static async Task<bool> LockAsync(DbConnection connection, DbTransaction? transaction) =>
        await connection.ScalarAsync("SELECT pg_try_advisory_xact_lock(@key)", transaction, [("@key", AdvisoryLock)], default) is true;

    private static async Task<(long Number, byte[] Hash, long Seq)> LastAsync(DbConnection connection, DbTransaction? transaction)
    {
        await using var command = connection.Command(
            "SELECT s.number, s.hash, COALESCE(a.seq, 0) FROM auth_audit_seals s LEFT JOIN auth_audit a ON a.id = s.audit_id "
                + "ORDER BY s.number DESC LIMIT 1",
            transaction
        );
        await using var reader = await command.ExecuteReaderAsync();
        return await reader.ReadAsync() ? (reader.GetInt64(0), reader.GetFieldValue<byte[]>(1), reader.GetInt64(2)) : (0, new byte[32], 0);
    }

    private static async Task<Horizon> HorizonAsync(DbConnection connection, DbTransaction? transaction)
    {
        await using var command = connection.Command(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, pg_snapshot_xmax(pg_current_snapshot())::text, "
                + "COALESCE((SELECT max(seq) FROM auth_audit), 0)",
            transaction
        );
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return new(
            long.Parse(reader.GetString(0), CultureInfo.InvariantCulture),
            long.Parse(reader.GetString(1), CultureInfo.InvariantCulture),
            reader.GetInt64(2)
        );
    }

    private static async Task<List<AuditRecord>> UnsealedAsync(DbConnection connection, DbTransaction? transaction, long floor)
    {
        var rows = new List<AuditRecord>();
        await using var command = connection.Command(
            $"SELECT {AuditRecord.Columns} FROM auth_audit a WHERE a.seq > @floor "
                + "AND NOT EXISTS (SELECT 1 FROM auth_audit_seals s WHERE s.audit_id = a.id) ORDER BY a.seq LIMIT @batch",
            transaction,
            ("@floor", floor),
            ("@batch", Batch)
        );
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            rows.Add(AuditRecord.Read(reader, 0));
        return rows;
    }

    private static async Task InsertAsync(
        DbConnection connection,
        DbTransaction? transaction,
        List<(long Number, string Id, byte[] Hash)> links
    )
    {
        if (links.Count == 0)
            return;
        var sql = new StringBuilder("INSERT INTO auth_audit_seals (number, audit_id, hash) VALUES ");
        var parameters = new List<(string, object?)>(links.Count * 3);
        for (var i = 0; i < links.Count; i++)
        {
            sql.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : ", ")}(@n{i}, @a{i}, @h{i})");
            parameters.Add(($"@n{i}", links[i].Number));
            parameters.Add(($"@a{i}", links[i].Id));
            parameters.Add(($"@h{i}", links[i].Hash));
        }
        await connection.ExecuteAsync(sql.ToString(), transaction, [.. parameters], default);
    }

    /// <summary>What one transaction did.</summary>
    private sealed record Pass(long LastNumber, List<AuditRecord> Rows, int Forged, long Floor, Horizon Horizon);

    /// <summary>The oldest transaction that runs, the next one that will, and the last row there is.</summary>
    private readonly record struct Horizon(long Oldest, long Next, long LastSeq);

    [LoggerMessage(2040, LogLevel.Warning, "The audit could not be sealed; its rows are kept and sealed later")]
    private partial void SealingFailed(Exception exception);

    [LoggerMessage(2041, LogLevel.Error, "{Count} rows of the audit were not written by this service and stay out of its chain")]
    private partial void Forged(int count);
}
