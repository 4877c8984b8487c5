using System.Text.Json;
using CodeLab.Protocol.Rest;

namespace CodeLab.Protocol.Frames;

/// <summary>
/// Text of an agent (protocol.md §4.4.1). While the model writes: <see cref="Token"/> with <see cref="Offset"/>, not durable. When the
/// text is finished: one durable frame with the whole <see cref="Content"/>.
/// </summary>
public sealed record AssistantMessageFrame : SessionFrame
{
    /// <summary>Id of the message; the same in every frame of one message and in history.</summary>
    public required string MessageId { get; init; }

    /// <summary>The whole text; absent while streaming.</summary>
    public string? Content { get; init; }

    /// <summary>The next piece of text while streaming.</summary>
    public string? Token { get; init; }

    /// <summary>Where <see cref="Token"/> begins in the message, in UTF-16 code units from 0; absent on durable frames.</summary>
    public int? Offset { get; init; }

    /// <summary>True only on the last text of a turn.</summary>
    public bool IsFinal { get; init; }

    /// <summary>The agent that wrote the text, e.g. <c>coder</c>.</summary>
    public string? Agent { get; init; }

    /// <summary>When the text was finished, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>True when <see cref="Content"/> was cut to keep the frame under 1 MiB; the whole text is in history.</summary>
    public bool? Truncated { get; init; }

    /// <summary>Extra data, e.g. <c>suggestions</c> of a follow-up question.</summary>
    public JsonElement? Metadata { get; init; }
}

/// <summary>A tool call (protocol.md §4.4.2): with <see cref="RequiresApproval"/> it asks a person, without it the executor runs it now.</summary>
public sealed record ToolCallFrame : SessionFrame
{
    /// <summary>Id made by the server, never reused.</summary>
    public required string CallId { get; init; }

    /// <summary>Canonical name of the tool.</summary>
    public required string ToolName { get; init; }

    /// <summary>Arguments, already validated and coerced to the tool's schema; always an object.</summary>
    public required JsonElement Arguments { get; init; }

    /// <summary>True: wait for a decision. False: the executor runs the call.</summary>
    public bool RequiresApproval { get; init; }

    /// <summary>Why approval is needed, or why none was.</summary>
    public string? Reason { get; init; }

    /// <summary>
    /// What allowed the call: <c>rule:ID</c>, <c>remembered:ID</c>, <c>person:USER_ID</c>, <c>level:NAME</c> or <c>server</c>; absent while
    /// a decision is open.
    /// </summary>
    public string? AllowedBy { get; init; }

    /// <summary>While a decision is open: the policy rule that asks.</summary>
    public string? RuleId { get; init; }

    /// <summary>While a decision is open: the role that another person than the session's owner must have to approve.</summary>
    public string? ApproverRole { get; init; }

    /// <summary>Client id of the one client that runs the call; others only watch. Absent while a decision is open.</summary>
    public string? Executor { get; init; }

    /// <summary>True when the same call was sent before: a client answers from its journal instead of running it twice.</summary>
    public bool? Redelivered { get; init; }

    /// <summary>The agent that asked for the call.</summary>
    public string? Agent { get; init; }

    /// <summary>Seconds after which the server stops waiting for the result.</summary>
    public int? TimeoutSeconds { get; init; }

    /// <summary>When the call was made or dispatched, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}

/// <summary>Another agent took over (protocol.md §4.4.3). <see cref="FromAgent"/> is never absent.</summary>
public sealed record AgentSwitchedFrame : SessionFrame
{
    /// <summary>Sentence for people, e.g. "Switched to coder agent".</summary>
    public required string Content { get; init; }

    /// <summary>The agent before.</summary>
    public required string FromAgent { get; init; }

    /// <summary>The agent from now on.</summary>
    public required string ToAgent { get; init; }

    /// <summary>Why.</summary>
    public string? Reason { get; init; }

    /// <summary><c>high</c>, <c>medium</c> or <c>low</c>; only for automatic routing.</summary>
    public string? Confidence { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>True when nothing follows (a manual switch).</summary>
    public bool IsFinal { get; init; }
}

/// <summary>Something failed (protocol.md §4.4.4). The codes are those of protocol.md §4.9.</summary>
public sealed record ErrorFrame : SessionFrame
{
    /// <summary>Text for a person that says what to do next.</summary>
    public required string Content { get; init; }

    /// <summary>Stable code.</summary>
    public required string ErrorCode { get; init; }

    /// <summary>Extra facts.</summary>
    public JsonElement? Details { get; init; }

    /// <summary>Seconds to wait; only with a rate limit.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>True when the turn is over.</summary>
    public bool IsFinal { get; init; }
}

/// <summary>What a person wrote, as every attached client sees it.</summary>
public sealed record UserMessageFrame : SessionFrame
{
    /// <summary>Id of the message, as its sender gave it.</summary>
    public required string MessageId { get; init; }

    /// <summary>The text.</summary>
    public required string Content { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>True when the message waits because a turn is running.</summary>
    public bool? Queued { get; init; }
}

/// <summary>How a tool call ended.</summary>
public sealed record ToolResultFrame : SessionFrame
{
    /// <summary>The call.</summary>
    public required string CallId { get; init; }

    /// <summary>Canonical name of the tool.</summary>
    public required string ToolName { get; init; }

    /// <summary><c>result</c>, <c>error</c>, <c>denied</c>, <c>rejected</c>, <c>expired</c>, <c>cancelled</c> or <c>outcome_unknown</c>.</summary>
    public required string Status { get; init; }

    /// <summary>What the tool answered; absent when it failed or is too long for a frame.</summary>
    public JsonElement? Result { get; init; }

    /// <summary>Why it failed, as told to the model.</summary>
    public string? Error { get; init; }

    /// <summary>Stable code of the failure.</summary>
    public string? ErrorCode { get; init; }

    /// <summary>True when <see cref="Result"/> was left out or cut; history has what was kept.</summary>
    public bool? Truncated { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}

/// <summary>A waiting approval was decided, from whichever door.</summary>
public sealed record ApprovalResolvedFrame : SessionFrame
{
    /// <summary>The call.</summary>
    public required string CallId { get; init; }

    /// <summary><c>approve</c>, <c>edit</c>, <c>reject</c> or <c>expire</c>.</summary>
    public required string Decision { get; init; }

    /// <summary>User id of the person who decided; absent when it expired.</summary>
    public string? DecidedBy { get; init; }

    /// <summary>The door it came through: <c>hub</c>, <c>socket</c>, <c>rest</c>, <c>dashboard</c> or <c>server</c>.</summary>
    public string? Door { get; init; }

    /// <summary>What the person said to the model.</summary>
    public string? Feedback { get; init; }

    /// <summary>True when the decision also made a rule for this session.</summary>
    public bool? Remembered { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}

/// <summary>What the session is doing; not durable.</summary>
public sealed record AgentStatusFrame : SessionFrame
{
    /// <summary><c>idle</c>, <c>thinking</c>, <c>executing_tool</c>, <c>waiting_approval</c> or <c>waiting_client</c>.</summary>
    public required string Status { get; init; }

    /// <summary>The agent at work.</summary>
    public string? Agent { get; init; }

    /// <summary>Sentence for people.</summary>
    public string? Message { get; init; }
}

/// <summary>Older messages were shortened to fit the model's context window.</summary>
public sealed record ContextCompactedFrame : SessionFrame
{
    /// <summary><c>shrunk</c>: older tool outputs were shortened; <c>summarised</c>: what is older was replaced by <see cref="Summary"/>.</summary>
    public string? Kind { get; init; }

    /// <summary>Tokens of a request before.</summary>
    public int BeforeTokens { get; init; }

    /// <summary>Tokens of a request after.</summary>
    public int AfterTokens { get; init; }

    /// <summary>What the model is told from now on in place of the older messages; people's own words stay beside it.</summary>
    public string? Summary { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}

/// <summary>Tokens and money of one model call and of the session so far.</summary>
public sealed record UsageFrame : SessionFrame
{
    /// <summary>Model that answered.</summary>
    public required string Model { get; init; }

    /// <summary>This call.</summary>
    public required TokenUsage Call { get; init; }

    /// <summary>The session so far.</summary>
    public required TokenUsage Session { get; init; }

    /// <summary>The running turn so far; absent when the turn is over, whose end frame has it.</summary>
    public TokenUsage? Turn { get; init; }

    /// <summary>What each agent spent of the session so far.</summary>
    public IReadOnlyDictionary<string, TokenUsage>? Agents { get; init; }

    /// <summary>Tokens of the model's context window, when known.</summary>
    public int? ContextWindow { get; init; }
}

/// <summary>Title, model or agent of the session changed.</summary>
public sealed record SessionUpdatedFrame : SessionFrame
{
    /// <summary>The session as it is now.</summary>
    public required SessionInfo Session { get; init; }
}

/// <summary>A turn ended well. A turn ends with exactly one of completed, failed, cancelled.</summary>
public sealed record TurnCompletedFrame : SessionFrame
{
    /// <summary>The turn.</summary>
    public required string TurnId { get; init; }

    /// <summary>Model steps taken.</summary>
    public int Steps { get; init; }

    /// <summary>Tokens and money of the turn.</summary>
    public TokenUsage? Usage { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}

/// <summary>A turn failed; the session stays usable.</summary>
public sealed record TurnFailedFrame : SessionFrame
{
    /// <summary>The turn.</summary>
    public required string TurnId { get; init; }

    /// <summary>Stable code, e.g. <c>LLM_ERROR</c>.</summary>
    public required string ErrorCode { get; init; }

    /// <summary>Sentence that says what to do next.</summary>
    public required string Content { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}

/// <summary>A turn was cancelled by a person.</summary>
public sealed record TurnCancelledFrame : SessionFrame
{
    /// <summary>The turn.</summary>
    public required string TurnId { get; init; }

    /// <summary>Why, when it was not a plain cancel: something follows, such as the message that took the turn's place.</summary>
    public string? Reason { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}

/// <summary>The reader can not be served from where it was: it must attach again from the beginning.</summary>
public sealed record ResyncFrame : SessionFrame
{
    /// <summary>Why, for people.</summary>
    public required string Reason { get; init; }
}

/// <summary>Who is attached, told whenever that changes; not durable.</summary>
public sealed record PresenceFrame : SessionFrame
{
    /// <summary>Everybody attached, in the order of coming.</summary>
    public required IReadOnlyList<AttachedClientInfo> Clients { get; init; }
}

/// <summary>A client attached to a session.</summary>
public sealed record AttachedClientInfo
{
    /// <summary>Id of the client: its own stable one, or that of its connection. Names it when an executor is chosen.</summary>
    public required string ClientId { get; init; }

    /// <summary>The user it belongs to.</summary>
    public required string UserId { get; init; }

    /// <summary>The door it came through: <c>hub</c> or <c>socket</c>.</summary>
    public required string Door { get; init; }

    /// <summary>Program name, as the client says.</summary>
    public string? Name { get; init; }

    /// <summary>Program version, as the client says.</summary>
    public string? Version { get; init; }

    /// <summary>Operating system, as the client says.</summary>
    public string? Platform { get; init; }

    /// <summary>True when it can run tools.</summary>
    public bool RunsTools { get; init; }

    /// <summary>True for the one client that runs the tools now.</summary>
    public bool Executor { get; init; }

    /// <summary>When it attached, UTC.</summary>
    public DateTimeOffset Since { get; init; }
}

/// <summary>Tokens and money.</summary>
public sealed record TokenUsage
{
    /// <summary>Tokens sent to the model, cached ones included.</summary>
    public long InputTokens { get; init; }

    /// <summary>Tokens the model wrote, reasoning included.</summary>
    public long OutputTokens { get; init; }

    /// <summary>Input tokens the provider served from its cache.</summary>
    public long CachedTokens { get; init; }

    /// <summary>Output tokens spent on reasoning.</summary>
    public long ReasoningTokens { get; init; }

    /// <summary>Cost in US dollars, when the price of the model is known.</summary>
    public decimal? Cost { get; init; }

    /// <summary>Adds two usages; the cost of the sum is known when either is.</summary>
    public static TokenUsage operator +(TokenUsage left, TokenUsage right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        return new()
        {
            InputTokens = left.InputTokens + right.InputTokens,
            OutputTokens = left.OutputTokens + right.OutputTokens,
            CachedTokens = left.CachedTokens + right.CachedTokens,
            ReasoningTokens = left.ReasoningTokens + right.ReasoningTokens,
            Cost = left.Cost is null && right.Cost is null ? null : (left.Cost ?? 0) + (right.Cost ?? 0),
        };
    }

    /// <summary>Adds two usages.</summary>
    public static TokenUsage Add(TokenUsage left, TokenUsage right) => left + right;
}
