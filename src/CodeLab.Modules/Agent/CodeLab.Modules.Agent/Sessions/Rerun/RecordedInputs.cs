using System.Text.Json;
using CodeLab.Modules.Agent.Prompts;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Protocol;
using CodeLab.Protocol.Hub;

namespace CodeLab.Modules.Agent.Sessions.Rerun;

/// <summary>Something the engine may have been told.</summary>
internal sealed record RecordedInput(EngineInput Input)
{
    /// <summary>Calls that had waited too long: time itself is not in the log.</summary>
    public IReadOnlyList<string> Overdue { get; init; } = [];

    /// <summary>True when the engine makes the id of the message itself.</summary>
    public bool MakesMessageId { get; init; }
}

/// <summary>
/// Tells from a log what the engine was told: an event that nothing inside decided has a cause outside, which can be read off it and what
/// follows. Where a log leaves two causes open, both are given, the likelier first.
/// </summary>
internal sealed class RecordedInputs(IReadOnlyList<SessionEvent?> log)
{
    /// <summary>What may have brought about the event at a place, and what followed from it.</summary>
    public IReadOnlyList<RecordedInput> At(int index, SessionState state, DateTimeOffset at) =>
        log[index] switch
        {
            SessionCreated e => [new(new EngineInput.Create(e.Owner, e.Title, e.Agent, e.Model) { Task = e.Task })],
            SessionUpdated e => [new(new EngineInput.Update(e.Title, e.Description, e.Model))],
            SessionDeleted e => [new(new EngineInput.Delete(e.By))],
            ConversationCleared e => [new(new EngineInput.Clear(e.By))],
            SessionCopied e => [new(new EngineInput.Copied(e.How, e.From, e.FromSeq, e.By))],
            ExecutorAttached e => [new(new EngineInput.Executor(e.Executor))],
            CallDispatched when state.Executor is { } executor => [new(new EngineInput.Executor(executor))],
            UserWrote e => Messages(index, e, "hub"),
            AgentSwitched { By: "user" } e => [Switched(index, e)],
            AutonomyChosen e => [new(new EngineInput.ChooseAutonomy(e.Level, e.By))],
            RememberedRevoked e => [new(new EngineInput.Revoke(e.RuleId, e.By))],
            ContextChanged e =>
            [
                Said("", new SessionInput.Context(e.Action, new ContextFile { Path = e.Path ?? "", Content = e.Content })),
            ],
            RouteDecided e => [new(new EngineInput.Routed(Key(state), RouteText(index, e), e.Model, e.Usage))],
            ContextSummarised e =>
            [
                new(new EngineInput.Summed(Key(state), e.Summary == SummaryPrompt.Missing ? null : e.Summary, e.Model, e.Usage)),
            ],
            AssistantWrote { Model: { } model } e => [new(Answered(state, e, model))],
            ModelFailed e => [new(new EngineInput.Failed(Key(state), e.Code, e.Message, e.Usage))],
            ModelRequested or TurnStarted or TurnFailed => [new(new EngineInput.Recover())],
            ApprovalResolved { Verdict: "expire" } e => Overdue(index, e.CallId),
            ApprovalResolved { Implied: true } e when Next<CallEnded>(index) is { } ended =>
            [
                Said(e.By ?? "", Result(ended, true), e.Door),
            ],
            ApprovalResolved { Verdict: not "cancel" } e => [Decided(e, at)],
            CallEnded { Status: CallStatus.OutcomeUnknown } e => [.. Overdue(index, e.CallId), Said("", Result(e, false)), .. Ends(index)],
            CallEnded { Status: CallStatus.Result or CallStatus.Error } e =>
            [
                Said("", Result(e, implied: state.FindCall(e.CallId)?.Stage != CallStage.Dispatched)),
            ],
            TaskEnded e => [new(new EngineInput.TaskEnded(e.ChildId, e.Status, e.Text, e.Steps, e.Usage))],
            LateResult e => [Said("", new SessionInput.ToolResult(e.CallId, e.Result, e.Error, null))],
            ApprovalResolved or CallEnded or TurnCancelled or PlanEnded or AssistantWrote { Interrupted: true } => Ends(index),
            _ => [],
        };

    private static ModelCallKey Key(SessionState state) =>
        state.Turn is { } turn ? new(turn.TurnId, turn.Step, turn.Attempt, turn.Purpose) : default;

    private static EngineInput.Answered Answered(SessionState state, AssistantWrote e, string model) =>
        new(
            Key(state),
            e.Content,
            [.. e.Calls.Select(c => new ModelToolCall(c.ModelCallId, c.ToolName, ArgumentsOf(c)))],
            model,
            e.Provider ?? "",
            e.FinishReason ?? "",
            e.Usage ?? new(),
            e.ContextWindow
        );

    private static string ArgumentsOf(RequestedCall call) =>
        call.Arguments.EnumerateObject().ToList() is [{ Name: "_raw", Value.ValueKind: JsonValueKind.String } raw]
            ? raw.Value.GetString()!
            : call.Arguments.GetRawText();

    private string? RouteText(int index, RouteDecided e)
    {
        if (e.Fallback)
            return null;
        var made = Next<AgentSwitched>(index);
        var answer = new Dictionary<string, string>
        {
            ["agent"] = e.Agent,
            ["confidence"] = made?.Confidence ?? "",
            ["reasoning"] = made?.Reason ?? "",
        };
        return JsonSerializer.Serialize(answer, ProtocolJson.Default.DictionaryStringString);
    }

    private List<RecordedInput> Messages(int index, UserWrote e, string door)
    {
        var agent = Next<AgentSwitched>(index) is { By: "user", Reason: "User requested" } made ? made.To : null;
        var partial = Next<AssistantWrote>(index) is { Interrupted: true } cut ? cut.Content : null;
        var message = new SessionInput.Message(e.MessageId, e.Content, e.Agent ?? agent, e.Model, e.Attachments);
        // To interrupt brings about more: where that followed, it was that.
        string?[] manners = e.Steers == true ? ["interrupt", "steer"] : [null];
        return [.. manners.Select(m => Said(e.By, message with { WhenBusy = m }, door, partial))];
    }

    private RecordedInput Switched(int index, AgentSwitched e)
    {
        var wrote = e.IsFinal ? null : Next<UserWrote>(index);
        // A message that came with the switch and was refused, because too many waited, is not in the log; that there was one is.
        var content = wrote?.Content ?? (e.IsFinal ? null : "…");
        return Said(wrote?.By ?? "", new SessionInput.Switch(e.To, content, e.Reason)) with { MakesMessageId = true };
    }

    /// <summary>What ended a turn, read off the end of it.</summary>
    private List<RecordedInput> Ends(int index)
    {
        if (Cancelled(index) is not { } end)
            return [];
        var cancelled = (TurnCancelled)log[end]!;
        var partial = log[index] is AssistantWrote { Interrupted: true } cut ? cut.Content : null;
        var then = end + 1 < log.Count ? log[end + 1] : null;
        return (cancelled.Reason, then) switch
        {
            (_, SessionCopied e) => [new(new EngineInput.Copied(e.How, e.From, e.FromSeq, e.By))],
            (_, ConversationCleared e) => [new(new EngineInput.Clear(e.By))],
            (_, SessionDeleted e) => [new(new EngineInput.Delete(e.By))],
            (not null, UserWrote e) => Messages(end + 1, e, "socket"),
            _ => [Said(cancelled.By, new SessionInput.Cancel(), partial: partial)],
        };
    }

    /// <summary>Calls that were given up together, or the first of them alone.</summary>
    private List<RecordedInput> Overdue(int index, string first)
    {
        var calls = new List<string>();
        for (var i = index; i < log.Count; i++)
        {
            if (log[i] is CallEnded { Status: CallStatus.Expired or CallStatus.OutcomeUnknown } ended)
                calls.Add(ended.CallId);
            else if (log[i] is not ApprovalResolved { Verdict: "expire" })
                break;
        }
        var time = new EngineInput.Tick(0, Attached: true);
        return [new(time) { Overdue = calls }, new(time) { Overdue = [first] }];
    }

    /// <summary>Where the turn is cancelled whose calls are being closed here; null when they are not.</summary>
    private int? Cancelled(int index)
    {
        for (var i = index; i < log.Count; i++)
        {
            switch (log[i])
            {
                case TurnCancelled:
                    return i;
                case CallEnded { Status: CallStatus.Cancelled or CallStatus.OutcomeUnknown }:
                case ApprovalResolved { Verdict: "cancel" }:
                case PlanEnded { Status: "cancelled" }:
                case AssistantWrote { Interrupted: true }:
                    continue;
                default:
                    return null;
            }
        }
        return null;
    }

    private static RecordedInput Decided(ApprovalResolved e, DateTimeOffset at) =>
        new(
            new EngineInput.Said(
                // Whether they might is not asked again: it was, by the roles they had.
                new SessionCaller(e.By ?? "", e.Door) { Roles = ["admin"] },
                new SessionInput.Decision(e.CallId, e.Verdict, e.ModifiedArguments, e.Feedback, e.Remembered is not null)
                {
                    RememberScope = e.Remembered?.Scope,
                    RememberDays = e.Remembered?.ExpiresAt is { } until ? (int)Math.Round((until - at).TotalDays) : null,
                }
            )
        );

    private static SessionInput.ToolResult Result(CallEnded e, bool implied) => new(e.CallId, e.Result, e.Error, e.ErrorCode, implied);

    private static RecordedInput Said(string by, SessionInput what, string door = "hub", string? partial = null) =>
        new(new EngineInput.Said(new SessionCaller(by, door), what, partial));

    private T? Next<T>(int index)
        where T : SessionEvent => index + 1 < log.Count ? log[index + 1] as T : null;
}
