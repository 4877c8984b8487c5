using System.Data.Common;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Llm.Persistence;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>SQL that both databases share.</summary>
internal static class LedgerSql
{
    public const string Columns =
        "id, created_at, user_id, team_id, key_id, session_id, agent, provider, model, alias, door, is_streamed, is_cache_hit, "
        + "input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, is_estimated, cost_nanos, duration_ms, "
        + "first_token_ms, overhead_us, attempts, outcome";

    public const int ColumnCount = 25;

    public const string SumColumns =
        "start, user_id, team_id, key_id, agent, provider, model, calls, failed, cache_hits, input_tokens, output_tokens, cached_tokens, "
        + "reasoning_tokens, cost_nanos, unpriced, duration_ms";

    private static readonly string[] Counters =
    [
        "calls",
        "failed",
        "cache_hits",
        "input_tokens",
        "output_tokens",
        "cached_tokens",
        "reasoning_tokens",
        "cost_nanos",
        "unpriced",
        "duration_ms",
    ];

    /// <summary>Adds sums to those that are there.</summary>
    public static string AddSums(string table, string source) =>
        $"INSERT INTO {table} ({SumColumns}) {source} ON CONFLICT (start, user_id, team_id, key_id, agent, provider, model) DO UPDATE SET "
        + string.Join(", ", Counters.Select(c => $"{c} = {table}.{c} + excluded.{c}"));

    /// <summary>Ids are texts in one database and uuids in the other; both sort alike as upper-case texts.</summary>
    public static string SortableId(DatabaseProvider provider) => provider == DatabaseProvider.Sqlite ? "id" : "upper(id::text)";

    public static Guid IdOf(DbDataReader row) => row.GetFieldType(0) == typeof(string) ? Guid.Parse(row.GetString(0)) : row.GetGuid(0);

    /// <summary>A row as <see cref="Columns"/> order it.</summary>
    public static CallInfo Read(DbDataReader row) =>
        new()
        {
            Id = IdOf(row),
            CreatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1)),
            UserId = row.GetString(2),
            TeamId = row.Text(3),
            KeyId = row.Text(4),
            SessionId = row.Text(5),
            Agent = row.Text(6),
            Provider = row.GetString(7),
            Model = row.GetString(8),
            Alias = row.Text(9),
            Door = row.Text(10),
            IsStreamed = row.GetBoolean(11),
            IsCacheHit = row.GetBoolean(12),
            InputTokens = row.GetInt64(13),
            OutputTokens = row.GetInt64(14),
            CachedTokens = row.GetInt64(15),
            CacheWriteTokens = row.GetInt64(16),
            ReasoningTokens = row.GetInt64(17),
            IsEstimated = row.GetBoolean(18),
            Cost = row.Number(19) / 1_000_000_000m,
            DurationMs = row.GetInt64(20),
            FirstTokenMs = row.Number(21),
            OverheadUs = row.GetInt64(22),
            Attempts = (int)row.GetInt64(23),
            Outcome = row.GetString(24),
        };
}
