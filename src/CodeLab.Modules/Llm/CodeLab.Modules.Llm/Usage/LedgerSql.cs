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
}
