using CodeLab.Modules.Llm.Budgets;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>A call under way, kept so that it is settled as estimated if this node dies.</summary>
/// <param name="Id">Id the ledger's row will have.</param>
/// <param name="OpenedAt">When, UTC.</param>
/// <param name="Call">What is known, as JSON.</param>
internal sealed record OpenCall(Guid Id, DateTimeOffset OpenedAt, string Call);

/// <summary>What a combination of who and what adds up to.</summary>
internal readonly record struct SumKey(long Start, string UserId, string TeamId, string KeyId, string Agent, string Provider, string Model)
    : IComparable<SumKey>
{
    /// <summary>Nodes that write the same sums take their locks in the same order.</summary>
    public int CompareTo(SumKey other)
    {
        var order = Start.CompareTo(other.Start);
        order = order != 0 ? order : string.CompareOrdinal(UserId, other.UserId);
        order = order != 0 ? order : string.CompareOrdinal(TeamId, other.TeamId);
        order = order != 0 ? order : string.CompareOrdinal(KeyId, other.KeyId);
        order = order != 0 ? order : string.CompareOrdinal(Agent, other.Agent);
        order = order != 0 ? order : string.CompareOrdinal(Provider, other.Provider);
        return order != 0 ? order : string.CompareOrdinal(Model, other.Model);
    }
}

/// <summary>Sums of a batch.</summary>
internal sealed class UsageSum
{
    public long Calls { get; private set; }
    public long Failed { get; private set; }
    public long CacheHits { get; private set; }
    public long InputTokens { get; private set; }
    public long OutputTokens { get; private set; }
    public long CachedTokens { get; private set; }
    public long ReasoningTokens { get; private set; }
    public long CostNanos { get; private set; }
    public long Unpriced { get; private set; }
    public long DurationMs { get; private set; }

    public void Add(UsageEntry entry)
    {
        Calls++;
        Failed += entry.Outcome is Llm.Calls.CallOutcome.Completed or Llm.Calls.CallOutcome.Cancelled ? 0 : 1;
        CacheHits += entry.IsCacheHit ? 1 : 0;
        InputTokens += entry.InputTokens;
        OutputTokens += entry.OutputTokens;
        CachedTokens += entry.CachedTokens;
        ReasoningTokens += entry.ReasoningTokens;
        CostNanos += entry.CostNanos ?? 0;
        Unpriced += entry.CostNanos is null ? 1 : 0;
        DurationMs += entry.DurationMs;
    }
}

/// <summary>Everything one transaction of the ledger writes. Filled once and only read afterwards: a transaction may run more than once.</summary>
internal sealed class LedgerBatch
{
    private const long Hour = 3_600_000;
    private const long Day = 24 * Hour;
    private readonly Dictionary<SumKey, UsageSum> _hours = [];
    private readonly Dictionary<SumKey, UsageSum> _days = [];
    private readonly Dictionary<PoolKey, (long Spent, long Released)> _postings = [];

    public List<UsageEntry> Entries { get; } = [];

    public List<OpenCall> Opened { get; } = [];

    public List<Guid> Closed { get; } = [];

    public IReadOnlyList<KeyValuePair<SumKey, UsageSum>> Hours { get; private set; } = [];

    public IReadOnlyList<KeyValuePair<SumKey, UsageSum>> Days { get; private set; } = [];

    public IReadOnlyList<BudgetPosting> Postings { get; private set; } = [];

    public void Add(UsageEntry entry, ReadOnlySpan<BudgetPosting> postings)
    {
        Entries.Add(entry);
        var at = entry.CreatedAt.ToUnixTimeMilliseconds();
        Sum(_hours, entry, at - at % Hour);
        Sum(_days, entry, at - at % Day);
        foreach (var posting in postings)
            Post(posting);
    }

    public void Post(BudgetPosting posting)
    {
        var (spent, released) = _postings.GetValueOrDefault(posting.Key);
        _postings[posting.Key] = (spent + posting.Spent, released + posting.Released);
    }

    /// <summary>Puts everything into the order in which locks are taken.</summary>
    public LedgerBatch Seal()
    {
        Hours = Sorted(_hours);
        Days = Sorted(_days);
        Postings =
        [
            .. _postings
                .Select(p => new BudgetPosting(p.Key, p.Value.Spent, p.Value.Released))
                .OrderBy(p => p.Key.BudgetId, StringComparer.Ordinal)
                .ThenBy(p => p.Key.Subject, StringComparer.Ordinal)
                .ThenBy(p => p.Key.PeriodStart),
        ];
        return this;
    }

    private static void Sum(Dictionary<SumKey, UsageSum> sums, UsageEntry entry, long start)
    {
        var key = new SumKey(start, entry.UserId, entry.TeamId ?? "", entry.KeyId ?? "", entry.Agent ?? "", entry.Provider, entry.Model);
        if (!sums.TryGetValue(key, out var sum))
            sums[key] = sum = new UsageSum();
        sum.Add(entry);
    }

    private static KeyValuePair<SumKey, UsageSum>[] Sorted(Dictionary<SumKey, UsageSum> sums)
    {
        var sorted = sums.ToArray();
        Array.Sort(sorted, static (a, b) => a.Key.CompareTo(b.Key));
        return sorted;
    }
}
