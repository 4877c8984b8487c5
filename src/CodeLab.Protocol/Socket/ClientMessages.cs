using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.Protocol.Hub;

namespace CodeLab.Protocol.Socket;

/// <summary>
/// What a client says on the published WebSocket (protocol.md §4.3). Null and unknown members are ignored; an unknown kind is a bare
/// <see cref="ClientMessage"/>.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type", IgnoreUnrecognizedTypeDiscriminators = true)]
[JsonDerivedType(typeof(UserMessage), "user_message")]
[JsonDerivedType(typeof(ToolResultMessage), "tool_result")]
[JsonDerivedType(typeof(SwitchAgentMessage), "switch_agent")]
[JsonDerivedType(typeof(HitlDecisionMessage), "hitl_decision")]
[JsonDerivedType(typeof(HitlResponseMessage), "hitl_response")]
[JsonDerivedType(typeof(ContextUpdateMessage), "context_update")]
[JsonDerivedType(typeof(PlanDecisionMessage), "plan_decision")]
[JsonDerivedType(typeof(AuthMessage), "auth")]
[JsonDerivedType(typeof(PingMessage), "ping")]
[JsonDerivedType(typeof(CancelMessage), "cancel")]
[JsonDerivedType(typeof(AttachMessage), "attach")]
[JsonDerivedType(typeof(ChooseExecutorMessage), "choose_executor")]
public record ClientMessage
{
    /// <summary><c>codelab.v2</c>: chosen by the sender; the <c>ack</c> or <c>error</c> that answers the message carries it.</summary>
    public string? Id { get; init; }
}

/// <summary>§4.3.1: a person's text.</summary>
public sealed record UserMessage : ClientMessage
{
    /// <summary>The text.</summary>
    public string? Content { get; init; }

    /// <summary>Ignored: always treated as <c>user</c>.</summary>
    public string? Role { get; init; }

    /// <summary>Agent that must answer.</summary>
    public string? AgentType { get; init; }

    /// <summary>Id for de-duplication.</summary>
    public string? MessageId { get; init; }

    /// <summary>Model or alias; stays the session's until changed.</summary>
    public string? Model { get; init; }

    /// <summary>Files and selections that go with the message.</summary>
    public IReadOnlyList<MessageAttachment>? Attachments { get; init; }

    /// <summary>What happens to the message while a turn runs, as in <see cref="SendMessageRequest.WhenBusy"/>.</summary>
    public string? WhenBusy { get; init; }
}

/// <summary>§4.3.2: what a tool answered.</summary>
public sealed record ToolResultMessage : ClientMessage
{
    /// <summary>The call.</summary>
    public string? CallId { get; init; }

    /// <summary>Any JSON.</summary>
    public JsonElement? Result { get; init; }

    /// <summary>A sentence, or an object <c>{code, message, details}</c>.</summary>
    public JsonElement? Error { get; init; }

    /// <summary>Ignored: the stored call counts.</summary>
    public string? ToolName { get; init; }

    /// <summary>Kept for the record.</summary>
    public string? ErrorCode { get; init; }
}

/// <summary>§4.3.3: change the agent.</summary>
public sealed record SwitchAgentMessage : ClientMessage
{
    /// <summary>The agent.</summary>
    public string? AgentType { get; init; }

    /// <summary>Text for the new agent, or the label the released IDE sends.</summary>
    public string? Content { get; init; }

    /// <summary>Why.</summary>
    public string? Reason { get; init; }
}

/// <summary>§4.3.4: a decision.</summary>
public sealed record HitlDecisionMessage : ClientMessage
{
    /// <summary>The call.</summary>
    public string? CallId { get; init; }

    /// <summary>Alias of <see cref="CallId"/>.</summary>
    public string? RequestId { get; init; }

    /// <summary>The decision.</summary>
    public string? Decision { get; init; }

    /// <summary>With <c>edit</c>: the arguments, whole.</summary>
    public JsonElement? ModifiedArguments { get; init; }

    /// <summary>Alias of <see cref="ModifiedArguments"/>.</summary>
    public JsonElement? EditedArguments { get; init; }

    /// <summary>Also allow the like for the rest of the session.</summary>
    public RememberRequest? Remember { get; init; }

    /// <summary>What to tell the model.</summary>
    public string? Feedback { get; init; }
}

/// <summary><c>codelab.v2</c>: joins the session of the socket and says what this client can do (<see cref="AttachRequest"/>).</summary>
public sealed record AttachMessage : ClientMessage
{
    /// <summary>The last durable frame this client has; absent or 0 = everything.</summary>
    public long? LastSeq { get; init; }

    /// <summary>Who is attaching.</summary>
    public ClientInfo? Client { get; init; }

    /// <summary>Tools this client runs.</summary>
    public IReadOnlyList<JsonElement>? Tools { get; init; }

    /// <summary>The folder the tools work in.</summary>
    public WorkspaceInfo? Workspace { get; init; }

    /// <summary>Optional abilities of the client.</summary>
    public IReadOnlyList<string>? Capabilities { get; init; }
}

/// <summary><c>codelab.v2</c>: chooses which attached client runs the tools.</summary>
public sealed record ChooseExecutorMessage : ClientMessage
{
    /// <summary>Id of the client as in <c>presence</c>; absent = the sender itself.</summary>
    public string? ClientId { get; init; }
}

/// <summary>§4.3.4: the decision under the name of an IDE design note.</summary>
public sealed record HitlResponseMessage : ClientMessage
{
    /// <summary>The call.</summary>
    public string? CallId { get; init; }

    /// <summary>Alias of <see cref="CallId"/>.</summary>
    public string? RequestId { get; init; }

    /// <summary>The decision.</summary>
    public string? Action { get; init; }

    /// <summary>With <c>edit</c>: the arguments, whole.</summary>
    public JsonElement? EditedArguments { get; init; }

    /// <summary>What to tell the model.</summary>
    public string? Feedback { get; init; }
}

/// <summary>§4.3.5: files kept in the session's context.</summary>
public sealed record ContextUpdateMessage : ClientMessage
{
    /// <summary><c>add_file</c>, <c>remove_file</c> or <c>clear</c>.</summary>
    public string? Action { get; init; }

    /// <summary>The file.</summary>
    public ContextFile? Data { get; init; }
}

/// <summary>§4.3.5: a decision on a plan.</summary>
public sealed record PlanDecisionMessage : ClientMessage
{
    /// <summary>The plan.</summary>
    public string? PlanId { get; init; }

    /// <summary>The request.</summary>
    public string? ApprovalRequestId { get; init; }

    /// <summary>The decision.</summary>
    public string? Decision { get; init; }

    /// <summary>What to tell the planner.</summary>
    public string? Feedback { get; init; }
}

/// <summary>§4.3.5: credentials as the first message.</summary>
public sealed record AuthMessage : ClientMessage
{
    /// <summary>A key.</summary>
    public string? ApiKey { get; init; }

    /// <summary>A token.</summary>
    public string? Token { get; init; }
}

/// <summary>§4.3.5: answered by <c>pong</c>.</summary>
public sealed record PingMessage : ClientMessage;

/// <summary>§4.3.5: stops the running turn.</summary>
public sealed record CancelMessage : ClientMessage;
