using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Llm.Persistence;
using CodeLab.Modules.Llm.Usage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Budgets;

/// <summary>
/// Says that this node lives, gives idle money back, and settles what dead nodes left: their calls as estimated, the rest of their holds
/// freed (security.md §9.4). A node is dead after 10 min of silence; on SQLite, where there is only one, every other node is.
/// </summary>
internal sealed partial class BudgetKeeper(
    Database database,
    Reservations reservations,
    TimeProvider time,
    ILogger<BudgetKeeper> logger,
    StartupGate? gate = null
) : BackgroundService, IStartupTask
{
    public static readonly TimeSpan DeadAfter = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Trim = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(15);

    private bool IsAlone => database.Provider == DatabaseProvider.Sqlite;

    // The database's clock rules: those of the nodes may differ.
    private string Now =>
        IsAlone
            ? time.Milliseconds().ToString(System.Globalization.CultureInfo.InvariantCulture)
            : "(extract(epoch from clock_timestamp()) * 1000)::bigint";

    public int Order => 200;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await BeatAsync(cancellationToken);
        await SettleDeadNodesAsync(cancellationToken);
    }

    /// <summary>Settles what dead nodes left. Several nodes may try: each dead one is taken by one.</summary>
    public async Task SettleDeadNodesAsync(CancellationToken cancellationToken)
    {
        var limit = IsAlone ? Now : $"{Now} - {(long)DeadAfter.TotalMilliseconds}";
        var dead = await database.ReadAsync(
            $"SELECT node_id, seen_at FROM llm_nodes WHERE node_id <> @me AND seen_at <= {limit}",
            row => (NodeId: row.GetString(0), SeenAt: row.GetInt64(1)),
            [("@me", reservations.NodeId)],
            cancellationToken
        );
        foreach (var (nodeId, seenAt) in dead)
            await SettleAsync(nodeId, seenAt, cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (gate is not null)
            await gate.Opened.WaitAsync(stoppingToken);
        var beats = time.GetTimestamp();
        using var timer = new PeriodicTimer(Trim, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await reservations.TrimAsync(giveBack: !IsAlone, stoppingToken);
                if (time.GetElapsedTime(beats) < Beat)
                    continue;
                beats = time.GetTimestamp();
                await BeatAsync(stoppingToken);
                await SettleDeadNodesAsync(stoppingToken);
            }
            catch (Exception e) when (e is System.Data.Common.DbException or DatabaseBusyException)
            {
                // The database is away: it is tried again in a moment, and until then the gate fails closed by itself.
                NotKept(e.GetType().Name);
            }
        }
    }

    private async Task BeatAsync(CancellationToken cancellationToken)
    {
        var known = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var updated = await connection.ExecuteAsync(
                    $"UPDATE llm_nodes SET seen_at = {Now} WHERE node_id = @me",
                    transaction,
                    ("@me", reservations.NodeId)
                );
                if (updated == 0)
                {
                    await connection.ExecuteAsync(
                        $"INSERT INTO llm_nodes (node_id, seen_at) VALUES (@me, {Now})",
                        transaction,
                        ("@me", reservations.NodeId)
                    );
                }
                return updated > 0;
            },
            cancellationToken
        );
        if (known)
            return;
        // New, or taken for dead: in either case the database holds nothing for us.
        foreach (var pool in reservations.Pools)
            pool.Forfeit();
    }

    private async Task SettleAsync(string nodeId, long seenAt, CancellationToken cancellationToken)
    {
        var calls = await database.ReadAsync(
            "SELECT call FROM llm_open_calls WHERE node_id = @n",
            row => OpenCallFacts.Read(row.GetString(0))!,
            [("@n", nodeId)],
            cancellationToken
        );
        var holds = await database.ReadAsync(
            "SELECT budget_id, subject, period_start, held FROM llm_budget_holds WHERE node_id = @n",
            row => new BudgetPosting(new PoolKey(row.GetString(0), row.GetString(1), row.GetInt64(2)), 0, row.GetInt64(3)),
            [("@n", nodeId)],
            cancellationToken
        );
        var batch = new LedgerBatch();
        foreach (var call in calls)
        {
            var entry = call.Entry with { Outcome = OpenCallFacts.Abandoned, IsEstimated = true };
            batch.Add(entry, [.. call.Budgets.Select(key => new BudgetPosting(key, entry.CostNanos ?? 0, 0))]);
        }
        foreach (var hold in holds)
            batch.Post(hold);
        batch.Seal();
        var taken = IsAlone
            ? await database.Writer.WriteAsync(session => Take(session, nodeId, seenAt, batch), 4096, cancellationToken)
            : await database.TransactAsync((c, t) => TakeAsync(c, t, nodeId, seenAt, batch), cancellationToken);
        if (taken && calls.Count > 0)
            Settled(nodeId, calls.Count);
    }

    private static bool Take(BuildingBlocks.Data.Sqlite.SqliteSession session, string nodeId, long seenAt, LedgerBatch batch)
    {
        if (session.Statement("DELETE FROM llm_nodes WHERE node_id = $1 AND seen_at = $2").Execute(nodeId, seenAt) == 0)
            return false;
        SqliteLedger.Write(session, batch, nodeId);
        session.Statement("DELETE FROM llm_open_calls WHERE node_id = $1").Execute(nodeId);
        session.Statement("DELETE FROM llm_budget_holds WHERE node_id = $1").Execute(nodeId);
        return true;
    }

    private static async Task<bool> TakeAsync(
        System.Data.Common.DbConnection connection,
        System.Data.Common.DbTransaction? transaction,
        string nodeId,
        long seenAt,
        LedgerBatch batch
    )
    {
        var claimed = await connection.ExecuteAsync(
            "DELETE FROM llm_nodes WHERE node_id = @n AND seen_at = @s",
            transaction,
            ("@n", nodeId),
            ("@s", seenAt)
        );
        if (claimed == 0)
            return false;
        await PostgresLedger.WriteAsync(connection, transaction, batch, nodeId);
        await connection.ExecuteAsync("DELETE FROM llm_open_calls WHERE node_id = @n", transaction, ("@n", nodeId));
        await connection.ExecuteAsync("DELETE FROM llm_budget_holds WHERE node_id = @n", transaction, ("@n", nodeId));
        return true;
    }

    [LoggerMessage(4022, LogLevel.Warning, "Node {NodeId} died during {Calls} calls: they are settled as estimated")]
    private partial void Settled(string nodeId, int calls);

    [LoggerMessage(4023, LogLevel.Warning, "Budgets could not be looked after ({Failure})")]
    private partial void NotKept(string failure);
}
