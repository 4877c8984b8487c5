using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;

namespace CodeLab.Client.Sessions;

/// <summary>What a frame did to the state.</summary>
public enum FoldEffect
{
    /// <summary>It was folded in.</summary>
    Applied,

    /// <summary>It was known already; the state is unchanged.</summary>
    Duplicate,

    /// <summary>Something before it is missing: the client must attach again at <see cref="SessionState.LastSeq"/>.</summary>
    Gap,

    /// <summary>The server cannot go on from here: the client must attach again from the beginning.</summary>
    Resync,
}

/// <summary>A state and what the frame did to it.</summary>
public readonly record struct FoldResult(SessionState State, FoldEffect Effect);

/// <summary>
/// Frame after frame to state. Pure: no clock, no I/O. Durable frames are known by their position, streaming text by message and offset;
/// both may come twice (a live frame and the answer to Attach overlap) and count once.
/// </summary>
public static class SessionFold
{
    /// <summary>Folds the answer to Attach without its frames, which are applied one by one before.</summary>
    public static SessionState ApplyAttached(SessionState state, AttachResponse answer) =>
        state with
        {
            Info = answer.Session,
            Agent = answer.Session.CurrentAgent,
            LastSeq = Math.Max(state.LastSeq, answer.LastSeq),
            Status = answer.Status ?? answer.Session.Status ?? state.Status,
            Streaming = answer.Streaming is { } streaming
                ? StreamingText.Begin(streaming.MessageId, streaming.Agent, streaming.Text)
                : null,
        };

    /// <summary>Folds one frame.</summary>
    public static FoldResult Apply(SessionState state, SessionFrame frame)
    {
        if (frame is ResyncFrame)
            return new(state, FoldEffect.Resync);
        if (frame is AssistantMessageFrame { Token: { } token, Content: null } piece)
            return ApplyToken(state, piece, token);
        if (frame.Seq is { } seq)
        {
            if (seq <= state.LastSeq)
                return new(state, FoldEffect.Duplicate);
            state = state with { LastSeq = seq };
        }
        return new(ApplyFact(state, frame), FoldEffect.Applied);
    }

    private static FoldResult ApplyToken(SessionState state, AssistantMessageFrame frame, string token)
    {
        var offset = frame.Offset ?? 0;
        if (state.Streaming is not { } streaming || streaming.MessageId != frame.MessageId)
        {
            // A token of a message whose durable frame is here already came late.
            if (state.Items.FindLast(item => item is AgentText) is AgentText last && last.MessageId == frame.MessageId)
                return new(state, FoldEffect.Duplicate);
            if (offset > 0)
                return new(state, FoldEffect.Gap);
            var begun = StreamingText.Begin(frame.MessageId, frame.Agent, token);
            return new(state with { Streaming = begun, Status = "thinking" }, FoldEffect.Applied);
        }

        if (offset > streaming.Length)
            return new(state, FoldEffect.Gap);
        var known = streaming.Length - offset;
        if (known >= token.Length)
            return new(state, FoldEffect.Duplicate);
        return new(state with { Streaming = streaming.Append(token.AsSpan(known)) }, FoldEffect.Applied);
    }

    private static SessionState ApplyFact(SessionState state, SessionFrame frame) =>
        frame switch
        {
            UserMessageFrame message => ApplyUser(state, message),
            AssistantMessageFrame message => ApplyText(state, message),
            ToolCallFrame call => ApplyCall(state, call),
            ToolResultFrame result => ApplyResult(state, result),
            ApprovalResolvedFrame decision => ApplyDecision(state, decision),
            AgentSwitchedFrame change => state with
            {
                Agent = change.ToAgent,
                Items = state.Items.Add(new AgentChange(change.FromAgent, change.ToAgent, change.Reason)),
            },
            AgentStatusFrame status => state with { Status = status.Status, Agent = status.Agent ?? state.Agent },
            ErrorFrame error => ApplyError(state, error),
            ContextCompactedFrame compacted => state with
            {
                Items = state.Items.Add(
                    new Notice(
                        $"Older messages were summarised: {compacted.BeforeTokens:N0} → {compacted.AfterTokens:N0} tokens of context.",
                        null
                    )
                ),
            },
            UsageFrame usage => state with { Usage = usage },
            SessionUpdatedFrame updated => state with { Info = updated.Session, Agent = updated.Session.CurrentAgent },
            TurnCompletedFrame turn => EndTurn(state, new TurnState(TurnPhase.Completed, Usage: turn.Usage)),
            TurnFailedFrame turn => EndTurn(state, new TurnState(TurnPhase.Failed, turn.ErrorCode, turn.Content)),
            TurnCancelledFrame => EndTurn(state, new TurnState(TurnPhase.Cancelled)),
            _ => state,
        };

    private static SessionState ApplyUser(SessionState state, UserMessageFrame message)
    {
        var queued = message.Queued == true;
        return state with
        {
            Items = state.Items.Add(new UserText(message.MessageId, message.Content, queued)),
            QueuedMessages = state.QueuedMessages + (queued ? 1 : 0),
            Turn = TurnState.Running,
        };
    }

    private static SessionState ApplyText(SessionState state, AssistantMessageFrame message)
    {
        var text = new AgentText(
            message.MessageId,
            message.Agent ?? state.Agent,
            message.Content ?? "",
            message.IsFinal,
            message.Truncated == true
        );
        return state with
        {
            Items = state.Items.Add(text),
            Streaming = state.Streaming?.MessageId == message.MessageId ? null : state.Streaming,
        };
    }

    private static SessionState ApplyCall(SessionState state, ToolCallFrame frame)
    {
        var known = state.Calls.GetValueOrDefault(frame.CallId);
        if (known is { IsOver: true })
            return state;
        var call = (
            known
            ?? new ToolCallState
            {
                CallId = frame.CallId,
                ToolName = frame.ToolName,
                Arguments = frame.Arguments,
            }
        ) with
        {
            Arguments = frame.Arguments,
            Phase = frame.RequiresApproval ? ToolCallPhase.WaitingApproval : ToolCallPhase.Running,
            Reason = frame.Reason ?? known?.Reason,
            Agent = frame.Agent ?? known?.Agent,
            Executor = frame.Executor ?? known?.Executor,
            StartedAt = frame.RequiresApproval ? null : frame.Timestamp,
        };
        var waiting = state.WaitingApprovals.Remove(frame.CallId);
        return state with
        {
            Calls = state.Calls.SetItem(frame.CallId, call),
            Items = known is null ? state.Items.Add(new ToolCallItem(frame.CallId)) : state.Items,
            WaitingApprovals = frame.RequiresApproval ? waiting.Add(frame.CallId) : waiting,
            Turn = TurnState.Running,
        };
    }

    private static SessionState ApplyResult(SessionState state, ToolResultFrame result)
    {
        var phase = result.Status switch
        {
            "result" => ToolCallPhase.Succeeded,
            "denied" => ToolCallPhase.Denied,
            "rejected" => ToolCallPhase.Rejected,
            "expired" => ToolCallPhase.Expired,
            "cancelled" => ToolCallPhase.Cancelled,
            "outcome_unknown" => ToolCallPhase.OutcomeUnknown,
            _ => ToolCallPhase.Failed,
        };
        var known = state.Calls.GetValueOrDefault(result.CallId);
        // Calls the server runs itself, or refuses at once, have a result without a call frame.
        var call = (
            known
            ?? new ToolCallState
            {
                CallId = result.CallId,
                ToolName = result.ToolName,
                Arguments = default,
            }
        ) with
        {
            Phase = phase,
            Result = result.Result,
            Error = result.Error,
            ErrorCode = result.ErrorCode,
            EndedAt = result.Timestamp,
        };
        return state with
        {
            Calls = state.Calls.SetItem(result.CallId, call),
            Items = known is null ? state.Items.Add(new ToolCallItem(result.CallId)) : state.Items,
            WaitingApprovals = state.WaitingApprovals.Remove(result.CallId),
        };
    }

    private static SessionState ApplyDecision(SessionState state, ApprovalResolvedFrame decision)
    {
        if (!state.Calls.TryGetValue(decision.CallId, out var call))
            return state;
        var phase = decision.Decision switch
        {
            "reject" => ToolCallPhase.Rejected,
            "expire" => ToolCallPhase.Expired,
            _ => ToolCallPhase.Approved,
        };
        return state with
        {
            Calls = state.Calls.SetItem(
                decision.CallId,
                call with
                {
                    Decision = decision.Decision,
                    Feedback = decision.Feedback,
                    // The call may have been dispatched before the decision's frame was told.
                    Phase = call.Phase == ToolCallPhase.WaitingApproval ? phase : call.Phase,
                }
            ),
            WaitingApprovals = state.WaitingApprovals.Remove(decision.CallId),
        };
    }

    private static SessionState ApplyError(SessionState state, ErrorFrame error) =>
        state with
        {
            Items = state.Items.Add(new Notice(error.Content, error.ErrorCode)),
        };

    private static SessionState EndTurn(SessionState state, TurnState turn)
    {
        var calls = state.Calls;
        foreach (var call in calls.Values.Where(call => !call.IsOver))
            calls = calls.SetItem(call.CallId, call with { Phase = ToolCallPhase.Cancelled });
        var next = state.QueuedMessages > 0;
        return state with
        {
            Calls = calls,
            WaitingApprovals = [],
            Streaming = null,
            QueuedMessages = next ? state.QueuedMessages - 1 : 0,
            Turn = next ? TurnState.Running : turn,
            Status = "idle",
        };
    }
}
