using System.Text.Json;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;

namespace CodeLab.Modules.Agent.Sessions.Frames;

/// <summary>
/// Turns a committed event into the durable frame clients see. The same event gives the same frame whether it is sent live or read from
/// the log for somebody who missed it; what an event does not carry itself (the arguments of a call) comes from the state.
/// </summary>
internal static class FrameMapper
{
    private static readonly JsonElement _noArguments = JsonSerializer.SerializeToElement(
        new Dictionary<string, string>(),
        ProtocolJson.Default.DictionaryStringString
    );

    /// <summary>The frame, or null for events that clients do not see.</summary>
    public static SessionFrame? Map(SessionState state, SessionEvent happened, long seq, DateTimeOffset at) =>
        happened switch
        {
            UserWrote e => new UserMessageFrame
            {
                SessionId = state.Id,
                Seq = seq,
                MessageId = e.MessageId,
                Content = e.Content,
                Timestamp = at,
                Queued = e.Queued ? true : null,
            },
            AgentSwitched e => new AgentSwitchedFrame
            {
                SessionId = state.Id,
                Seq = seq,
                Content = $"Switched to {e.To} agent",
                FromAgent = e.From,
                ToAgent = e.To,
                Reason = e.Reason,
                Confidence = e.Confidence,
                Timestamp = at,
                IsFinal = e.IsFinal,
            },
            AssistantWrote { Content.Length: > 0 } e => new AssistantMessageFrame
            {
                SessionId = state.Id,
                Seq = seq,
                MessageId = e.MessageId,
                Content = e.Content,
                IsFinal = e.IsFinal,
                Agent = e.Agent,
                Timestamp = at,
                Metadata = SuggestionsOf(e),
            },
            TaskDelegated e => new TaskStartedFrame
            {
                SessionId = state.Id,
                Seq = seq,
                CallId = e.CallId,
                ChildId = e.ChildId,
                Agent = e.Agent,
                Title = e.Title,
                Content = e.Task,
                Subtask = e.Subtask,
                MaxSteps = e.MaxSteps,
                Timestamp = at,
            },
            TaskEnded e => new TaskEndedFrame
            {
                SessionId = state.Id,
                Seq = seq,
                CallId = e.CallId,
                ChildId = e.ChildId,
                Status = e.Status,
                Content = e.Text,
                Subtask = e.Subtask,
                Steps = e.Steps,
                Usage = e.Usage,
                Timestamp = at,
            },
            PlanStarted e => new PlanUpdateFrame
            {
                SessionId = state.Id,
                Seq = seq,
                PlanId = e.CallId,
                Title = e.Title,
                Steps =
                [
                    .. e.Subtasks.Select(s => new PlanStep
                    {
                        Id = s.Number,
                        Desc = s.Title,
                        Agent = s.Agent,
                        Dependencies = s.Dependencies,
                    }),
                ],
                Timestamp = at,
            },
            PlanEnded e => new PlanCompletedFrame
            {
                SessionId = state.Id,
                Seq = seq,
                PlanId = e.CallId,
                Status = e.Status,
                Completed = e.Completed,
                Total = e.Total,
                Timestamp = at,
            },
            ApprovalRequested { ToolName: "create_plan" } e => new PlanApprovalRequiredFrame
            {
                SessionId = state.Id,
                Seq = seq,
                CallId = e.CallId,
                Plan = Arguments(state, e.CallId, original: true),
                Timestamp = at,
            },
            ApprovalRequested e => new ToolCallFrame
            {
                SessionId = state.Id,
                Seq = seq,
                CallId = e.CallId,
                ToolName = e.ToolName,
                Arguments = Arguments(state, e.CallId, original: true),
                RequiresApproval = true,
                Reason = e.Reason,
                RuleId = e.RuleId,
                ApproverRole = e.ApproverRole,
                Timestamp = at,
            },
            CallDispatched e => new ToolCallFrame
            {
                SessionId = state.Id,
                Seq = seq,
                CallId = e.CallId,
                ToolName = e.ToolName,
                Arguments = Arguments(state, e.CallId, original: false),
                RequiresApproval = false,
                Reason = state.FindCall(e.CallId)?.Reason,
                AllowedBy = state.FindCall(e.CallId)?.AllowedBy,
                Executor = e.Executor,
                TimeoutSeconds = e.TimeoutSeconds,
                Timestamp = at,
            },
            ApprovalResolved { Verdict: not "cancel" } e => new ApprovalResolvedFrame
            {
                SessionId = state.Id,
                Seq = seq,
                CallId = e.CallId,
                Decision = e.Verdict,
                DecidedBy = e.By,
                Door = e.Door,
                Feedback = e.Feedback,
                Remembered = e.Remembered is null ? null : true,
                Timestamp = at,
            },
            CallEnded e => new ToolResultFrame
            {
                SessionId = state.Id,
                Seq = seq,
                CallId = e.CallId,
                ToolName = e.ToolName,
                Status = e.Status,
                Result = e.Result,
                Error = e.Error,
                ErrorCode = e.ErrorCode,
                Timestamp = at,
            },
            ContextShrunk e => new ContextCompactedFrame
            {
                SessionId = state.Id,
                Seq = seq,
                Kind = "shrunk",
                BeforeTokens = e.BeforeTokens,
                AfterTokens = e.AfterTokens,
                Timestamp = at,
            },
            ContextSummarised e => new ContextCompactedFrame
            {
                SessionId = state.Id,
                Seq = seq,
                Kind = "summarised",
                BeforeTokens = e.BeforeTokens,
                AfterTokens = e.AfterTokens,
                Summary = e.Summary,
                Timestamp = at,
            },
            SessionUpdated or ConversationCleared => new SessionUpdatedFrame
            {
                SessionId = state.Id,
                Seq = seq,
                Session = state.ToInfo(),
            },
            TurnCompleted e => new TurnCompletedFrame
            {
                SessionId = state.Id,
                Seq = seq,
                TurnId = e.TurnId,
                Steps = e.Steps,
                Usage = e.Usage,
                Timestamp = at,
            },
            TurnFailed e => new TurnFailedFrame
            {
                SessionId = state.Id,
                Seq = seq,
                TurnId = e.TurnId,
                ErrorCode = e.Code,
                Content = e.Message,
                Timestamp = at,
            },
            TurnCancelled e => new TurnCancelledFrame
            {
                SessionId = state.Id,
                Seq = seq,
                TurnId = e.TurnId,
                Reason = e.Reason,
                Timestamp = at,
            },
            _ => null,
        };

    /// <summary>A dispatched call as it is handed to the executor when it attaches.</summary>
    public static ToolCallFrame OpenCall(SessionState state, CallState call, bool redelivered) =>
        new()
        {
            SessionId = state.Id,
            CallId = call.CallId,
            ToolName = call.ToolName,
            Arguments = call.Arguments,
            RequiresApproval = call.Stage == CallStage.AwaitingApproval,
            RuleId = call.Stage == CallStage.AwaitingApproval ? call.RuleId : null,
            ApproverRole = call.Stage == CallStage.AwaitingApproval ? call.ApproverRole : null,
            Reason = call.Reason,
            AllowedBy = call.AllowedBy,
            Executor = call.Executor,
            Redelivered = redelivered ? true : null,
            TimeoutSeconds = call.TimeoutSeconds,
            Timestamp = call.DispatchedAt,
        };

    private static JsonElement Arguments(SessionState state, string callId, bool original)
    {
        if (state.FindTranscriptCall(callId) is not { } call)
            return _noArguments;
        return original ? call.OriginalArguments ?? call.Arguments : call.Arguments;
    }

    private static JsonElement? SuggestionsOf(AssistantWrote e)
    {
        if (e.Suggestions is null && e.Interrupted is null)
            return null;
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            if (e.Interrupted == true)
                writer.WriteBoolean("interrupted", true);
            if (e.Suggestions is not null)
            {
                writer.WriteStartArray("suggestions");
                foreach (var suggestion in e.Suggestions)
                    writer.WriteStringValue(suggestion);
                writer.WriteEndArray();
            }
            writer.WriteEndObject();
        }
        return JsonDocument.Parse(buffer.ToArray()).RootElement.Clone();
    }
}
