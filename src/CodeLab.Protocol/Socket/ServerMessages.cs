using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.Protocol.Rest;

namespace CodeLab.Protocol.Socket;

/// <summary>
/// What the server says on a WebSocket in a form of its own (protocol.md §4.4 to §4.6): the published shapes that differ from the frames of
/// the hub, and answers to one sender. Members beyond the published ones are extras that old clients skip.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(ToolCallMessage), "tool_call")]
[JsonDerivedType(typeof(AgentSwitchedMessage), "agent_switched")]
[JsonDerivedType(typeof(ErrorMessage), "error")]
[JsonDerivedType(typeof(PongMessage), "pong")]
[JsonDerivedType(typeof(AuthResultMessage), "auth_result")]
[JsonDerivedType(typeof(SessionInfoMessage), "session_info")]
[JsonDerivedType(typeof(StatusMessage), "status")]
[JsonDerivedType(typeof(DoneMessage), "done")]
[JsonDerivedType(typeof(AckMessage), "ack")]
[JsonDerivedType(typeof(AttachedMessage), "attached")]
public abstract record ServerMessage
{
    /// <summary>The session.</summary>
    public string? SessionId { get; init; }

    /// <summary>Position in the session's log, when the message stands for a durable frame.</summary>
    public long? Seq { get; init; }
}

/// <summary>§4.4.2: a tool call.</summary>
public sealed record ToolCallMessage : ServerMessage
{
    /// <summary>The call.</summary>
    public required string CallId { get; init; }

    /// <summary>Canonical name of the tool.</summary>
    public required string ToolName { get; init; }

    /// <summary>Arguments; always an object.</summary>
    public required JsonElement Arguments { get; init; }

    /// <summary>The same under its older name; left out when the message would pass 256 KiB.</summary>
    public JsonElement? Args { get; init; }

    /// <summary>True: a person decides before the call is run.</summary>
    public bool RequiresApproval { get; init; }

    /// <summary>Why approval is needed.</summary>
    public string? Reason { get; init; }

    /// <summary>True when the call was sent before.</summary>
    public bool? Redelivered { get; init; }
}

/// <summary>§4.4.3: another agent took over.</summary>
public sealed record AgentSwitchedMessage : ServerMessage
{
    /// <summary>Sentence for people.</summary>
    public required string Content { get; init; }

    /// <summary>The agent before.</summary>
    public required string FromAgent { get; init; }

    /// <summary>The agent from now on.</summary>
    public required string ToAgent { get; init; }

    /// <summary>Why.</summary>
    public string? Reason { get; init; }

    /// <summary><c>high</c>, <c>medium</c> or <c>low</c>.</summary>
    public string? Confidence { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>The same facts where other clients look for them.</summary>
    public required SwitchMetadata Metadata { get; init; }

    /// <summary>True when nothing follows.</summary>
    public bool IsFinal { get; init; }
}

/// <summary>Facts of a switch.</summary>
public sealed record SwitchMetadata
{
    /// <summary>The agent before.</summary>
    public required string FromAgent { get; init; }

    /// <summary>The agent from now on.</summary>
    public required string ToAgent { get; init; }

    /// <summary>Why.</summary>
    public string? Reason { get; init; }

    /// <summary><c>high</c>, <c>medium</c> or <c>low</c>.</summary>
    public string? Confidence { get; init; }
}

/// <summary>§4.4.4: the turn, or the sender's own message, failed. The three texts and the two codes are the same.</summary>
public sealed record ErrorMessage : ServerMessage
{
    /// <summary>The <c>id</c> of the message that failed; <c>codelab.v2</c> only.</summary>
    public string? Id { get; init; }

    /// <summary>Text for a person.</summary>
    public required string Content { get; init; }

    /// <summary>The same.</summary>
    public required string Error { get; init; }

    /// <summary>The same.</summary>
    public required string Message { get; init; }

    /// <summary>Stable code.</summary>
    public required string ErrorCode { get; init; }

    /// <summary>The same.</summary>
    public required string Code { get; init; }

    /// <summary>Extra facts.</summary>
    public JsonElement? Details { get; init; }

    /// <summary>Seconds to wait.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>True when the turn is over.</summary>
    public bool IsFinal { get; init; }
}

/// <summary>§4.3.5: answers <c>ping</c>.</summary>
public sealed record PongMessage : ServerMessage
{
    /// <summary>The <c>id</c> of the ping.</summary>
    public string? Id { get; init; }
}

/// <summary>§4.3.5: answers <c>auth</c>.</summary>
public sealed record AuthResultMessage : ServerMessage
{
    /// <summary><c>success</c>; a failure is an <c>error</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Seconds until the new token ends.</summary>
    public int? ExpiresIn { get; init; }
}

/// <summary>§4.6, capability <c>session_info</c>: the session the socket is on.</summary>
public sealed record SessionInfoMessage : ServerMessage;

/// <summary>§4.6, capability <c>status</c>: what the session is doing.</summary>
public sealed record StatusMessage : ServerMessage
{
    /// <summary><c>idle</c>, <c>thinking</c>, <c>executing_tool</c>, <c>waiting_approval</c> or <c>error</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Sentence for people.</summary>
    public required string Message { get; init; }
}

/// <summary>§4.6, capability <c>done</c>: the turn is over.</summary>
public sealed record DoneMessage : ServerMessage
{
    /// <summary>Always true.</summary>
    public bool IsFinal { get; init; } = true;
}

/// <summary><c>codelab.v2</c>: an input is committed.</summary>
public sealed record AckMessage : ServerMessage
{
    /// <summary>The <c>id</c> of the message, when it had one.</summary>
    public string? Id { get; init; }

    /// <summary>True when the input was known already and nothing changed.</summary>
    public bool Duplicate { get; init; }
}

/// <summary><c>codelab.v2</c>: answers <c>attach</c>. The frames that were missed follow as messages of their own, then the live ones.</summary>
public sealed record AttachedMessage : ServerMessage
{
    /// <summary>The <c>id</c> of the attach.</summary>
    public string? Id { get; init; }

    /// <summary>The session.</summary>
    public required SessionInfo Session { get; init; }

    /// <summary>Position of the log at this moment.</summary>
    public long LastSeq { get; init; }

    /// <summary>How many frames follow that were missed.</summary>
    public int Missed { get; init; }

    /// <summary>True when this client runs the tools of the session.</summary>
    public bool Executor { get; init; }

    /// <summary>True when <c>last_seq</c> could not be served: the frames begin at the start of the log.</summary>
    public bool Resync { get; init; }

    /// <summary>What the session is doing.</summary>
    public string? Status { get; init; }
}
