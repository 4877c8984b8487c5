using System.Data.Common;
using System.Net.Sockets;
using System.Threading.Channels;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Llm.Budgets;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>
/// Writes a row for every call, adds it to the roll-ups and posts it to its budgets, all in one transaction. One writer takes what has come
/// together and commits it at once: under load many calls share a commit, and a single call waits for one. While the database is away rows
/// wait here, and the gate admits nobody.
/// </summary>
internal sealed partial class UsageLedger(Database database, Reservations reservations, TimeProvider time, ILogger<UsageLedger> logger)
    : BackgroundService
{
    private const int MostInBatch = 512;
    private const int MostWaiting = 100_000;
    private const int RowBytes = 600;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    // Full = the database can not keep up: calls then end later, and nothing is lost.
    private readonly Channel<LedgerItem> _queue = Channel.CreateBounded<LedgerItem>(
        new BoundedChannelOptions(8192) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait }
    );
    private readonly List<LedgerItem> _backlog = [];
    private volatile bool _isHealthy = true;

    /// <summary>False while rows can not be written: money that can not be put on record must not be spent (security.md G11).</summary>
    public bool IsHealthy => _isHealthy;

    /// <summary>Notes a call under way.</summary>
    public void Open(OpenedCall call)
    {
        // Full: the call goes unnoted, which matters only if this node dies during it.
        _queue.Writer.TryWrite(new LedgerItem { Opened = call });
    }

    /// <summary>Returns when the row is committed. A row that can not be written is logged, and does not cost the user the answer.</summary>
    public Task RecordAsync(UsageEntry entry) => SettleAsync(entry, [], opened: null);

    /// <summary>The same for a call with reservations.</summary>
    public async Task SettleAsync(UsageEntry entry, BudgetPosting[] postings, OpenedCall? opened)
    {
        opened?.IsSettled = true;
        var item = new LedgerItem
        {
            Entry = entry,
            Postings = postings,
            Opened = opened,
            Written = new(TaskCreationOptions.RunContinuationsAsynchronously),
        };
        if (_queue.Writer.TryWrite(item) || await QueueAsync(item))
            await item.Written.Task;
        else
            await WriteLateAsync(item);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // What is queued is still written; calls that end later write their row themselves.
        _queue.Writer.TryComplete();
        if (ExecuteTask is { } writing)
            await writing.WaitAsync(cancellationToken);
        await base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var items = new List<LedgerItem>(MostInBatch);
        // Ends when the queue is completed, not with the token: rows of finished calls must not be lost.
        while (await _queue.Reader.WaitToReadAsync(CancellationToken.None))
        {
            do
            {
                items.Clear();
                while (items.Count < MostInBatch && _queue.Reader.TryRead(out var item))
                    items.Add(item);
                await WriteAsync(items);
                if (_backlog.Count > 0)
                    await RetryAsync(stoppingToken);
            } while (_backlog.Count > 0 && !stoppingToken.IsCancellationRequested);
        }
        if (_backlog.Count > 0)
            await WriteAsync([]);
        foreach (var item in _backlog)
            GiveUp(item, null);
    }

    private async Task RetryAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Task.Delay(RetryAfter, time, stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // Stopping: one last try follows.
        }
    }

    private async Task<bool> QueueAsync(LedgerItem item)
    {
        try
        {
            await _queue.Writer.WriteAsync(item);
            return true;
        }
        catch (ChannelClosedException)
        {
            return false;
        }
    }

    private async Task WriteLateAsync(LedgerItem item)
    {
        try
        {
            await CommitAsync(ToBatch([item]));
        }
        catch (Exception e) when (e is DbException or DatabaseBusyException)
        {
            GiveUp(item, e);
        }
    }

    private async Task WriteAsync(List<LedgerItem> items)
    {
        List<LedgerItem> all = _backlog.Count == 0 ? items : [.. _backlog, .. items];
        if (all.Count == 0)
            return;
        try
        {
            await CommitAsync(ToBatch(all));
            _backlog.Clear();
            Recovered();
        }
        catch (Exception e) when (IsOutage(e))
        {
            if (_isHealthy)
                Away(e, e.GetType().Name);
            _isHealthy = false;
            Keep(items);
        }
        catch (Exception e)
        {
            await WriteEachAsync(all, e);
            _backlog.Clear();
            Recovered();
        }
        foreach (var item in items)
            item.Written?.TrySetResult();
    }

    // One row the database does not take must not hold up the others.
    private async Task WriteEachAsync(List<LedgerItem> items, Exception failure)
    {
        if (items.Count == 1)
        {
            GiveUp(items[0], failure);
            return;
        }
        foreach (var item in items)
        {
            try
            {
                await CommitAsync(ToBatch([item]));
            }
            catch (Exception e) when (!IsOutage(e))
            {
                GiveUp(item, e);
            }
            catch (Exception e)
            {
                // The outage came in the middle: what is left waits like the rest.
                Away(e, e.GetType().Name);
                _backlog.Add(item);
            }
        }
    }

    private void Keep(List<LedgerItem> items)
    {
        foreach (var item in items)
        {
            if (_backlog.Count < MostWaiting)
                _backlog.Add(item);
            else
                GiveUp(item, null);
        }
    }

    private void Recovered()
    {
        if (_isHealthy)
            return;
        _isHealthy = true;
        Back();
    }

    private static LedgerBatch ToBatch(List<LedgerItem> items)
    {
        var batch = new LedgerBatch();
        foreach (var item in items)
        {
            if (item.Entry is { } entry)
            {
                batch.Add(entry, item.Postings);
                if (item.Opened is { IsWritten: true } opened)
                    batch.Closed.Add(opened.Id);
            }
            else if (item.Opened is { IsSettled: false } call)
            {
                call.IsWritten = true;
                batch.Opened.Add(call.ToRow());
            }
        }
        return batch.Seal();
    }

    private async Task CommitAsync(LedgerBatch batch)
    {
        var node = reservations.NodeId;
        if (database.Provider == DatabaseProvider.Sqlite)
        {
            await database.Writer.WriteAsync(
                session =>
                {
                    SqliteLedger.Write(session, batch, node);
                    return true;
                },
                RowBytes * batch.Entries.Count,
                CancellationToken.None
            );
            return;
        }
        await database.TransactAsync(
            async (connection, transaction) =>
            {
                await PostgresLedger.WriteAsync(connection, transaction, batch, node);
                return true;
            },
            CancellationToken.None
        );
    }

    private static bool IsOutage(Exception failure) =>
        failure switch
        {
            DatabaseBusyException or SocketException or IOException or TimeoutException => true,
            Npgsql.PostgresException refused => refused.IsTransient || refused.SqlState.StartsWith("57", StringComparison.Ordinal),
            Npgsql.NpgsqlException => true,
            // Locked, out of memory, read-only, I/O, corrupt, full, can not open: nothing about the row itself.
            SqliteException sqlite => sqlite.SqliteErrorCode is 5 or 6 or 7 or 8 or 10 or 11 or 13 or 14,
            _ => false,
        };

    private void GiveUp(LedgerItem item, Exception? failure)
    {
        if (item.Entry is { } entry)
            NotWritten(failure, entry.Id, entry.Model, entry.InputTokens, entry.OutputTokens);
    }

    private sealed class LedgerItem
    {
        public UsageEntry? Entry { get; init; }

        public BudgetPosting[] Postings { get; init; } = [];

        public OpenedCall? Opened { get; init; }

        public TaskCompletionSource? Written { get; init; }
    }

    [LoggerMessage(
        4006,
        LogLevel.Error,
        "Usage {UsageId} of model {Model} is not on record: {InputTokens} input and {OutputTokens} output tokens"
    )]
    private partial void NotWritten(Exception? exception, Guid usageId, string model, long inputTokens, long outputTokens);

    [LoggerMessage(4020, LogLevel.Error, "The ledger can not be written ({Failure}): calls are refused until it can")]
    private partial void Away(Exception exception, string failure);

    [LoggerMessage(4021, LogLevel.Information, "The ledger is written again")]
    private partial void Back();
}
