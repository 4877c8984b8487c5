using System.Text.Json;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;

namespace CodeLab.Modules.Agent.Sessions.Engine;

internal sealed partial class SessionState
{
    private const int _titleLength = 50;
    private const double _longestModelCall = 600;

    /// <summary>Takes the next event of the log.</summary>
    /// <param name="happened">The event; null stands for a kind this version does not know, which only moves the position.</param>
    /// <param name="at">When it was committed.</param>
    public void Apply(SessionEvent? happened, DateTimeOffset at)
    {
        LastSeq++;
        UpdatedAt = at;
        switch (happened)
        {
            case SessionCreated e:
                (Owner, Agent, Title, Model, Task) = (e.Owner, e.Agent, e.Title, e.Model, e.Task);
                if (e.Task is { } task)
                    (ParentId, ParentKind, Autonomy) = (task.ParentId, Origins.Task, task.Autonomy);
                CreatedAt = LastActivity = at;
                break;
            case SessionUpdated e:
                (Title, Description, Model) = (e.Title ?? Title, e.Description ?? Description, e.Model ?? Model);
                break;
            case SessionDeleted:
                Deleted = true;
                break;
            case ConversationCleared:
                (ClearedSeq, MessageCount, OpenQuestion) = (LastSeq, 0, null);
                Transcript.Clear();
                (ShrunkTo, SummarisedTo, Summary) = (0, 0, null);
                break;
            case ExecutorAttached e:
                Executor = e.Executor;
                (Offer, FixedTokens, PromptDigest) = (null, null, null);
                break;
            case UserWrote e:
                Queue.Add(
                    new(e.MessageId, e.Content, e.Attachments, at)
                    {
                        Agent = e.Agent,
                        Steers = e.Steers == true,
                        By = e.By,
                    }
                );
                Title ??= TitleOf(e.Content);
                Model = e.Model ?? Model;
                MessageCount++;
                LastActivity = at;
                break;
            case MessageJoined e when Queue.FindIndex(m => m.MessageId == e.MessageId) is >= 0 and var index:
                Transcript.Add(new UserEntry(e.MessageId, Queue[index].Content, Queue[index].Attachments));
                if (Queue[index].By is { } by)
                    Turn?.Authors.Add(by);
                Queue.RemoveAt(index);
                break;
            case TurnStarted e:
                Apply(e);
                break;
            case AgentSwitched e:
                (PreviousAgent, Agent) = (e.From, e.To);
                (FixedTokens, PromptDigest) = (null, null);
                SwitchCount++;
                if (Turn is not null && e.By == "model")
                    Turn.Switches++;
                break;
            case ModelRequested e:
                Apply(e, at);
                break;
            case ContextShrunk e:
                ShrunkTo = e.ToEntry;
                break;
            case ContextSummarised e:
                Spend(e.Usage, at);
                (SummarisedTo, Summary, ShrunkTo) = (e.ToEntry, e.Summary, e.ShrunkTo ?? ShrunkTo);
                break;
            case RouteDecided e:
                Spend(e.Usage, at);
                break;
            case AssistantWrote e:
                Apply(e, at);
                break;
            case ModelFailed e:
                Spend(e.Usage, at);
                break;
            case ApprovalRequested e when FindCall(e.CallId) is { } call:
                (call.Stage, call.Reason, call.RequestedAt) = (CallStage.AwaitingApproval, e.Reason, at);
                (call.RuleId, call.ApproverRole) = (e.RuleId, e.ApproverRole);
                break;
            case ApprovalResolved e:
                Apply(e);
                break;
            case CallAllowed e when FindCall(e.CallId) is { } call:
                (call.Stage, call.Reason, call.AllowedBy) = (CallStage.Ready, e.Why, e.By);
                break;
            case AutonomyChosen e:
                Autonomy = e.Level;
                break;
            case RememberedRevoked e:
                Rules.RemoveAll(r => r.Id == e.RuleId);
                break;
            case CallDispatched e when FindCall(e.CallId) is { } call:
                call.Stage = CallStage.Dispatched;
                (call.Executor, call.Attempt, call.Epoch) = (e.Executor, e.Attempt, e.Epoch);
                (call.TimeoutSeconds, call.DispatchedAt, call.WaitedSeconds) = (e.TimeoutSeconds, at, 0);
                break;
            case CallEnded e:
                Apply(e, at);
                break;
            case LateResult e:
                Ended[e.CallId] = Ended[e.CallId] with { Seq = LastSeq, ResultHash = ResultHash.Of(e.Result, e.Error) };
                break;
            case ContextChanged e:
                Apply(e);
                break;
            case TurnCompleted:
                EndTurn("completed", Transcript.OfType<AssistantEntry>().LastOrDefault()?.Content ?? "");
                break;
            case TurnFailed e:
                EndTurn("failed", e.Message);
                break;
            case TaskDelegated e when Turn is { } turn:
                Apply(e, turn, at);
                break;
            case TaskEnded e when Turn is { } turn:
                Apply(e, turn);
                break;
            case PlanStarted e when Turn is { } turn && FindCall(e.CallId) is { } call:
                (call.Stage, call.Executor, call.Delegated, call.DispatchedAt) = (CallStage.Dispatched, "server", true, at);
                turn.Plan = new() { CallId = e.CallId, Subtasks = e.Subtasks };
                break;
            case PlanEnded when Turn is { } turn:
                turn.Plan = null;
                break;
            case TurnCancelled:
                EndTurn("cancelled", "Cancelled.");
                // A person who stops does not want the next message to start by itself; what was said stays in the conversation.
                KeepWaiting();
                break;
            case SessionCopied e:
                (ParentId, ParentSeq, ParentKind) = (e.From, e.FromSeq, e.How);
                KeepWaiting();
                Rules.Clear();
                (Autonomy, Executor) = (null, null);
                (Offer, FixedTokens, PromptDigest) = (null, null, null);
                break;
        }
    }

    /// <summary>The call of the current step with this id.</summary>
    public CallState? FindCall(string callId)
    {
        if (Turn is null)
            return null;
        foreach (var call in Turn.Calls)
        {
            if (call.CallId == callId)
                return call;
        }
        return null;
    }

    /// <summary>A call of any step, newest first.</summary>
    public TranscriptCall? FindTranscriptCall(string callId)
    {
        for (var i = Transcript.Count - 1; i >= 0; i--)
        {
            if (Transcript[i] is not AssistantEntry { Calls.Count: > 0 } entry)
                continue;
            foreach (var call in entry.Calls)
            {
                if (call.CallId == callId)
                    return call;
            }
        }
        return null;
    }

    private void EndTurn(string status, string text)
    {
        if (Task is not null && Turn is { } turn)
            TaskOutcome = new(status, text, turn.Step, turn.Usage);
        Turn = null;
    }

    private void Apply(TaskDelegated e, TurnState turn, DateTimeOffset at)
    {
        turn.Tasks.Add(new() { Order = e });
        if (e.Subtask is null && FindCall(e.CallId) is { } call)
            (call.Stage, call.Executor, call.Delegated, call.DispatchedAt) = (CallStage.Dispatched, "server", true, at);
    }

    private void Apply(TaskEnded e, TurnState turn)
    {
        if (turn.Tasks.Find(t => t.Order.ChildId == e.ChildId) is not { } task)
            return;
        (task.Status, task.Text) = (e.Status, e.Text);
        if (e.Usage is not { } usage)
            return;
        Usage += usage;
        turn.Usage += usage;
        var agent = task.Order.Agent;
        AgentUsage[agent] = AgentUsage.TryGetValue(agent, out var spent) ? spent + usage : usage;
    }

    private void KeepWaiting()
    {
        foreach (var waiting in Queue)
            Transcript.Add(new UserEntry(waiting.MessageId, waiting.Content, waiting.Attachments));
        Queue.Clear();
    }

    private void Apply(TurnStarted e)
    {
        var index = Queue.FindIndex(m => m.MessageId == e.MessageId);
        var message = Queue[index];
        Queue.RemoveAt(index);
        Turn = new() { TurnId = e.TurnId, MessageId = e.MessageId };
        if (message.By is { } author)
            Turn.Authors.Add(author);
        Turn.Authors.AddRange(Task?.Authors ?? []);
        if (e.AnswersCall is { } callId)
        {
            OpenQuestion = null;
            var answer = JsonSerializer.SerializeToElement(message.Content, ProtocolJson.Default.String);
            Transcript.Add(new ToolEntry(callId, "ask_followup_question", CallStatus.Result, answer, null, null));
            Ended[callId] = new(LastSeq, CallStatus.Result, null);
        }
        else
        {
            Transcript.Add(new UserEntry(message.MessageId, message.Content, message.Attachments));
        }
    }

    private void Apply(ModelRequested e, DateTimeOffset at)
    {
        if (Turn is not { } turn)
            return;
        if (e.Attempt == 1 && e.Purpose != ModelPurpose.Summarise)
            turn.DeniedSteps = turn.CountDeniedSteps();
        turn.SummariseTo = e.ToEntry;
        (turn.Phase, turn.Purpose, turn.Step, turn.Attempt) = (TurnPhase.CallingModel, e.Purpose, e.Step, e.Attempt);
        (turn.ModelMessageId, turn.ModelRequestedAt) = (e.MessageId, at);
        // A summary comes between two steps: the one before is not over until the model is asked to go on.
        if (e.Purpose != ModelPurpose.Summarise)
            turn.Calls.Clear();
    }

    private void Apply(AssistantWrote e, DateTimeOffset at)
    {
        Spend(e.Usage, at);
        MessageCount++;
        LastActivity = at;
        ContextWindow = e.ContextWindow ?? ContextWindow;
        if (Turn is not { } turn)
            return;
        turn.Phase = TurnPhase.RunningTools;
        if (e.AsksCall is { } question)
        {
            OpenQuestion = question;
            return;
        }
        TranscriptCall[] calls = [];
        if (e.Calls.Count > 0)
        {
            calls = new TranscriptCall[e.Calls.Count];
            for (var i = 0; i < calls.Length; i++)
            {
                var call = e.Calls[i];
                calls[i] = new()
                {
                    CallId = call.CallId,
                    ToolName = call.ToolName,
                    Arguments = call.Arguments,
                };
                var state = new CallState
                {
                    CallId = call.CallId,
                    ToolName = call.ToolName,
                    Arguments = call.Arguments,
                    Hash = call.Hash,
                };
                turn.Calls.Add(state);
                var key = call.ToolName + call.Hash;
                turn.IdenticalCalls = key == turn.LastCallKey ? turn.IdenticalCalls + 1 : 1;
                turn.LastCallKey = key;
                turn.Recent.Add(new(call.CallId, key, null));
                if (turn.Recent.Count > CallLoops.Window)
                    turn.Recent.RemoveAt(0);
            }
        }
        Transcript.Add(new AssistantEntry(e.MessageId, e.Agent, e.Content, calls));
    }

    private void Apply(ApprovalResolved e)
    {
        if (FindCall(e.CallId) is not { } call)
            return;
        if (e.ModifiedArguments is { } modified)
        {
            if (FindTranscriptCall(e.CallId) is { } shown)
            {
                shown.OriginalArguments ??= shown.Arguments;
                shown.Arguments = modified;
            }
            (call.Arguments, call.Hash) = (modified, e.ModifiedHash ?? call.Hash);
        }
        // Those that reach further than the session live in a table of their own.
        if (e.Remembered is { Scope: null or "session" } rule)
            Rules.Add(rule);
    }

    private void Apply(CallEnded e, DateTimeOffset at)
    {
        Ended[e.CallId] = new(LastSeq, e.Status, ResultHash.Of(e.Result, e.Error));
        if (FindCall(e.CallId) is { } call)
        {
            if (Turn is not null && call.DispatchedAt is { } dispatched)
                Turn.ActiveSeconds += Math.Min((at - dispatched).TotalSeconds, call.TimeoutSeconds);
            (call.Stage, call.EndStatus) = (CallStage.Ended, e.Status);
            if (Turn?.Recent.FindIndex(c => c.CallId == e.CallId) is >= 0 and var recent)
                Turn.Recent[recent] = Turn.Recent[recent] with { Result = Ended[e.CallId].ResultHash };
            if (e.Status == CallStatus.OutcomeUnknown)
                UnknownOutcomes.Add(call.ToolName + call.Hash);
        }
        foreach (var task in Turn?.Tasks ?? [])
        {
            if (task.Status is null && task.Order.CallId == e.CallId)
                task.Status = TaskState.Abandoned;
        }
        Transcript.Add(new ToolEntry(e.CallId, e.ToolName, e.Status, e.Result, e.Error, e.ErrorCode));
        MessageCount++;
        LastActivity = at;
    }

    private void Apply(ContextChanged e)
    {
        (FixedTokens, PromptDigest) = (null, null);
        if (e.Action == "clear")
            ContextFiles.Clear();
        else if (e.Path is not null && e.Action == "remove_file")
            ContextFiles.Remove(e.Path);
        else if (e.Path is not null)
            ContextFiles[e.Path] = e.Content;
    }

    private void Spend(TokenUsage? usage, DateTimeOffset at)
    {
        if (Turn is { Phase: TurnPhase.CallingModel } turn)
            turn.ActiveSeconds += Math.Clamp((at - turn.ModelRequestedAt).TotalSeconds, 0, _longestModelCall);
        if (usage is null)
            return;
        Usage += usage;
        AgentUsage[Agent] = AgentUsage.TryGetValue(Agent, out var spent) ? spent + usage : usage;
        if (Turn is not null)
            Turn.Usage += usage;
    }

    private static string TitleOf(string content)
    {
        var line = content.AsSpan().Trim();
        var end = line.IndexOfAny('\r', '\n');
        if (end >= 0)
            line = line[..end].TrimEnd();
        if (line.Length <= _titleLength)
            return line.ToString();
        var space = line[.._titleLength].LastIndexOf(' ');
        return string.Concat(line[..(space > _titleLength / 2 ? space : _titleLength)], "…");
    }
}
