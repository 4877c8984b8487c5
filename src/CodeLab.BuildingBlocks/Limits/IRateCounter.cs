namespace CodeLab.BuildingBlocks.Limits;

/// <summary>What a counter says.</summary>
/// <param name="Allowed">False when the limit is reached.</param>
/// <param name="Limit">Events a window.</param>
/// <param name="Remaining">Events left now.</param>
/// <param name="RetryAfter">Time until one is free again.</param>
public readonly record struct RateDecision(bool Allowed, int Limit, int Remaining, TimeSpan RetryAfter);

/// <summary>
/// Counts events in sliding windows. With Redis all nodes share the counts; without it, or while it is away, each node counts by itself:
/// a limit is never off because a store is (security.md §3, G11).
/// </summary>
public interface IRateCounter
{
    /// <summary>Counts one event unless the limit is reached.</summary>
    /// <param name="key">What is counted, e.g. <c>password:10.0.0.1</c>.</param>
    /// <param name="limit">Events allowed in a window; at least 1.</param>
    /// <param name="window">Length of the window.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    ValueTask<RateDecision> TakeAsync(string key, int limit, TimeSpan window, CancellationToken cancellationToken);

    /// <summary>Looks without counting.</summary>
    /// <param name="key">What is counted.</param>
    /// <param name="limit">Events allowed in a window; at least 1.</param>
    /// <param name="window">Length of the window.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    ValueTask<RateDecision> PeekAsync(string key, int limit, TimeSpan window, CancellationToken cancellationToken);
}
