using System.Text.Json;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Tools;

namespace CodeLab.Modules.Agent.Sessions.Engine;

internal sealed partial class TurnEngine
{
    private const string _queue = "queue";
    private const string _steer = "steer";
    private const string _interrupt = "interrupt";
    private static readonly string[] _rejections = ["Операция отклонена", "User rejected", "User cancelled"];

    private void Said(Step step, EngineInput.Said said)
    {
        switch (said.What)
        {
            case SessionInput.Message message:
                Message(step, said.Caller, message, said.PartialText);
                break;
            case SessionInput.ToolResult result:
                ToolResult(step, said.Caller, result);
                break;
            case SessionInput.Decision decision:
                Decide(step, said.Caller, decision);
                break;
            case SessionInput.Switch change:
                SwitchByUser(step, said.Caller, change);
                break;
            case SessionInput.Context context:
                ChangeContext(step, context);
                break;
            case SessionInput.Cancel when step.State.Turn is not null:
                CancelTurn(step, said.Caller.UserId, null, said.PartialText);
                break;
            case SessionInput.Cancel:
                step.Outcome.DuplicateOf = step.State.LastSeq;
                break;
        }
    }

    private void Message(Step step, SessionCaller caller, SessionInput.Message message, string? partialText)
    {
        var state = step.State;
        if (string.IsNullOrWhiteSpace(message.Content))
        {
            step.Refuse(SessionErrors.MissingField("content"));
            return;
        }
        if (message.Content.Length > limits.MessageCharacters)
        {
            step.Refuse(SessionErrors.MessageTooLong(limits.MessageCharacters));
            return;
        }
        if (message.Agent is not null && agents.Find(message.Agent) is null)
        {
            step.Refuse(SessionErrors.UnknownAgent(message.Agent));
            return;
        }
        if (message.WhenBusy is not (null or _queue or _steer or _interrupt))
        {
            step.Refuse(SessionErrors.InvalidWhenBusy(message.WhenBusy));
            return;
        }
        if (state.Turn is not null && state.Queue.Count >= limits.QueuedMessages)
        {
            step.Refuse(SessionErrors.QueueFull(limits.QueuedMessages));
            return;
        }
        var messageId = message.MessageId ?? step.NewId("msg_");
        // A v1 client that lost its place heals itself by writing again (protocol.md §4.5.5); newer ones queue.
        if (caller.Door == "socket" && state.Turn is { Phase: TurnPhase.RunningTools })
            CancelTurn(step, caller.UserId, "The user sent a new message", partialText: null);
        var busy = state.Turn is not null;
        var steers = busy && message.WhenBusy is _steer or _interrupt;
        var agent = message.Agent is null ? null : agents.Find(message.Agent)!.Type;
        step.Emit(
            new UserWrote(messageId, caller.UserId, message.Content, message.Model, message.Attachments, busy)
            {
                // The agent at work keeps the floor until the message's turn has come.
                Agent = busy ? agent : null,
                Steers = steers ? true : null,
            }
        );
        if (!busy)
            SwitchFor(step, agent);
        else if (message.WhenBusy == _interrupt)
            Interrupt(step, partialText);
        StartNextTurn(step);
    }

    private static void SwitchFor(Step step, string? agent)
    {
        if (agent is not null && agent != step.State.Agent)
            step.Emit(new AgentSwitched(step.State.Agent, agent, "User requested", null, "user", IsFinal: false));
    }

    /// <summary>Cancels the step that is under way; the turn goes on with the message that came.</summary>
    private void Interrupt(Step step, string? partialText)
    {
        var turn = step.State.Turn!;
        if (turn.Phase == TurnPhase.CallingModel)
        {
            // Routing and summing up are short, and needed whatever the message says.
            if (turn.Purpose != ModelPurpose.Answer)
                return;
            step.Outcome.CancelModel = true;
            KeepPartialText(step, partialText);
        }
        EndOpenCalls(step, CallStatus.Cancelled, "Cancelled: the user wrote something in between.");
        NextModelStep(step);
    }

    private void ToolResult(Step step, SessionCaller caller, SessionInput.ToolResult result)
    {
        var state = step.State;
        if (state.FindCall(result.CallId) is { } call && call.Stage != CallStage.Ended)
        {
            // What the server does itself has no result of a client.
            if (ToolCatalog.Find(call.ToolName) is { Kind: ToolKind.Server })
            {
                step.Refuse(SessionErrors.UnknownCall(result.CallId));
                return;
            }
            // Whoever runs a call can not be the second person that must approve it.
            if (call.Stage == CallStage.AwaitingApproval && (!result.ImpliesApproval || call.ApproverRole is not null))
            {
                step.Refuse(SessionErrors.ApprovalRequired(result.CallId));
                return;
            }
            if (call.Stage == CallStage.Open || (call.Stage == CallStage.Ready && !result.ImpliesApproval))
            {
                step.Refuse(SessionErrors.UnknownCall(result.CallId));
                return;
            }
            var declined = false;
            if (call.Stage == CallStage.AwaitingApproval)
            {
                declined =
                    result.Error is { } text
                    && (
                        Array.Exists(_rejections, r => text.StartsWith(r, StringComparison.OrdinalIgnoreCase))
                        || text.Contains("Previously rejected", StringComparison.OrdinalIgnoreCase)
                    );
                step.Emit(
                    new ApprovalResolved(
                        call.CallId,
                        call.ToolName,
                        declined ? "reject" : "approve",
                        caller.UserId,
                        caller.Door,
                        declined ? result.Error : null,
                        null,
                        null,
                        null
                    )
                    {
                        Implied = true,
                    }
                );
            }
            var status =
                declined ? CallStatus.Rejected
                : result.ErrorCode == "OUTCOME_UNKNOWN" ? CallStatus.OutcomeUnknown
                : result.Error is null ? CallStatus.Result
                : CallStatus.Error;
            var (kept, error) = ResultBound.Keep(result.Result, result.Error, limits.ResultBytes);
            step.Emit(new CallEnded(call.CallId, call.ToolName, status, error is null ? kept : null, error, result.ErrorCode));
            ContinueAfterCalls(step);
            return;
        }
        if (!state.Ended.TryGetValue(result.CallId, out var ended))
        {
            step.Refuse(SessionErrors.UnknownCall(result.CallId));
            return;
        }
        var (bounded, boundedError) = ResultBound.Keep(result.Result, result.Error, limits.ResultBytes);
        if (ended.ResultHash == ResultHash.Of(boundedError is null ? bounded : null, boundedError))
            step.Outcome.DuplicateOf = ended.Seq;
        else if (ended.Status is CallStatus.Cancelled or CallStatus.Expired or CallStatus.OutcomeUnknown)
            step.Emit(new LateResult(result.CallId, boundedError is null ? bounded : null, boundedError));
        else
            step.Refuse(SessionErrors.ResultConflict(result.CallId));
    }

    private void Decide(Step step, SessionCaller caller, SessionInput.Decision decision)
    {
        var state = step.State;
        var call = state.FindCall(decision.CallId);
        if (call is null or not { Stage: CallStage.AwaitingApproval })
        {
            // The first committed decision wins; a repeat changes nothing (security.md §8.2).
            if (call?.RequestedAt is not null)
                step.Outcome.DuplicateOf = state.LastSeq;
            else if (state.Ended.TryGetValue(decision.CallId, out var ended))
                step.Outcome.DuplicateOf = ended.Seq;
            else
                step.Refuse(SessionErrors.NoPendingApproval(decision.CallId));
            return;
        }
        if (decision.Verdict is "approve" or "edit" && call.ApproverRole is { } role && !IsSecondPerson(state, caller, role))
        {
            step.Refuse(SessionErrors.SecondPersonRequired(role));
            return;
        }
        if (decision.Remember && decision.RememberScope is not (null or "session" or "project" or "user"))
        {
            step.Refuse(SessionErrors.InvalidRemember("'scope' is session, project or user."));
            return;
        }
        if (decision.RememberDays is < 1 or > 3650)
        {
            step.Refuse(SessionErrors.InvalidRemember("'days' is 1 to 3650."));
            return;
        }
        switch (decision.Verdict)
        {
            case "approve":
                step.Emit(Resolved(call, "approve", caller, decision, null, null, Rule(step, caller, decision, call, call.Arguments)));
                Allow(step, call, $"Approved by a person through {caller.Door}", $"person:{caller.UserId}");
                RunReady(step);
                ContinueAfterCalls(step);
                break;
            case "edit":
                Edit(step, caller, decision, call);
                break;
            case "reject":
                step.Emit(Resolved(call, "reject", caller, decision, null, null, null));
                step.Emit(new CallEnded(call.CallId, call.ToolName, CallStatus.Rejected, null, decision.Feedback, "REJECTED"));
                ContinueAfterCalls(step);
                break;
            default:
                step.Refuse(SessionErrors.InvalidDecision(decision.Verdict));
                break;
        }
    }

    private void Edit(Step step, SessionCaller caller, SessionInput.Decision decision, CallState call)
    {
        var state = step.State;
        if (decision.ModifiedArguments is not { } modified)
        {
            step.Refuse(SessionErrors.MissingField("modified_arguments"));
            return;
        }
        if (OfferOf(state).Find(call.ToolName) is not { } tool)
        {
            step.Refuse(SessionErrors.InvalidArguments($"The client no longer offers {call.ToolName}."));
            return;
        }
        var read = ToolArguments.Read(tool, modified);
        if (read is ToolArgumentsResult.Invalid invalid)
        {
            step.Refuse(SessionErrors.InvalidArguments(invalid.Message));
            return;
        }
        var arguments = ((ToolArgumentsResult.Valid)read).Arguments;
        if (tool.Name == _createPlan && PlanReading.Read(arguments, limits.PlanSubtasks).Problem is { } wrong)
        {
            step.Refuse(SessionErrors.InvalidArguments(wrong));
            return;
        }
        // An edit is judged like a new call: it may need a person's yes, which this is, but not exceed what the agent may do (security.md §8.2).
        var judged = ApprovalPolicy.Judge(JudgementOf(step, tool, arguments, withRemembered: false));
        if (judged is Verdict.Deny denied)
        {
            step.Refuse(SessionErrors.InvalidArguments(denied.Message));
            return;
        }
        if (judged is Verdict.Ask { ApproverRole: { } role } && !IsSecondPerson(state, caller, role))
        {
            step.Refuse(SessionErrors.SecondPersonRequired(role));
            return;
        }
        var rule = Rule(step, caller, decision, call, arguments);
        step.Emit(Resolved(call, "edit", caller, decision, arguments, ToolArguments.ArgumentsHash(arguments), rule));
        Allow(step, call, $"Edited and approved by a person through {caller.Door}", $"person:{caller.UserId}");
        RunReady(step);
        ContinueAfterCalls(step);
    }

    private static ApprovalResolved Resolved(
        CallState call,
        string verdict,
        SessionCaller caller,
        SessionInput.Decision decision,
        JsonElement? arguments,
        string? hash,
        RememberedRule? rule
    ) => new(call.CallId, call.ToolName, verdict, caller.UserId, caller.Door, decision.Feedback, arguments, hash, rule);

    /// <summary>Somebody who neither owns the session nor asked for what it does now, with the role (an administrator has every role).</summary>
    private static bool IsSecondPerson(SessionState state, SessionCaller caller, string role) =>
        caller.UserId != state.Owner
        && state.Turn?.Authors.Contains(caller.UserId) != true
        && (caller.Roles.Contains(role) || caller.Roles.Contains("admin"));

    /// <summary>
    /// The rule a person asked for; null when none was asked for, or none may be made of such a call. What a second person approves, they
    /// approve once.
    /// </summary>
    private RememberedRule? Rule(Step step, SessionCaller caller, SessionInput.Decision decision, CallState call, JsonElement arguments)
    {
        var state = step.State;
        if (!decision.Remember || call.ApproverRole is not null || OfferOf(state).Find(call.ToolName) is not { } tool)
            return null;
        // Another person may let this session's calls through, not all that its owner will ever do.
        var scope = caller.UserId == state.Owner ? decision.RememberScope : null;
        var project = scope == "project" ? state.Executor?.WorkspaceName : null;
        return RememberedRule.For(tool, arguments, caller.UserId) is { } rule
            ? rule with
            {
                Id = step.NewId("rem_"),
                Scope = scope == "project" && project is null ? "session" : scope ?? "session",
                Project = project,
                ExpiresAt = decision.RememberDays is { } days ? step.Now.AddDays(days) : null,
            }
            : null;
    }

    private void SwitchByUser(Step step, SessionCaller caller, SessionInput.Switch change)
    {
        if (agents.Find(change.Agent) is not { } agent)
        {
            step.Refuse(SessionErrors.UnknownAgent(change.Agent));
            return;
        }
        var goesOn = !string.IsNullOrWhiteSpace(change.Content);
        // Told even when nothing changes: whoever asked waits for the answer (protocol.md §4.4.3).
        step.Emit(
            new AgentSwitched(step.State.Agent, agent.Type, change.Reason ?? "User requested agent switch", null, "user", IsFinal: !goesOn)
        );
        if (goesOn)
            Message(step, caller, new(null, change.Content!, null, null, null), partialText: null);
    }

    private void ChangeContext(Step step, SessionInput.Context context)
    {
        var state = step.State;
        if (context.Action is not ("add_file" or "remove_file" or "clear"))
        {
            step.Refuse(SessionErrors.InvalidContext("'action' must be add_file, remove_file or clear."));
            return;
        }
        if (context.Action != "clear" && WorkspacePath.Check(context.File?.Path ?? "") is { } problem)
        {
            step.Refuse(SessionErrors.InvalidContext(problem));
            return;
        }
        var added = context.Action == "add_file" ? context.File?.Content?.Length ?? 0 : 0;
        if (added > 0 && added + state.ContextFiles.Values.Sum(c => c?.Length ?? 0) > limits.ContextFileCharacters)
        {
            step.Refuse(SessionErrors.InvalidContext("The files in context are limited to 1 MB in total: remove some first."));
            return;
        }
        step.Emit(new ContextChanged(context.Action, context.File?.Path, context.File?.Content));
    }
}
