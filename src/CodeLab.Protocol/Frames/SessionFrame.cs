using System.Text.Json.Serialization;

namespace CodeLab.Protocol.Frames;

/// <summary>
/// What the server tells everybody attached to a session. The member <c>type</c> names the kind (protocol.md §4.4, design.md §7).
/// A reader that meets a kind it does not know gets a bare <see cref="SessionFrame"/> and skips it.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type", IgnoreUnrecognizedTypeDiscriminators = true)]
[JsonDerivedType(typeof(AssistantMessageFrame), "assistant_message")]
[JsonDerivedType(typeof(ToolCallFrame), "tool_call")]
[JsonDerivedType(typeof(AgentSwitchedFrame), "agent_switched")]
[JsonDerivedType(typeof(ErrorFrame), "error")]
[JsonDerivedType(typeof(UserMessageFrame), "user_message")]
[JsonDerivedType(typeof(ToolResultFrame), "tool_result")]
[JsonDerivedType(typeof(ApprovalResolvedFrame), "approval_resolved")]
[JsonDerivedType(typeof(AgentStatusFrame), "agent_status")]
[JsonDerivedType(typeof(ContextCompactedFrame), "context_compacted")]
[JsonDerivedType(typeof(UsageFrame), "usage")]
[JsonDerivedType(typeof(SessionUpdatedFrame), "session_updated")]
[JsonDerivedType(typeof(TurnCompletedFrame), "turn_completed")]
[JsonDerivedType(typeof(TurnFailedFrame), "turn_failed")]
[JsonDerivedType(typeof(TurnCancelledFrame), "turn_cancelled")]
[JsonDerivedType(typeof(ResyncFrame), "resync")]
[JsonDerivedType(typeof(PresenceFrame), "presence")]
[JsonDerivedType(typeof(TaskStartedFrame), "task_started")]
[JsonDerivedType(typeof(TaskEndedFrame), "task_ended")]
[JsonDerivedType(typeof(PlanApprovalRequiredFrame), "plan_approval_required")]
[JsonDerivedType(typeof(PlanUpdateFrame), "plan_update")]
[JsonDerivedType(typeof(PlanCompletedFrame), "plan_completed")]
public record SessionFrame
{
    /// <summary>The session the frame belongs to.</summary>
    public string SessionId { get; init; } = "";

    /// <summary>
    /// Position in the session's log, from 1. Present on durable frames only; the frames of a session are sent in ascending order and a
    /// reader drops what it has already seen. Streaming text and status frames carry none.
    /// </summary>
    public long? Seq { get; init; }

    /// <summary>
    /// The session of a task that the frame comes from: its calls, decisions and results are shown in the session that people are attached
    /// to, without <see cref="Seq"/>, and answered there.
    /// </summary>
    public string? TaskId { get; init; }
}
