using System.Data.Common;
using Npgsql;
using NpgsqlTypes;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>Writes a batch as a handful of statements over arrays, in one round trip: budgets first, then rows, then sums, each in the order of their keys.</summary>
internal static class PostgresLedger
{
    private static readonly string InsertUsage =
        $"INSERT INTO llm_usage ({LedgerSql.Columns}) SELECT * FROM unnest({Parameters(LedgerSql.ColumnCount)}) ON CONFLICT (id) DO NOTHING";

    private static readonly string AddHours = LedgerSql.AddSums("llm_usage_hours", $"SELECT * FROM unnest({Parameters(17)})");
    private static readonly string AddDays = LedgerSql.AddSums("llm_usage_days", $"SELECT * FROM unnest({Parameters(17)})");

    private const string LockPeriods = """
        SELECT 1 FROM llm_budget_periods p JOIN unnest($1, $2, $3) AS k(b, s, t) ON p.budget_id = k.b AND p.subject = k.s AND p.period_start = k.t
        ORDER BY p.budget_id, p.subject, p.period_start FOR UPDATE OF p
        """;

    private const string PostPeriods = """
        UPDATE llm_budget_periods p SET spent = p.spent + k.spent, held = p.held - k.released
        FROM unnest($1, $2, $3, $4, $5) AS k(b, s, t, spent, released)
        WHERE p.budget_id = k.b AND p.subject = k.s AND p.period_start = k.t
        """;

    private const string PostHolds = """
        UPDATE llm_budget_holds h SET held = h.held - k.released FROM unnest($1, $2, $3, $4) AS k(b, s, t, released)
        WHERE h.budget_id = k.b AND h.subject = k.s AND h.period_start = k.t AND h.node_id = $5
        """;

    public static async Task WriteAsync(DbConnection connection, DbTransaction? transaction, LedgerBatch batch, string nodeId)
    {
        await using var commands = new NpgsqlBatch((NpgsqlConnection)connection, (NpgsqlTransaction?)transaction);
        if (batch.Postings.Count > 0)
            AddPostings(commands, batch, nodeId);
        if (batch.Opened.Count > 0)
        {
            var open = Add(
                commands,
                "INSERT INTO llm_open_calls (id, node_id, opened_at, call) SELECT i, $2, o, c FROM unnest($1, $3, $4) AS k(i, o, c) ON CONFLICT (id) DO NOTHING"
            );
            Values(open, NpgsqlDbType.Text, batch.Opened, c => Text(c.Id));
            Value(open, NpgsqlDbType.Text, nodeId);
            Values(open, NpgsqlDbType.Bigint, batch.Opened, c => c.OpenedAt.ToUnixTimeMilliseconds());
            Values(open, NpgsqlDbType.Text, batch.Opened, c => c.Call);
        }
        if (batch.Closed.Count > 0)
            Values(Add(commands, "DELETE FROM llm_open_calls WHERE id = ANY($1)"), NpgsqlDbType.Text, batch.Closed, Text);
        if (batch.Entries.Count > 0)
        {
            Rows(Add(commands, InsertUsage), batch.Entries);
            Sums(Add(commands, AddHours), batch.Hours);
            Sums(Add(commands, AddDays), batch.Days);
        }
        if (commands.BatchCommands.Count > 0)
            await commands.ExecuteNonQueryAsync();
    }

    private static void AddPostings(NpgsqlBatch commands, LedgerBatch batch, string nodeId)
    {
        // Locked in the order of their keys first: an update of many rows takes them in the order of its plan.
        Keys(Add(commands, LockPeriods), batch);
        var periods = Add(commands, PostPeriods);
        Keys(periods, batch);
        Values(periods, NpgsqlDbType.Bigint, batch.Postings, p => p.Spent);
        Values(periods, NpgsqlDbType.Bigint, batch.Postings, p => p.Released);
        var holds = Add(commands, PostHolds);
        Keys(holds, batch);
        Values(holds, NpgsqlDbType.Bigint, batch.Postings, p => p.Released);
        Value(holds, NpgsqlDbType.Text, nodeId);
    }

    private static void Keys(NpgsqlBatchCommand command, LedgerBatch batch)
    {
        Values(command, NpgsqlDbType.Text, batch.Postings, p => p.Key.BudgetId);
        Values(command, NpgsqlDbType.Text, batch.Postings, p => p.Key.Subject);
        Values(command, NpgsqlDbType.Bigint, batch.Postings, p => p.Key.PeriodStart);
    }

    private static void Rows(NpgsqlBatchCommand command, List<UsageEntry> entries)
    {
        Values(command, NpgsqlDbType.Uuid, entries, e => e.Id);
        Values(command, NpgsqlDbType.Bigint, entries, e => e.CreatedAt.ToUnixTimeMilliseconds());
        Values(command, NpgsqlDbType.Text, entries, e => e.UserId);
        Values(command, NpgsqlDbType.Text, entries, e => e.TeamId);
        Values(command, NpgsqlDbType.Text, entries, e => e.KeyId);
        Values(command, NpgsqlDbType.Text, entries, e => e.SessionId);
        Values(command, NpgsqlDbType.Text, entries, e => e.Agent);
        Values(command, NpgsqlDbType.Text, entries, e => e.Provider);
        Values(command, NpgsqlDbType.Text, entries, e => e.Model);
        Values(command, NpgsqlDbType.Text, entries, e => e.Alias);
        Values(command, NpgsqlDbType.Text, entries, e => e.Door);
        Values(command, NpgsqlDbType.Boolean, entries, e => e.IsStreamed);
        Values(command, NpgsqlDbType.Boolean, entries, e => e.IsCacheHit);
        Values(command, NpgsqlDbType.Bigint, entries, e => e.InputTokens);
        Values(command, NpgsqlDbType.Bigint, entries, e => e.OutputTokens);
        Values(command, NpgsqlDbType.Bigint, entries, e => e.CachedTokens);
        Values(command, NpgsqlDbType.Bigint, entries, e => e.CacheWriteTokens);
        Values(command, NpgsqlDbType.Bigint, entries, e => e.ReasoningTokens);
        Values(command, NpgsqlDbType.Boolean, entries, e => e.IsEstimated);
        Values(command, NpgsqlDbType.Bigint, entries, e => e.CostNanos);
        Values(command, NpgsqlDbType.Bigint, entries, e => e.DurationMs);
        Values(command, NpgsqlDbType.Bigint, entries, e => e.FirstTokenMs);
        Values(command, NpgsqlDbType.Bigint, entries, e => e.OverheadUs);
        Values(command, NpgsqlDbType.Integer, entries, e => e.Attempts);
        Values(command, NpgsqlDbType.Text, entries, e => e.Outcome);
    }

    private static void Sums(NpgsqlBatchCommand command, IReadOnlyList<KeyValuePair<SumKey, UsageSum>> sums)
    {
        Values(command, NpgsqlDbType.Bigint, sums, s => s.Key.Start);
        Values(command, NpgsqlDbType.Text, sums, s => s.Key.UserId);
        Values(command, NpgsqlDbType.Text, sums, s => s.Key.TeamId);
        Values(command, NpgsqlDbType.Text, sums, s => s.Key.KeyId);
        Values(command, NpgsqlDbType.Text, sums, s => s.Key.Agent);
        Values(command, NpgsqlDbType.Text, sums, s => s.Key.Provider);
        Values(command, NpgsqlDbType.Text, sums, s => s.Key.Model);
        Values(command, NpgsqlDbType.Bigint, sums, s => s.Value.Calls);
        Values(command, NpgsqlDbType.Bigint, sums, s => s.Value.Failed);
        Values(command, NpgsqlDbType.Bigint, sums, s => s.Value.CacheHits);
        Values(command, NpgsqlDbType.Bigint, sums, s => s.Value.InputTokens);
        Values(command, NpgsqlDbType.Bigint, sums, s => s.Value.OutputTokens);
        Values(command, NpgsqlDbType.Bigint, sums, s => s.Value.CachedTokens);
        Values(command, NpgsqlDbType.Bigint, sums, s => s.Value.ReasoningTokens);
        Values(command, NpgsqlDbType.Bigint, sums, s => s.Value.CostNanos);
        Values(command, NpgsqlDbType.Bigint, sums, s => s.Value.Unpriced);
        Values(command, NpgsqlDbType.Bigint, sums, s => s.Value.DurationMs);
    }

    private static string Text(Guid id) => id.ToString().ToUpperInvariant();

    private static NpgsqlBatchCommand Add(NpgsqlBatch commands, string sql)
    {
        var command = new NpgsqlBatchCommand(sql);
        commands.BatchCommands.Add(command);
        return command;
    }

    private static void Value(NpgsqlBatchCommand command, NpgsqlDbType type, object value) =>
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = type, Value = value });

    private static void Values<TRow, TValue>(
        NpgsqlBatchCommand command,
        NpgsqlDbType type,
        IReadOnlyList<TRow> rows,
        Func<TRow, TValue> value
    )
    {
        var values = new TValue[rows.Count];
        for (var i = 0; i < values.Length; i++)
            values[i] = value(rows[i]);
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | type, Value = values });
    }

    private static string Parameters(int count) => string.Join(", ", Enumerable.Range(1, count).Select(i => $"${i}"));
}
