using System.Text.Json;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Prompts;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Tools;
using CodeLab.Protocol;

namespace CodeLab.Modules.Agent.Sessions.Engine;

internal sealed partial class TurnEngine
{
    private const string _nothingSaid = "Done.";

    private void Routed(Step step, EngineInput.Routed routed)
    {
        var state = step.State;
        var turn = state.Turn!;
        var userText = state.Transcript.OfType<UserEntry>().LastOrDefault()?.Content ?? "";
        var decision = router.Parse(routed.Text, userText);
        step.Emit(new RouteDecided(turn.TurnId, decision.Agent, routed.Model, routed.Usage, Fallback: routed.Text is null));
        step.Emit(new AgentSwitched(state.Agent, decision.Agent, decision.Reasoning, decision.Confidence, "router", IsFinal: false));
        NextModelStep(step);
    }

    private void ModelFailed(Step step, EngineInput.Failed failed)
    {
        var turn = step.State.Turn!;
        step.Emit(new ModelFailed(turn.TurnId, turn.Step, turn.Attempt, failed.Code, failed.Message, failed.Usage));
        FailTurn(step, failed.Code, failed.Message);
    }

    private void Answered(Step step, EngineInput.Answered answer)
    {
        var state = step.State;
        var turn = state.Turn!;
        var calls = new List<(RequestedCall Call, ToolDefinition? Tool, string? Problem)>(answer.Calls.Count);
        foreach (var call in answer.Calls)
            calls.Add(Read(step, call));
        // Somebody spoke while the model wrote its last words: the turn is not over, it reads them first.
        var isFinal = calls.Count == 0 && !HasSteering(state);
        var text = calls.Count == 0 && string.IsNullOrWhiteSpace(answer.Text) ? _nothingSaid : answer.Text;
        step.Emit(
            new AssistantWrote(
                turn.TurnId,
                turn.ModelMessageId,
                state.Agent,
                text,
                calls.ConvertAll(c => c.Call),
                answer.Model,
                answer.Provider,
                answer.FinishReason,
                answer.Usage,
                answer.ContextWindow,
                isFinal
            )
        );
        if (isFinal)
        {
            CompleteTurn(step);
            return;
        }
        if (calls.Count == 0)
            NextModelStep(step);
        else
            JudgeAll(step, calls);
    }

    private (RequestedCall, ToolDefinition?, string?) Read(Step step, ModelToolCall call)
    {
        var tool = OfferOf(step.State).Find(call.Name);
        var read = tool is null ? null : ToolArguments.Read(tool, call.ArgumentsJson);
        var arguments = read is ToolArgumentsResult.Valid valid ? valid.Arguments : Unreadable(call.ArgumentsJson);
        var requested = new RequestedCall(
            step.NewId("call_"),
            call.ModelCallId,
            tool?.Name ?? ToolCatalog.Find(call.Name)?.Name ?? call.Name,
            arguments,
            ToolArguments.ArgumentsHash(arguments)
        );
        return (requested, tool, (read as ToolArgumentsResult.Invalid)?.Message);
    }

    /// <summary>Arguments that fit no schema, kept as the model wrote them so that it sees them again.</summary>
    private static JsonElement Unreadable(string argumentsJson)
    {
        if (LenientJson.TryParse(argumentsJson, out var value) && value.ValueKind == JsonValueKind.Object)
            return value;
        return JsonSerializer.SerializeToElement(
            new Dictionary<string, string> { ["_raw"] = argumentsJson },
            ProtocolJson.Default.DictionaryStringString
        );
    }

    private void JudgeAll(Step step, List<(RequestedCall Call, ToolDefinition? Tool, string? Problem)> calls)
    {
        var state = step.State;
        var turn = state.Turn!;
        var clientCalls = 0;
        string? completion = null;
        (RequestedCall Call, ToolDefinition Tool)? question = null;
        foreach (var (call, tool, problem) in calls)
        {
            if (tool is null)
            {
                var (code, message) = OfferOf(state).Refuse(call.ToolName);
                Deny(step, call, code, message);
            }
            else if (problem is not null)
            {
                Deny(step, call, "INVALID_ARGUMENTS", problem);
            }
            else if (turn.LastCallKey == call.ToolName + call.Hash && turn.IdenticalCalls >= limits.IdenticalCalls)
            {
                Deny(
                    step,
                    call,
                    "REPEATED_CALL",
                    $"You have made this same call {turn.IdenticalCalls} times in a row. Read its earlier result and do something else, or tell the user what blocks you."
                );
            }
            else if (CallLoops.Find(UpTo(turn, call.CallId), limits.IdenticalCalls) is { } length)
            {
                Deny(
                    step,
                    call,
                    "LOOP_DETECTED",
                    $"You repeat the same {length} calls with the same results. Stop: do something else, or tell the user what blocks you."
                );
            }
            else if (tool.Kind == ToolKind.Server)
            {
                if (tool.Name == "switch_mode")
                    SwitchByModel(step, call);
                else if (tool.Name == "attempt_completion")
                    completion = Completion(step, call, alone: calls.Count == 1);
                else if (tool.Name == _delegateTask)
                    Delegate(step, call);
                else if (tool.Name == _createPlan && calls.Count == 1)
                    ProposePlan(step, call);
                else if (tool.Name == _createPlan)
                    Deny(step, call, "CALL_ALONE", "Propose your plan in a step of its own, when no other call is open.");
                else if (calls.Count == 1)
                    question = (call, tool);
                else
                    Deny(step, call, "CALL_ALONE", "Ask your question in a step of its own, when no other call is open.");
            }
            else if (++clientCalls > limits.CallsPerStep)
            {
                Deny(
                    step,
                    call,
                    "TOO_MANY_CALLS",
                    $"At most {limits.CallsPerStep} calls are taken in one step. Make this one again in your next step."
                );
            }
        }
        if (completion is not null)
        {
            Finish(step, completion, null, null);
            return;
        }
        if (question is { } asked)
        {
            Ask(step, asked.Call);
            return;
        }
        ContinueAfterCalls(step);
    }

    private static List<RecentCall> UpTo(TurnState turn, string callId) =>
        turn.Recent[..(turn.Recent.FindIndex(c => c.CallId == callId) + 1)];

    /// <summary>Judges the calls that wait, as many as may be open at once; the others wait until one of these has ended.</summary>
    private void JudgeWaiting(Step step)
    {
        var (state, turn) = (step.State, step.State.Turn!);
        var most = state.Executor?.OneAtATime == true ? 1 : limits.ParallelCalls;
        var open = turn.Calls.Count(c => c.Stage is not (CallStage.Open or CallStage.Ended));
        foreach (var call in turn.Calls.ToArray())
        {
            if (open >= most)
                return;
            if (call.Stage != CallStage.Open)
                continue;
            if (OfferOf(state).Find(call.ToolName) is { } tool)
            {
                Judge(step, call, tool);
            }
            else
            {
                var (code, message) = OfferOf(state).Refuse(call.ToolName);
                Deny(step, call, code, message);
            }
            if (call.Stage != CallStage.Ended)
                open++;
        }
    }

    private void Judge(Step step, CallState call, ToolDefinition tool)
    {
        var state = step.State;
        var verdict = ApprovalPolicy.Judge(JudgementOf(step, tool, call.Arguments, withRemembered: true));
        if (verdict is Verdict.Allow && state.UnknownOutcomes.Contains(call.ToolName + call.Hash))
            verdict = new Verdict.Ask("The outcome of the same call is unknown: it may already have run");
        switch (verdict)
        {
            case Verdict.Allow allow:
                Allow(step, call, allow.Why, allow.By);
                break;
            case Verdict.Ask ask:
                step.Emit(
                    new ApprovalRequested(call.CallId, call.ToolName, ask.Reason) { RuleId = ask.RuleId, ApproverRole = ask.ApproverRole }
                );
                break;
            case Verdict.Deny deny:
                Deny(step, call, deny.Code, deny.Message);
                break;
        }
    }

    private ToolJudgement JudgementOf(Step step, ToolDefinition tool, JsonElement arguments, bool withRemembered)
    {
        var state = step.State;
        var policy = state.Policy ?? PolicyContext.Of(limits.Autonomy);
        var autonomy = AutonomyLevel.Stricter(policy.Ceiling, state.Autonomy ?? policy.Autonomy);
        return new(AgentOf(state), tool, arguments, autonomy, withRemembered ? [.. state.Rules, .. policy.Remembered] : [])
        {
            Roles = policy.Roles,
            Rules = policy.Rules,
            Platform = state.Executor?.Platform,
            Project = state.Executor?.WorkspaceName,
            SessionId = state.Id,
            Now = step.Now,
        };
    }

    private static void Allow(Step step, CallState call, string why, string by) =>
        step.Emit(new CallAllowed(call.CallId, call.ToolName, why) { By = by });

    private static void Deny(Step step, CallState call, string code, string message) =>
        step.Emit(new CallEnded(call.CallId, call.ToolName, CallStatus.Denied, null, message, code));

    private static void Deny(Step step, RequestedCall call, string code, string message) =>
        step.Emit(new CallEnded(call.CallId, call.ToolName, CallStatus.Denied, null, message, code));

    private void SwitchByModel(Step step, RequestedCall call)
    {
        var state = step.State;
        var mode = call.Arguments.GetProperty("mode").GetString() ?? "";
        if (agents.Find(mode) is not { } agent)
        {
            Deny(
                step,
                call,
                "INVALID_ARGUMENTS",
                $"There is no agent '{mode}'. Choose one of: {string.Join(", ", agents.All.Select(a => a.Type))}."
            );
            return;
        }
        if (state.Turn!.Switches >= limits.SwitchesPerTurn || state.SwitchCount >= limits.SwitchesPerSession)
        {
            Deny(step, call, "SWITCH_LIMIT", "Switching is not possible any more in this turn. Finish the task as you are.");
            return;
        }
        var reason = call.Arguments.TryGetProperty("reason", out var given) ? given.GetString() : null;
        step.Emit(new AgentSwitched(state.Agent, agent.Type, reason, null, "model", IsFinal: false));
        var told = JsonSerializer.SerializeToElement(ToolOutput.Switched(agent.Type), ProtocolJson.Default.String);
        step.Emit(new CallEnded(call.CallId, call.ToolName, CallStatus.Result, told, null, null));
    }

    private static string? Completion(Step step, RequestedCall call, bool alone)
    {
        if (!alone)
        {
            Deny(step, call, "CALL_ALONE", "Not completed: other calls of this step were still open. Look at their results first.");
            return null;
        }
        var shown = JsonSerializer.SerializeToElement("The result was shown to the user.", ProtocolJson.Default.String);
        step.Emit(new CallEnded(call.CallId, call.ToolName, CallStatus.Result, shown, null, null));
        var text = call.Arguments.GetProperty("result").GetString();
        return string.IsNullOrWhiteSpace(text) ? _nothingSaid : text;
    }

    private void Ask(Step step, RequestedCall call)
    {
        var text = call.Arguments.GetProperty("question").GetString() ?? "";
        List<string> suggestions = [];
        if (call.Arguments.TryGetProperty("suggestions", out var given) && given.ValueKind == JsonValueKind.Array)
            suggestions.AddRange(given.EnumerateArray().Select(s => s.ToString()));
        if (suggestions.Count > 0)
            text += "\n\n" + string.Join('\n', suggestions.Select(s => "- " + s));
        Finish(step, text, call.CallId, suggestions.Count > 0 ? suggestions : null);
    }

    private void Finish(Step step, string text, string? asksCall, IReadOnlyList<string>? suggestions)
    {
        var state = step.State;
        var goesOn = asksCall is null && HasSteering(state);
        step.Emit(
            new AssistantWrote(state.Turn!.TurnId, step.NewId("msg_"), state.Agent, text, [], null, null, null, null, null, !goesOn)
            {
                AsksCall = asksCall,
                Suggestions = suggestions,
            }
        );
        if (goesOn)
            NextModelStep(step);
        else
            CompleteTurn(step);
    }

    private void CompleteTurn(Step step)
    {
        var turn = step.State.Turn!;
        step.Emit(new TurnCompleted(turn.TurnId, turn.Step, turn.Usage));
        StartNextTurn(step);
    }

    private void DispatchReady(Step step)
    {
        var state = step.State;
        if (!state.ExecutorOnline || state.Executor is not { } executor || state.Turn is not { } turn)
            return;
        foreach (var call in turn.Calls)
        {
            if (call.Delegated)
                continue;
            if (executor.OneAtATime == true && call.Stage is CallStage.AwaitingApproval or CallStage.Dispatched)
                break;
            if (call.Stage != CallStage.Ready)
                continue;
            var timeout = limits.ToolTimeouts.TryGetValue(call.ToolName, out var configured)
                ? configured
                : OfferOf(state).Find(call.ToolName)?.TimeoutSeconds ?? 60;
            if (call.Arguments.TryGetProperty("timeout", out var asked) && asked.TryGetInt32(out var seconds))
                timeout = Math.Max(timeout, seconds);
            step.Emit(new CallDispatched(call.CallId, call.ToolName, executor.Id, call.Attempt + 1, step.Epoch, timeout));
        }
    }

    private void RunReady(Step step)
    {
        StartReadyPlan(step);
        DispatchReady(step);
    }

    private void ContinueAfterCalls(Step step)
    {
        if (step.State.Turn is not { Phase: TurnPhase.RunningTools } turn)
            return;
        JudgeWaiting(step);
        RunReady(step);
        if (turn.Calls.TrueForAll(c => c.Stage == CallStage.Ended))
            NextModelStep(step);
    }
}
