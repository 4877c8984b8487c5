using System.Runtime.CompilerServices;
using CodeLab.BuildingBlocks.Data.Sqlite;
using CodeLab.Modules.Llm.Persistence.Sqlite;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>Writes a batch inside the transaction of the file's writer, with statements of its own: thousands of rows a second pass here.</summary>
internal static class SqliteLedger
{
    private static readonly string InsertUsage =
        $"INSERT INTO llm_usage ({LedgerSql.Columns}) VALUES ({Parameters(LedgerSql.ColumnCount)}) ON CONFLICT (id) DO NOTHING";

    private static readonly ConditionalWeakTable<SqliteSession, Statements> Prepared = [];

    public static void Write(SqliteSession session, LedgerBatch batch, string nodeId)
    {
        var statements = Prepared.GetValue(session, static s => new Statements(s));
        foreach (var posting in batch.Postings)
        {
            statements
                .Post.Begin()
                .Bind(posting.Spent)
                .Bind(posting.Released)
                .Bind(posting.Key.BudgetId)
                .Bind(posting.Key.Subject)
                .Bind(posting.Key.PeriodStart)
                .Run();
            if (posting.Released == 0)
                continue;
            statements
                .Release.Begin()
                .Bind(posting.Released)
                .Bind(posting.Key.BudgetId)
                .Bind(posting.Key.Subject)
                .Bind(posting.Key.PeriodStart)
                .Bind(nodeId)
                .Run();
        }
        foreach (var call in batch.Opened)
            statements.Open.Begin().Bind(call.Id).Bind(nodeId).Bind(call.OpenedAt.ToUnixTimeMilliseconds()).Bind(call.Call).Run();
        foreach (var id in batch.Closed)
            statements.Close.Begin().Bind(id).Run();
        foreach (var entry in batch.Entries)
            Insert(statements.Usage.Begin(), entry);
        foreach (var (key, sum) in batch.Hours)
            Add(statements.Hours.Begin(), key, sum);
        foreach (var (key, sum) in batch.Days)
            Add(statements.Days.Begin(), key, sum);
    }

    private static void Insert(RawStatement row, UsageEntry entry) =>
        row.Bind(entry.Id)
            .Bind(entry.CreatedAt.ToUnixTimeMilliseconds())
            .Bind(entry.UserId)
            .Bind(entry.TeamId)
            .Bind(entry.KeyId)
            .Bind(entry.SessionId)
            .Bind(entry.Agent)
            .Bind(entry.Provider)
            .Bind(entry.Model)
            .Bind(entry.Alias)
            .Bind(entry.Door)
            .Bind(entry.IsStreamed ? 1L : 0L)
            .Bind(entry.IsCacheHit ? 1L : 0L)
            .Bind(entry.InputTokens)
            .Bind(entry.OutputTokens)
            .Bind(entry.CachedTokens)
            .Bind(entry.CacheWriteTokens)
            .Bind(entry.ReasoningTokens)
            .Bind(entry.IsEstimated ? 1L : 0L)
            .Bind(entry.CostNanos)
            .Bind(entry.DurationMs)
            .Bind(entry.FirstTokenMs)
            .Bind(entry.OverheadUs)
            .Bind((long)entry.Attempts)
            .Bind(entry.Outcome)
            .Run();

    private static void Add(RawStatement row, in SumKey key, UsageSum sum) =>
        row.Bind(key.Start)
            .Bind(key.UserId)
            .Bind(key.TeamId)
            .Bind(key.KeyId)
            .Bind(key.Agent)
            .Bind(key.Provider)
            .Bind(key.Model)
            .Bind(sum.Calls)
            .Bind(sum.Failed)
            .Bind(sum.CacheHits)
            .Bind(sum.InputTokens)
            .Bind(sum.OutputTokens)
            .Bind(sum.CachedTokens)
            .Bind(sum.ReasoningTokens)
            .Bind(sum.CostNanos)
            .Bind(sum.Unpriced)
            .Bind(sum.DurationMs)
            .Run();

    private static string Parameters(int count) => string.Join(", ", Enumerable.Range(1, count).Select(i => $"?{i}"));

    // They end with the session: its connection is closed for good after a failure.
    private sealed class Statements(SqliteSession session)
    {
        public RawStatement Usage { get; } = new(session, InsertUsage);
        public RawStatement Hours { get; } = new(session, LedgerSql.AddSums("llm_usage_hours", $"VALUES ({Parameters(17)})"));
        public RawStatement Days { get; } = new(session, LedgerSql.AddSums("llm_usage_days", $"VALUES ({Parameters(17)})"));
        public RawStatement Open { get; } =
            new(session, "INSERT INTO llm_open_calls (id, node_id, opened_at, call) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING");
        public RawStatement Close { get; } = new(session, "DELETE FROM llm_open_calls WHERE id = ?1");
        public RawStatement Post { get; } =
            new(
                session,
                "UPDATE llm_budget_periods SET spent = spent + ?1, held = held - ?2 WHERE budget_id = ?3 AND subject = ?4 AND period_start = ?5"
            );
        public RawStatement Release { get; } =
            new(
                session,
                "UPDATE llm_budget_holds SET held = held - ?1 WHERE budget_id = ?2 AND subject = ?3 AND period_start = ?4 AND node_id = ?5"
            );
    }
}
