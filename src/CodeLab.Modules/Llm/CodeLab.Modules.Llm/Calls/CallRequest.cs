using System.Buffers;

namespace CodeLab.Modules.Llm.Calls;

/// <summary>What is asked of a model.</summary>
internal enum CallKind
{
    Chat,
    Embeddings,

    /// <summary>Counting tokens: free of charge, but subject to rights and request limits.</summary>
    CountTokens,
}

/// <summary>Wire format in which a caller speaks, or in which a provider is spoken to.</summary>
internal enum CallDialect
{
    /// <summary>A module of ours, by <see cref="Chat.StreamChatQuery"/>.</summary>
    Internal,
    OpenAiChat,
    OpenAiResponses,
    OpenAiEmbeddings,
    AnthropicMessages,
    AnthropicCountTokens,
    Ollama,
    OllamaEmbed,

    /// <summary>The published <c>/api/v1</c> routes (protocol.md §9.2, §9.4).</summary>
    Published,
}

/// <summary>Who asks: what rights, limits, budgets and the ledger go by.</summary>
/// <param name="UserId">User who pays; of a registered service its client id.</param>
internal sealed record CallCaller(string UserId)
{
    /// <summary>Claim <c>key_id</c>: the virtual key that was used, or null.</summary>
    public string? KeyId { get; init; }

    public IReadOnlyList<string> Roles { get; init; } = [];

    /// <summary>Session, when there is one.</summary>
    public string? SessionId { get; init; }

    /// <summary>Agent, when there is one.</summary>
    public string? Agent { get; init; }
}

/// <summary>What a caller wishes of the cache (header <c>x-codelab-cache</c>); <see cref="Unsaid"/> leaves it to the rules of security.md §9.7.</summary>
internal enum CacheWish
{
    Unsaid,

    /// <summary><c>off</c>: neither answer from the cache nor keep the answer.</summary>
    Off,

    /// <summary><c>on</c>: also where the rules would not (a temperature, a stream).</summary>
    On,
}

/// <summary>
/// One call as the gate sees it: filled by a door, read by rights, limits, budgets and cache. A class of plain fields, because there is one for
/// every call of the hot path.
/// </summary>
internal sealed class CallRequest
{
    public required CallCaller Caller { get; init; }

    public required CallDialect Dialect { get; init; }

    public CallKind Kind { get; init; }

    /// <summary>Name or alias as asked; null or empty = the default model.</summary>
    public string? Model { get; init; }

    public bool Stream { get; init; }

    /// <summary>Guess from the length of the request, to reserve by.</summary>
    public long EstimatedInputTokens { get; init; }

    /// <summary>Most tokens the answer may have, when the request says so.</summary>
    public int? MaxOutputTokens { get; init; }

    /// <summary>The request's temperature; null = not said.</summary>
    public double? Temperature { get; init; }

    /// <summary>The request offers tools.</summary>
    public bool HasTools { get; init; }

    public CacheWish CacheWish { get; init; }

    /// <summary>
    /// The body as it came: together with user, dialect and resolved model all that decides the answer, so a hash of them is a cache key. Valid until
    /// <see cref="CallAdmission.SettleAsync"/>; empty for calls that are never cached.
    /// </summary>
    public ReadOnlySequence<byte> Body { get; init; }

    /// <summary>Timestamp (of the <see cref="TimeProvider"/>) at which the door began.</summary>
    public long StartedAt { get; init; }

    /// <summary>Set by the gate, admitted or refused, when a limit of requests applies: becomes <c>X-RateLimit-*</c>.</summary>
    public CallLimitState? Limit { get; set; }
}

/// <summary>State of the limit nearest to its end, for the answer's headers (protocol.md §9.5).</summary>
/// <param name="Limit">Requests a minute.</param>
/// <param name="Remaining">Requests left now.</param>
/// <param name="ResetAt">Unix seconds at which the limit is whole again.</param>
internal readonly record struct CallLimitState(long Limit, long Remaining, long ResetAt);
