using CodeLab.BuildingBlocks.Results;
using MediatR;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>Sums of the ledger, from the roll-ups: the same speed for a thousand calls and for ten million. Error: <c>INVALID_REQUEST</c> (400).</summary>
public sealed record GetUsageQuery : IRequest<Result<UsageReport>>
{
    /// <summary>Start, UTC; rounded down to the hour or day.</summary>
    public required DateTimeOffset From { get; init; }

    /// <summary>End, UTC, exclusive; rounded up.</summary>
    public required DateTimeOffset To { get; init; }

    /// <summary><c>user</c>, <c>team</c>, <c>agent</c>, <c>model</c>, <c>provider</c>, <c>key</c>, or null for one sum.</summary>
    public string? By { get; init; }

    /// <summary><c>hour</c>, <c>day</c>, <c>week</c> or <c>month</c> for a row each; null for the whole time.</summary>
    public string? Bucket { get; init; }

    /// <summary>Of this user only.</summary>
    public string? UserId { get; init; }

    /// <summary>Of these teams only.</summary>
    public IReadOnlyList<string>? TeamIds { get; init; }

    /// <summary>Of this agent only.</summary>
    public string? Agent { get; init; }

    /// <summary>Of this provider only.</summary>
    public string? Provider { get; init; }

    /// <summary>Of this model only.</summary>
    public string? Model { get; init; }

    /// <summary>Of this key only.</summary>
    public string? KeyId { get; init; }
}

/// <summary>Reads the ledger itself, oldest first, for export.</summary>
/// <param name="From">Start, UTC.</param>
/// <param name="To">End, UTC, exclusive.</param>
/// <param name="UserId">Of this user only.</param>
public sealed record StreamCallsQuery(DateTimeOffset From, DateTimeOffset To, string? UserId = null) : IStreamRequest<CallInfo>;

/// <summary>Reads the newest calls first, a page at a time. Error: <c>INVALID_REQUEST</c> (400) for a cursor that is none.</summary>
public sealed record ListCallsQuery : IRequest<Result<CallPage>>
{
    /// <summary>Start, UTC; null = the beginning.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>End, UTC, exclusive; null = now.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>Of this user only.</summary>
    public string? UserId { get; init; }

    /// <summary>Of this provider only.</summary>
    public string? Provider { get; init; }

    /// <summary>Of this model only.</summary>
    public string? Model { get; init; }

    /// <summary>With this outcome only: <c>completed</c>, <c>cancelled</c>, an error code, or <c>failed</c> for all but those two.</summary>
    public string? Outcome { get; init; }

    /// <summary>Calls of a page, 1 to 500. Default 100.</summary>
    public int Limit { get; init; } = 100;

    /// <summary><see cref="CallPage.NextCursor"/> of the page before; null = the first page.</summary>
    public string? Cursor { get; init; }
}

/// <summary>A page of calls.</summary>
/// <param name="Items">Newest first.</param>
/// <param name="NextCursor">Where the next page begins; null = this was the last one.</param>
public sealed record CallPage(IReadOnlyList<CallInfo> Items, string? NextCursor);

/// <summary>Answer of <see cref="GetUsageQuery"/>.</summary>
/// <param name="From">Start, as rounded.</param>
/// <param name="To">End, as rounded.</param>
/// <param name="Rows">By time, then by cost.</param>
/// <param name="Total">Sum of the rows.</param>
public sealed record UsageReport(DateTimeOffset From, DateTimeOffset To, IReadOnlyList<UsageRow> Rows, UsageRow Total);

/// <summary>A sum of calls.</summary>
public sealed record UsageRow
{
    /// <summary>Start of the bucket; null for the whole time.</summary>
    public DateTimeOffset? Start { get; init; }

    /// <summary>Id or name of what is summed by; empty where calls have none (no team, no key).</summary>
    public string? Key { get; init; }

    /// <summary>Calls.</summary>
    public long Calls { get; init; }

    /// <summary>Calls that failed.</summary>
    public long Failed { get; init; }

    /// <summary>Calls answered from the cache.</summary>
    public long CacheHits { get; init; }

    /// <summary>Tokens sent.</summary>
    public long InputTokens { get; init; }

    /// <summary>Tokens written.</summary>
    public long OutputTokens { get; init; }

    /// <summary>Input tokens the provider had cached.</summary>
    public long CachedTokens { get; init; }

    /// <summary>Output tokens spent on reasoning.</summary>
    public long ReasoningTokens { get; init; }

    /// <summary>Cost in US dollars, exact to a billionth.</summary>
    public decimal Cost { get; init; }

    /// <summary>Calls whose price is not known; they are not in <see cref="Cost"/>.</summary>
    public long UnpricedCalls { get; init; }

    /// <summary>Mean milliseconds of a call.</summary>
    public double AverageMs { get; init; }
}

/// <summary>A row of the ledger.</summary>
public sealed record CallInfo
{
    /// <summary>Id.</summary>
    public required Guid Id { get; init; }

    /// <summary>When it ended.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>User.</summary>
    public required string UserId { get; init; }

    /// <summary>Team.</summary>
    public string? TeamId { get; init; }

    /// <summary>Key.</summary>
    public string? KeyId { get; init; }

    /// <summary>Session.</summary>
    public string? SessionId { get; init; }

    /// <summary>Agent.</summary>
    public string? Agent { get; init; }

    /// <summary>Provider.</summary>
    public required string Provider { get; init; }

    /// <summary>Model.</summary>
    public required string Model { get; init; }

    /// <summary>Name it was asked by.</summary>
    public string? Alias { get; init; }

    /// <summary>Door.</summary>
    public string? Door { get; init; }

    /// <summary>The answer was streamed.</summary>
    public bool IsStreamed { get; init; }

    /// <summary>The answer came from our cache.</summary>
    public bool IsCacheHit { get; init; }

    /// <summary>Tokens sent.</summary>
    public long InputTokens { get; init; }

    /// <summary>Tokens written.</summary>
    public long OutputTokens { get; init; }

    /// <summary>Input tokens the provider had cached.</summary>
    public long CachedTokens { get; init; }

    /// <summary>Input tokens written to the provider's cache.</summary>
    public long CacheWriteTokens { get; init; }

    /// <summary>Output tokens spent on reasoning.</summary>
    public long ReasoningTokens { get; init; }

    /// <summary>The tokens are a guess.</summary>
    public bool IsEstimated { get; init; }

    /// <summary>Cost in US dollars; null when the price is not known.</summary>
    public decimal? Cost { get; init; }

    /// <summary>Milliseconds of the call.</summary>
    public long DurationMs { get; init; }

    /// <summary>Milliseconds to the first piece.</summary>
    public long? FirstTokenMs { get; init; }

    /// <summary>Microseconds we added.</summary>
    public long OverheadUs { get; init; }

    /// <summary>Requests sent.</summary>
    public int Attempts { get; init; }

    /// <summary>How it ended.</summary>
    public required string Outcome { get; init; }
}
