namespace CodeLab.Modules.Llm.Usage;

/// <summary>One call to a model, as the ledger keeps it.</summary>
internal sealed record UsageEntry
{
    public required Guid Id { get; init; }

    /// <summary>When the call ended, UTC.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    public required string UserId { get; init; }

    /// <summary>The one team the call is put down to; null when the user has none.</summary>
    public string? TeamId { get; init; }

    /// <summary>Access key it was made with; null for tokens and for agents.</summary>
    public string? KeyId { get; init; }

    public string? SessionId { get; init; }

    public string? Agent { get; init; }

    public required string Provider { get; init; }

    /// <summary>Name as the provider knows it.</summary>
    public required string Model { get; init; }

    /// <summary>Name as it was asked for: an alias, a model, or null for the default.</summary>
    public string? Alias { get; init; }

    /// <summary>Door it came by: <c>agent</c>, <c>openai</c>, <c>responses</c>, <c>anthropic</c>, …</summary>
    public string? Door { get; init; }

    /// <summary>The answer was streamed.</summary>
    public bool IsStreamed { get; init; }

    /// <summary>The answer came from our own cache: no provider was asked.</summary>
    public bool IsCacheHit { get; init; }

    public long InputTokens { get; init; }

    public long OutputTokens { get; init; }

    public long CachedTokens { get; init; }

    /// <summary>Input tokens written to the provider's cache.</summary>
    public long CacheWriteTokens { get; init; }

    public long ReasoningTokens { get; init; }

    /// <summary>The provider did not report the tokens: they are a guess from the length of the texts (security.md §9.4).</summary>
    public bool IsEstimated { get; init; }

    /// <summary>Cost in billionths of a US dollar, which sums exactly in both databases; null when the price is not known.</summary>
    public long? CostNanos { get; init; }

    /// <summary>Milliseconds from the request to the end.</summary>
    public long DurationMs { get; init; }

    /// <summary>Milliseconds to the first piece of the answer; null when there was none.</summary>
    public long? FirstTokenMs { get; init; }

    /// <summary>Microseconds that we, and not the provider, added.</summary>
    public long OverheadUs { get; init; }

    /// <summary>Requests sent, retries included; 0 where no network is involved.</summary>
    public int Attempts { get; init; }

    /// <summary><c>completed</c>, <c>cancelled</c>, or the error code.</summary>
    public required string Outcome { get; init; }
}
