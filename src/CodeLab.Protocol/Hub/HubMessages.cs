using System.Text.Json;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Rest;

namespace CodeLab.Protocol.Hub;

/// <summary>Argument of <c>Attach</c> (design.md §7): joins a session and says what this client can do.</summary>
public sealed record AttachRequest
{
    /// <summary>The session; one that does not exist yet is created for the caller.</summary>
    public required string SessionId { get; init; }

    /// <summary>The last durable frame this client has; absent or 0 = everything.</summary>
    public long? LastSeq { get; init; }

    /// <summary>Who is attaching.</summary>
    public ClientInfo? Client { get; init; }

    /// <summary>
    /// Tools this client runs: a string names a tool of the catalogue, an object <c>{name, description, parameters}</c> defines one of the
    /// client's own. Empty or absent: the client only watches.
    /// </summary>
    public IReadOnlyList<JsonElement>? Tools { get; init; }

    /// <summary>The folder the tools work in.</summary>
    public WorkspaceInfo? Workspace { get; init; }

    /// <summary>Optional abilities of the client, e.g. <c>plans</c>.</summary>
    public IReadOnlyList<string>? Capabilities { get; init; }
}

/// <summary>Capabilities of <see cref="AttachRequest"/> that the server knows.</summary>
public static class AttachCapabilities
{
    /// <summary>The client can have only one tool call open: the server sends the next when the one before has its result.</summary>
    public const string OneCallAtATime = "one_call_at_a_time";

    /// <summary>The client shows plans and lets people decide about them; without it no plan is offered to models.</summary>
    public const string Plans = "plans";
}

/// <summary>Argument of <c>ChooseExecutor</c>: which attached client runs the tools from now on.</summary>
public sealed record ChooseExecutorRequest
{
    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>Id of the client as in the <c>presence</c> frame; absent = the caller itself.</summary>
    public string? ClientId { get; init; }
}

/// <summary>Who is attaching.</summary>
public sealed record ClientInfo
{
    /// <summary>
    /// Stable id of this installation's executor (letters, digits, <c>._:-</c>, at most 128). A call in flight is delivered again only to
    /// the client with the same id, because only its journal knows whether the call already ran. Absent: the connection is the identity.
    /// </summary>
    public string? Id { get; init; }

    /// <summary>Program name.</summary>
    public string? Name { get; init; }

    /// <summary>Program version.</summary>
    public string? Version { get; init; }

    /// <summary>Operating system and shell, for the model.</summary>
    public string? Platform { get; init; }
}

/// <summary>The folder the tools work in. Its path never leaves the client except as a hint.</summary>
public sealed record WorkspaceInfo
{
    /// <summary>Name of the folder.</summary>
    public string? Name { get; init; }

    /// <summary>Hint for people; never used as a path by the server.</summary>
    public string? RootHint { get; init; }

    /// <summary>Current Git branch.</summary>
    public string? Branch { get; init; }

    /// <summary>Project rules (<c>AGENTS.md</c>, <c>.codelab/rules</c>) that are pinned in every prompt.</summary>
    public IReadOnlyList<WorkspaceRule>? Rules { get; init; }
}

/// <summary>One file of project rules.</summary>
public sealed record WorkspaceRule
{
    /// <summary>Path relative to the workspace.</summary>
    public required string Path { get; init; }

    /// <summary>Text.</summary>
    public required string Content { get; init; }
}

/// <summary>Answer of <c>Attach</c>.</summary>
public sealed record AttachResponse
{
    /// <summary>The session.</summary>
    public required SessionInfo Session { get; init; }

    /// <summary>Position of the log at this moment; live frames follow from here.</summary>
    public long LastSeq { get; init; }

    /// <summary>Durable frames after the client's <c>last_seq</c>, ascending.</summary>
    public required IReadOnlyList<SessionFrame> Frames { get; init; }

    /// <summary>Text that is being written right now.</summary>
    public StreamingMessage? Streaming { get; init; }

    /// <summary>Calls dispatched to this client that have no result yet, flagged <c>redelivered</c>: answer from the journal or run them.</summary>
    public IReadOnlyList<ToolCallFrame>? OpenCalls { get; init; }

    /// <summary>True when this client runs the tools of the session.</summary>
    public bool Executor { get; init; }

    /// <summary>True when <c>last_seq</c> could not be served: <see cref="Frames"/> then begins at the start of the log.</summary>
    public bool Resync { get; init; }

    /// <summary>What the session is doing, as in <see cref="AgentStatusFrame.Status"/>.</summary>
    public string? Status { get; init; }
}

/// <summary>Text that is being written.</summary>
public sealed record StreamingMessage
{
    /// <summary>Id of the message.</summary>
    public required string MessageId { get; init; }

    /// <summary>The agent that writes.</summary>
    public string? Agent { get; init; }

    /// <summary>The text so far; the next token's offset is its length.</summary>
    public required string Text { get; init; }
}

/// <summary>Argument of <c>SendMessage</c>.</summary>
public sealed record SendMessageRequest
{
    /// <summary>The session; one that does not exist yet is created for the caller.</summary>
    public required string SessionId { get; init; }

    /// <summary>Id chosen by the sender; repeating it is answered <c>duplicate</c> and changes nothing.</summary>
    public string? MessageId { get; init; }

    /// <summary>The text, 1 to 100,000 characters.</summary>
    public required string Content { get; init; }

    /// <summary>Agent that must answer.</summary>
    public string? AgentType { get; init; }

    /// <summary>Model or alias; stays the session's until changed.</summary>
    public string? Model { get; init; }

    /// <summary>Files and selections that go with the message.</summary>
    public IReadOnlyList<MessageAttachment>? Attachments { get; init; }

    /// <summary>
    /// What happens to the message while a turn runs: <c>queue</c> (default; it starts the next turn), <c>steer</c> (the running turn reads
    /// it with its next model step) or <c>interrupt</c> (the running step is cancelled, and the turn goes on with the message).
    /// </summary>
    public string? WhenBusy { get; init; }
}

/// <summary>A file or selection that goes with a message.</summary>
public sealed record MessageAttachment
{
    /// <summary>Path relative to the workspace, or a name.</summary>
    public required string Path { get; init; }

    /// <summary>Text.</summary>
    public required string Content { get; init; }
}

/// <summary>Argument of <c>SubmitToolResult</c>: exactly one of result and error; neither means success without output.</summary>
public sealed record SubmitToolResultRequest
{
    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>The call.</summary>
    public required string CallId { get; init; }

    /// <summary>What the tool answered.</summary>
    public JsonElement? Result { get; init; }

    /// <summary>Why it failed: a sentence, or <c>{code, message}</c>.</summary>
    public JsonElement? Error { get; init; }
}

/// <summary>Argument of <c>Decide</c>.</summary>
public sealed record DecideRequest
{
    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>The call that waits.</summary>
    public required string CallId { get; init; }

    /// <summary><c>approve</c>, <c>edit</c> or <c>reject</c>.</summary>
    public required string Decision { get; init; }

    /// <summary>With <c>edit</c>: the arguments that replace those of the model, as a whole.</summary>
    public JsonElement? ModifiedArguments { get; init; }

    /// <summary>What to tell the model.</summary>
    public string? Feedback { get; init; }

    /// <summary>Also allow the like for the rest of the session.</summary>
    public RememberRequest? Remember { get; init; }
}

/// <summary>Asks that a decision becomes a rule.</summary>
public sealed record RememberRequest
{
    /// <summary>
    /// How far the rule reaches: <c>session</c>, <c>project</c> (workspaces of this name, of the same user) or <c>user</c> (all of the
    /// user's sessions).
    /// </summary>
    public required string Scope { get; init; }

    /// <summary>Days after which it ends, 1 to 3,650; absent = never.</summary>
    public int? Days { get; init; }
}

/// <summary>Argument of <c>SwitchAgent</c>.</summary>
public sealed record SwitchAgentRequest
{
    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>The agent.</summary>
    public required string AgentType { get; init; }

    /// <summary>Text for the new agent; absent = switch only.</summary>
    public string? Content { get; init; }

    /// <summary>Why.</summary>
    public string? Reason { get; init; }
}

/// <summary>Argument of <c>UpdateContext</c> (protocol.md §8.4).</summary>
public sealed record UpdateContextRequest
{
    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary><c>add_file</c>, <c>remove_file</c> or <c>clear</c>.</summary>
    public required string Action { get; init; }

    /// <summary>The file.</summary>
    public ContextFile? Data { get; init; }
}

/// <summary>A file kept in the session's context.</summary>
public sealed record ContextFile
{
    /// <summary>Path relative to the workspace.</summary>
    public required string Path { get; init; }

    /// <summary>Text; absent: only the path is remembered.</summary>
    public string? Content { get; init; }
}

/// <summary>Argument of <c>Detach</c> and <c>Cancel</c>.</summary>
public sealed record SessionRequest
{
    /// <summary>The session.</summary>
    public required string SessionId { get; init; }
}

/// <summary>An input is committed.</summary>
public sealed record InputAck
{
    /// <summary>Position of the log at which the input stands (or stood, when it is a duplicate).</summary>
    public long Seq { get; init; }

    /// <summary>True when the input was known already and nothing changed.</summary>
    public bool Duplicate { get; init; }
}

/// <summary>Names of the hub, its methods and its one client method.</summary>
public static class SessionHubNames
{
    /// <summary>Path of the hub.</summary>
    public const string Path = "/hubs/sessions";

    /// <summary>Client method that receives a <see cref="SessionFrame"/>.</summary>
    public const string Receive = "Receive";

    /// <summary><see cref="AttachRequest"/> → <see cref="AttachResponse"/>.</summary>
    public const string Attach = "Attach";

    /// <summary><see cref="SessionRequest"/>.</summary>
    public const string Detach = "Detach";

    /// <summary><see cref="SendMessageRequest"/> → <see cref="InputAck"/>.</summary>
    public const string SendMessage = "SendMessage";

    /// <summary><see cref="SubmitToolResultRequest"/> → <see cref="InputAck"/>.</summary>
    public const string SubmitToolResult = "SubmitToolResult";

    /// <summary><see cref="DecideRequest"/> → <see cref="InputAck"/>.</summary>
    public const string Decide = "Decide";

    /// <summary><see cref="SwitchAgentRequest"/> → <see cref="InputAck"/>.</summary>
    public const string SwitchAgent = "SwitchAgent";

    /// <summary><see cref="UpdateContextRequest"/> → <see cref="InputAck"/>.</summary>
    public const string UpdateContext = "UpdateContext";

    /// <summary><see cref="SessionRequest"/> → <see cref="InputAck"/>.</summary>
    public const string Cancel = "Cancel";

    /// <summary><see cref="ChooseExecutorRequest"/>.</summary>
    public const string ChooseExecutor = "ChooseExecutor";
}
