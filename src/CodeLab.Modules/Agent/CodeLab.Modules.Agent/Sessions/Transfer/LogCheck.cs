using System.Text.Json;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;

namespace CodeLab.Modules.Agent.Sessions.Transfer;

/// <summary>
/// Whether an event can follow a state: what the engine guarantees of logs it writes, asked of a log that somebody else wrote. A log that
/// passes has exactly one result a call, one end a turn and one start a message, so that the session can go on and a provider takes it.
/// </summary>
internal static class LogCheck
{
    /// <summary>Why an event can not come next; null when it can.</summary>
    public static string? Problem(SessionState state, SessionEvent happened) =>
        happened switch
        {
            SessionCreated e => !state.IsNew ? "a session begins once."
            : e.Owner.Length == 0 || e.Agent.Length is 0 or > 256 ? "the session has no owner or agent."
            : null,
            _ when state.IsNew => "the first event must be session.created.",
            SessionDeleted => "the session was deleted.",
            UserWrote e => e.MessageId.Length is 0 or > 128 ? "a message has no id."
            : state.Queue.Exists(m => m.MessageId == e.MessageId) ? $"message '{Shown(e.MessageId)}' waits already."
            : null,
            ConversationCleared or SessionCopied => state.Turn is null ? null : "a turn is still open.",
            TurnStarted e => Started(state, e),
            MessageJoined e => OfTurn(state, e.TurnId)
                ?? (state.Queue.Exists(m => m.MessageId == e.MessageId) ? null : $"message '{Shown(e.MessageId)}' does not wait."),
            ModelRequested e => OfTurn(state, e.TurnId) ?? Requested(state, e),
            RouteDecided e => OfTurn(state, e.TurnId),
            ContextShrunk e => OfTurn(state, e.TurnId) ?? InConversation(state, e.ToEntry),
            ContextSummarised e => OfTurn(state, e.TurnId)
                ?? InConversation(state, e.ToEntry)
                ?? (e.ShrunkTo is { } to ? InConversation(state, to) : null),
            AssistantWrote e => OfTurn(state, e.TurnId) ?? Wrote(state, e),
            ModelFailed e => OfTurn(state, e.TurnId),
            ApprovalRequested e => Call(state, e.CallId, e.ToolName, CallStage.Open),
            ApprovalResolved e => Call(state, e.CallId, e.ToolName, CallStage.AwaitingApproval)
                ?? (e.ModifiedArguments is { ValueKind: not JsonValueKind.Object } ? "changed arguments must be an object." : null),
            CallAllowed e => Call(state, e.CallId, e.ToolName, CallStage.Open, CallStage.AwaitingApproval),
            CallDispatched e => Call(state, e.CallId, e.ToolName, CallStage.Ready),
            CallEnded e => Call(
                state,
                e.CallId,
                e.ToolName,
                CallStage.Open,
                CallStage.AwaitingApproval,
                CallStage.Ready,
                CallStage.Dispatched
            ),
            LateResult e => state.Ended.ContainsKey(e.CallId) ? null : $"call '{Shown(e.CallId)}' has not ended.",
            TaskDelegated e => Call(state, e.CallId, null, e.Subtask is null ? CallStage.Open : CallStage.Dispatched)
                ?? (state.Turn!.Tasks.Exists(t => t.Order.ChildId == e.ChildId) ? "the task was given before." : null),
            TaskEnded e => state.Turn?.Tasks.Exists(t => t.Order.ChildId == e.ChildId && t.Status is null) == true
                ? null
                : "no such task is open.",
            PlanStarted e => Call(state, e.CallId, null, CallStage.Ready),
            PlanEnded e => state.Turn?.Plan?.CallId == e.CallId ? null : "no such plan is carried out.",
            TurnCompleted e => Ended(state, e.TurnId),
            TurnFailed e => Ended(state, e.TurnId),
            TurnCancelled e => Ended(state, e.TurnId),
            _ => null,
        };

    private static string? Started(SessionState state, TurnStarted e) =>
        state.Turn is not null ? "a turn is open already."
        : e.TurnId.Length is 0 or > 128 ? "a turn has no id."
        : !state.Queue.Exists(m => m.MessageId == e.MessageId) ? $"message '{Shown(e.MessageId)}' does not wait."
        : e.AnswersCall != state.OpenQuestion ? "a message answers the open question, and no other."
        : null;

    private static string? Requested(SessionState state, ModelRequested e) =>
        !Enum.IsDefined(e.Purpose) ? "the purpose of a model call is unknown."
        : e.Step < 0 || e.Attempt < 1 ? "steps count from 0 and attempts from 1."
        : state.Turn!.Calls.Exists(c => c.Stage != CallStage.Ended) ? "the model is asked while a call is open."
        : e.ToEntry is { } to ? InConversation(state, to)
        : null;

    private static string? Wrote(SessionState state, AssistantWrote e)
    {
        var turn = state.Turn!;
        if (e.AsksCall is { } question)
            return state.OpenQuestion is not null ? "a question is open already." : Call(state, question, null, CallStage.Open);
        if (e.Calls.Count == 0)
            return null;
        if (turn.Phase != TurnPhase.CallingModel || turn.Calls.Exists(c => c.Stage != CallStage.Ended))
            return "the model answered without being asked.";
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var call in e.Calls)
        {
            if (call.CallId.Length is 0 or > 128 || call.ToolName.Length is 0 or > 256)
                return "a call has no id or tool.";
            if (call.Arguments.ValueKind != JsonValueKind.Object)
                return $"the arguments of call '{Shown(call.CallId)}' must be an object.";
            if (!ids.Add(call.CallId) || state.Ended.ContainsKey(call.CallId) || state.FindTranscriptCall(call.CallId) is not null)
                return $"call '{Shown(call.CallId)}' was made before.";
        }
        return null;
    }

    private static string? Ended(SessionState state, string turnId) =>
        OfTurn(state, turnId)
        ?? (
            state.Turn!.Calls.Exists(c => c.Stage != CallStage.Ended && c.CallId != state.OpenQuestion)
                ? "the turn ends while a call is open."
                : null
        );

    private static string? OfTurn(SessionState state, string turnId) =>
        state.Turn is null ? "no turn is open."
        : state.Turn.TurnId != turnId ? $"turn '{Shown(turnId)}' is not the open one."
        : null;

    private static string? InConversation(SessionState state, int entry) =>
        entry >= 0 && entry <= state.Transcript.Count ? null : $"the conversation has no entry {entry}.";

    private static string? Call(SessionState state, string callId, string? toolName, params ReadOnlySpan<CallStage> stages)
    {
        if (state.FindCall(callId) is not { } call)
            return $"call '{Shown(callId)}' is not one of the open step.";
        if (toolName is not null && call.ToolName != toolName)
            return $"call '{Shown(callId)}' is of another tool.";
        return stages.Contains(call.Stage) ? null : $"call '{Shown(callId)}' is past that.";
    }

    private static string Shown(string text) => text.Length <= 64 ? text : text[..64];
}
