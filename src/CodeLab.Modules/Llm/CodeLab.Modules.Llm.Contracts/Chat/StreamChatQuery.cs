using CodeLab.Protocol.Frames;
using MediatR;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Llm.Chat;

/// <summary>
/// Asks a model and streams its answer. The stream ends with exactly one <see cref="ChatUpdate.Completed"/> or
/// <see cref="ChatUpdate.Failed"/>; only cancelling ends it without one. Usage is on record before the last item is read.
/// </summary>
/// <param name="Caller">Who pays.</param>
/// <param name="Model">Model name or alias; null = the default model.</param>
/// <param name="Messages">System prompt, then the conversation. Every tool call has exactly one result.</param>
/// <param name="Options">Tools, temperature and limits.</param>
public sealed record StreamChatQuery(ChatCaller Caller, string? Model, IReadOnlyList<ChatMessage> Messages, ChatCallOptions Options)
    : IStreamRequest<ChatUpdate>;

/// <summary>Who asks, for the ledger.</summary>
/// <param name="UserId">User who pays.</param>
/// <param name="SessionId">Session, when there is one.</param>
/// <param name="Agent">Agent, when there is one.</param>
public sealed record ChatCaller(string UserId, string? SessionId, string? Agent);

/// <summary>Tools, temperature and limits of one call.</summary>
public sealed record ChatCallOptions
{
    /// <summary>Tools the model may call; order matters for provider caches and is kept.</summary>
    public IReadOnlyList<AITool> Tools { get; init; } = [];

    /// <summary>0 to 2; null = the provider's default.</summary>
    public float? Temperature { get; init; }

    /// <summary>Most tokens to write; null = the provider's default.</summary>
    public int? MaxOutputTokens { get; init; }

    /// <summary>Answer as JSON of this schema, where the provider can.</summary>
    public ChatResponseFormat? ResponseFormat { get; init; }
}

/// <summary>A piece of a model's answer.</summary>
public abstract record ChatUpdate
{
    private ChatUpdate() { }

    /// <summary>The next piece of text.</summary>
    public sealed record TextDelta(string Text) : ChatUpdate;

    /// <summary>The next piece of the model's reasoning.</summary>
    public sealed record ReasoningDelta(string Text) : ChatUpdate;

    /// <summary>A complete tool call.</summary>
    /// <param name="ModelCallId">Id the model gave, or made up by us where it gives none.</param>
    /// <param name="Name">Tool name as the model wrote it.</param>
    /// <param name="ArgumentsJson">Arguments as the model wrote them; may be broken JSON.</param>
    public sealed record ToolCall(string ModelCallId, string Name, string ArgumentsJson) : ChatUpdate;

    /// <summary>The answer is complete.</summary>
    /// <param name="Model">Model that answered.</param>
    /// <param name="Provider">Provider that served it.</param>
    /// <param name="FinishReason"><c>stop</c>, <c>length</c>, <c>tool_calls</c>, <c>content_filter</c>.</param>
    /// <param name="Usage">Tokens and money.</param>
    /// <param name="ContextWindow">Tokens of the context window, when known.</param>
    public sealed record Completed(string Model, string Provider, string FinishReason, TokenUsage Usage, int? ContextWindow) : ChatUpdate;

    /// <summary>The call failed for good; retries are over.</summary>
    /// <param name="Code">
    /// <c>INVALID_MODEL</c>, <c>INVALID_REQUEST</c>, <c>CONTEXT_TOO_LARGE</c>, <c>INSUFFICIENT_QUOTA</c>, <c>RATE_LIMIT_EXCEEDED</c>,
    /// <c>PROVIDER_ERROR</c>, <c>TIMEOUT</c> (protocol.md §9.5).
    /// </param>
    /// <param name="Message">Sentence for a person, without upstream text or secrets.</param>
    /// <param name="Usage">What was spent nevertheless.</param>
    /// <param name="RetryAfterSeconds">When a limit says so.</param>
    public sealed record Failed(string Code, string Message, TokenUsage? Usage, int? RetryAfterSeconds) : ChatUpdate;
}
