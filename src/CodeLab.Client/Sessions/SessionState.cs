using System.Collections.Immutable;
using System.Text.Json;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Rest;

namespace CodeLab.Client.Sessions;

/// <summary>
/// A session as its frames tell it: the one state every face draws, so that a frame is interpreted once. Folded by
/// <see cref="SessionFold"/>; never changed.
/// </summary>
public sealed record SessionState
{
    /// <summary>Id of the session.</summary>
    public required string SessionId { get; init; }

    /// <summary>The session object, once the server has told it.</summary>
    public SessionInfo? Info { get; init; }

    /// <summary>Position of the last durable frame seen; 0 = none.</summary>
    public long LastSeq { get; init; }

    /// <summary>What happened, in order.</summary>
    public ImmutableList<SessionItem> Items { get; init; } = [];

    /// <summary>Tool calls by call id.</summary>
    public ImmutableDictionary<string, ToolCallState> Calls { get; init; } = ImmutableDictionary<string, ToolCallState>.Empty;

    /// <summary>Calls that wait for a decision, oldest first.</summary>
    public ImmutableList<string> WaitingApprovals { get; init; } = [];

    /// <summary>Text that is being written, or null.</summary>
    public StreamingText? Streaming { get; init; }

    /// <summary>The agent at work.</summary>
    public string Agent { get; init; } = "orchestrator";

    /// <summary>What the session is doing: <c>idle</c>, <c>thinking</c>, <c>executing_tool</c>, <c>waiting_approval</c>, <c>waiting_client</c>.</summary>
    public string Status { get; init; } = "idle";

    /// <summary>How the current or last turn stands.</summary>
    public TurnState Turn { get; init; } = TurnState.None;

    /// <summary>Messages that wait for the running turn to end.</summary>
    public int QueuedMessages { get; init; }

    /// <summary>Tokens and money, as last told.</summary>
    public UsageFrame? Usage { get; init; }

    /// <summary>The last text of an agent.</summary>
    public AgentText? LastText => Items.FindLast(item => item is AgentText) as AgentText;

    /// <summary>An empty session.</summary>
    public static SessionState Empty(string sessionId) => new() { SessionId = sessionId };
}

/// <summary>How a turn stands.</summary>
public enum TurnPhase
{
    /// <summary>There was none yet.</summary>
    None,

    /// <summary>It runs, or waits for a tool, an approval or a client.</summary>
    Running,

    /// <summary>It ended well.</summary>
    Completed,

    /// <summary>It failed.</summary>
    Failed,

    /// <summary>A person cancelled it.</summary>
    Cancelled,
}

/// <summary>How a turn stands, and why it failed.</summary>
/// <param name="Phase">The phase.</param>
/// <param name="ErrorCode">Stable code, when it failed.</param>
/// <param name="Error">Sentence for people, when it failed.</param>
/// <param name="Usage">Tokens and money of the turn, once it ended well.</param>
public sealed record TurnState(TurnPhase Phase, string? ErrorCode = null, string? Error = null, TokenUsage? Usage = null)
{
    /// <summary>No turn yet.</summary>
    public static TurnState None { get; } = new(TurnPhase.None);

    /// <summary>A running turn.</summary>
    public static TurnState Running { get; } = new(TurnPhase.Running);
}

/// <summary>Something in the course of a session.</summary>
public abstract record SessionItem;

/// <summary>What a person wrote.</summary>
public sealed record UserText(string MessageId, string Content, bool Queued) : SessionItem;

/// <summary>What an agent wrote, whole.</summary>
public sealed record AgentText(string MessageId, string? Agent, string Content, bool IsFinal, bool Truncated) : SessionItem;

/// <summary>A tool call; what became of it is in <see cref="SessionState.Calls"/>.</summary>
public sealed record ToolCallItem(string CallId) : SessionItem;

/// <summary>Another agent took over.</summary>
public sealed record AgentChange(string From, string To, string? Reason) : SessionItem;

/// <summary>Something people should know: an error, a shortened context.</summary>
public sealed record Notice(string Text, string? ErrorCode) : SessionItem;

/// <summary>Where a tool call is.</summary>
public enum ToolCallPhase
{
    /// <summary>A person is asked.</summary>
    WaitingApproval,

    /// <summary>Allowed, not yet told to a client to run.</summary>
    Approved,

    /// <summary>A client runs it.</summary>
    Running,

    /// <summary>It succeeded.</summary>
    Succeeded,

    /// <summary>It failed.</summary>
    Failed,

    /// <summary>The rules forbade it.</summary>
    Denied,

    /// <summary>A person said no.</summary>
    Rejected,

    /// <summary>Nobody decided in time.</summary>
    Expired,

    /// <summary>The turn was cancelled.</summary>
    Cancelled,

    /// <summary>The client stopped in the middle: it may have run or not.</summary>
    OutcomeUnknown,
}

/// <summary>A tool call and what became of it.</summary>
public sealed record ToolCallState
{
    /// <summary>The call.</summary>
    public required string CallId { get; init; }

    /// <summary>Tool name.</summary>
    public required string ToolName { get; init; }

    /// <summary>Arguments; after an edit, the edited ones.</summary>
    public required JsonElement Arguments { get; init; }

    /// <summary>Where it is.</summary>
    public ToolCallPhase Phase { get; init; }

    /// <summary>Why approval was needed, or why none was.</summary>
    public string? Reason { get; init; }

    /// <summary>The agent that asked.</summary>
    public string? Agent { get; init; }

    /// <summary>Client that runs it.</summary>
    public string? Executor { get; init; }

    /// <summary>What a person decided.</summary>
    public string? Decision { get; init; }

    /// <summary>What a person said to the model.</summary>
    public string? Feedback { get; init; }

    /// <summary>What the tool answered.</summary>
    public JsonElement? Result { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Error { get; init; }

    /// <summary>Stable code of the failure.</summary>
    public string? ErrorCode { get; init; }

    /// <summary>When it was dispatched, UTC.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When its result came, UTC.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Whether nothing more will happen to it.</summary>
    public bool IsOver => Phase >= ToolCallPhase.Succeeded;
}
