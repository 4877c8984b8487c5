using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Routing;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Tools;

namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>
/// The pure core of a session: (state, input) → events and effects. No I/O, no clock, no randomness of its own; time and ids come in.
/// Events are applied to the state as they are decided; when their commit fails, the state is thrown away and loaded again, so nothing
/// uncommitted is ever seen from outside (security.md §11.1).
/// </summary>
internal sealed partial class TurnEngine(AgentCatalog agents, AgentRouter router, EngineLimits limits, ContextBudget? context = null)
{
    private readonly ContextBudget _context = context ?? ContextBudget.Estimating;

    /// <summary>Decides what follows from an input.</summary>
    /// <param name="state">The session; changed in place.</param>
    /// <param name="input">What happened.</param>
    /// <param name="now">The time the events will carry.</param>
    /// <param name="epoch">The writer's lease, written into dispatched calls.</param>
    /// <param name="newId">Makes ids: prefix → id.</param>
    public Outcome Handle(SessionState state, EngineInput input, DateTimeOffset now, long epoch, Func<string, string> newId)
    {
        var step = new Step(state, now, epoch, newId);
        switch (input)
        {
            case EngineInput.Create create:
                step.Emit(
                    new SessionCreated(create.Owner, create.Agent ?? AgentCatalog.Orchestrator, create.Title, create.Model)
                    {
                        Task = create.Task,
                    }
                );
                break;
            case EngineInput.Update update:
                step.Emit(new SessionUpdated(update.Title, update.Description, update.Model));
                break;
            case EngineInput.Delete delete:
                if (state.Turn is not null)
                    CancelTurn(step, delete.By, "The session was deleted", partialText: null);
                step.Emit(new SessionDeleted(delete.By));
                break;
            case EngineInput.Clear clear:
                if (state.Turn is not null)
                    CancelTurn(step, clear.By, "The history was cleared", partialText: null);
                step.Emit(new ConversationCleared(clear.By));
                break;
            case EngineInput.Said said:
                Said(step, said);
                break;
            case EngineInput.ChooseAutonomy choose when choose.Level != state.Autonomy:
                step.Emit(new AutonomyChosen(choose.Level, choose.By));
                break;
            case EngineInput.Revoke revoke when state.Rules.Exists(r => r.Id == revoke.RuleId):
                step.Emit(new RememberedRevoked(revoke.RuleId, revoke.By));
                break;
            case EngineInput.Executor executor:
                ExecutorChanged(step, executor.Profile);
                break;
            case EngineInput.Routed routed when IsCurrent(state, routed.Key):
                Routed(step, routed);
                break;
            case EngineInput.Summed summed when IsCurrent(state, summed.Key):
                Summed(step, summed);
                break;
            case EngineInput.Answered answered when IsCurrent(state, answered.Key):
                Answered(step, answered);
                break;
            case EngineInput.Failed failed when IsCurrent(state, failed.Key):
                ModelFailed(step, failed);
                break;
            case EngineInput.Tick tick:
                Tick(step, tick);
                break;
            case EngineInput.Recover:
                Recover(step);
                break;
            case EngineInput.TaskEnded ended:
                TaskOver(step, ended);
                break;
            case EngineInput.Copied copied:
                Copied(step, copied);
                break;
        }
        return step.Outcome;
    }

    private static bool IsCurrent(SessionState state, ModelCallKey key) =>
        state.Turn is { Phase: TurnPhase.CallingModel } turn && KeyOf(turn) == key;

    private static ModelCallKey KeyOf(TurnState turn) => new(turn.TurnId, turn.Step, turn.Attempt, turn.Purpose);

    /// <summary>The agent that has the floor; the default one when the log names an agent this server no longer has.</summary>
    public AgentDefinition AgentOf(SessionState state) => agents.Find(state.Agent) ?? agents.Find(AgentCatalog.Coder)!;

    /// <summary>The tools the model is offered now.</summary>
    public ToolOffer OfferOf(SessionState state)
    {
        var agent = AgentOf(state);
        if (state.Offer is null || !ReferenceEquals(state.Offer.Agent, agent))
            state.Offer = ToolOffer.For(agent, ClientTools.Read(state.Executor?.Tools), tool => MayOffer(state, tool));
        return state.Offer;
    }

    private void ExecutorChanged(Step step, ExecutorProfile? profile)
    {
        var state = step.State;
        state.ExecutorOnline = profile is not null;
        if (profile is null)
            return;
        if (state.Executor is null || !ExecutorProfiles.Same(state.Executor, profile))
            step.Emit(new ExecutorAttached(profile));
        if (state.Turn is not { } turn)
            return;
        foreach (var call in turn.Calls)
            call.WaitedSeconds = 0;
        RunReady(step);
        ContinueAfterCalls(step);
    }

    private void StartNextTurn(Step step)
    {
        var state = step.State;
        if (state.Turn is not null || state.Queue.Count == 0 || state.Deleted)
            return;
        var message = state.Queue[0];
        var turnId = step.NewId("turn_");
        step.Emit(new TurnStarted(turnId, message.MessageId, state.OpenQuestion));
        SwitchFor(step, message.Agent);
        if (AgentOf(state).Type == AgentCatalog.Orchestrator && state.SwitchCount < limits.SwitchesPerSession)
            RequestModel(step, ModelPurpose.Route, stepNumber: 0, attempt: 1);
        else
            NextModelStep(step);
    }

    private void RequestModel(Step step, ModelPurpose purpose, int stepNumber, int attempt, int? toEntry = null)
    {
        var (state, turn) = (step.State, step.State.Turn!);
        if (purpose == ModelPurpose.Answer)
            state.PromptDigest ??= PromptDigest.Of(AgentOf(state), OfferOf(state), state);
        step.Emit(
            new ModelRequested(turn.TurnId, stepNumber, attempt, purpose, step.NewId("msg_"))
            {
                ToEntry = toEntry,
                Prompt = purpose == ModelPurpose.Answer ? state.PromptDigest : null,
            }
        );
        step.Outcome.CallModel = KeyOf(turn);
    }

    private void NextModelStep(Step step)
    {
        var state = step.State;
        var turn = state.Turn!;
        var agent = AgentOf(state);
        var most = limits.TurnSteps > 0 ? Math.Min(limits.TurnSteps, agent.MaxSteps) : agent.MaxSteps;
        if (state.Task is { } task)
            most = Math.Min(most, task.MaxSteps);
        if (turn.Step >= most)
        {
            FailTurn(
                step,
                "TURN_LIMIT",
                $"The {agent.Type} agent stopped after {turn.Step} model steps. Send \"continue\" to let it go on."
            );
            return;
        }
        if (turn.ActiveSeconds >= limits.TurnMinutes * 60)
        {
            FailTurn(
                step,
                "TURN_LIMIT",
                $"The turn stopped after {limits.TurnMinutes} minutes of work. Send \"continue\" to let it go on."
            );
            return;
        }
        if (turn.CountDeniedSteps() >= limits.DeniedSteps)
        {
            FailTurn(
                step,
                "AGENT_ERROR",
                $"The {agent.Type} agent kept asking for tools it may not use, so the turn was stopped. Choose another agent or rephrase the task."
            );
            return;
        }
        if (OverBudget(state, turn) is { } budget)
        {
            FailTurn(step, "BUDGET_REACHED", budget);
            return;
        }
        JoinSteering(step);
        if (!Compact(step))
            RequestModel(step, ModelPurpose.Answer, turn.Step + 1, attempt: 1);
    }

    /// <summary>Makes the conversation fit.</summary>
    /// <returns>True when a model is asked for a summary first.</returns>
    private bool Compact(Step step)
    {
        var (state, turn) = (step.State, step.State.Turn!);
        if (_context.Plan(state, AgentOf(state), OfferOf(state)) is not { } plan)
            return false;
        if (plan.Summarise)
            RequestModel(step, ModelPurpose.Summarise, turn.Step, attempt: 1, plan.ToEntry);
        else
            step.Emit(new ContextShrunk(turn.TurnId, plan.ToEntry, plan.Before, plan.After));
        return plan.Summarise;
    }

    private void Summed(Step step, EngineInput.Summed summed)
    {
        var (state, turn) = (step.State, step.State.Turn!);
        var (agent, offer) = (AgentOf(state), OfferOf(state));
        var to = turn.SummariseTo ?? state.SummarisedTo;
        var text = string.IsNullOrWhiteSpace(summed.Text) ? Prompts.SummaryPrompt.Missing : summed.Text.Trim();
        var before = _context.Measure(state, agent, offer);
        // The cache is lost anyway: whatever can be shortened is shortened with it.
        var shrunk = Math.Max(state.ShrunkTo, ContextBudget.FreshFrom(state));
        var after = _context.Measure(state, agent, offer, shrunk, to, text);
        step.Emit(new ContextSummarised(turn.TurnId, to, text, summed.Model, summed.Usage, before, after) { ShrunkTo = shrunk });
        NextModelStep(step);
    }

    /// <summary>Why the next call would pass a budget, or null. What it will need is what it sends, at the price paid so far.</summary>
    private string? OverBudget(SessionState state, TurnState turn)
    {
        var own = state.Task?.MaxTokens ?? 0;
        if (own == 0 && limits is { TurnTokens: 0, SessionTokens: 0, TurnCost: 0, SessionCost: 0 })
            return null;
        var next = _context.Measure(state, AgentOf(state), OfferOf(state));
        var (ofTurn, ofSession) = (Tokens(turn.Usage), Tokens(state.Usage));
        if (own > 0 && ofSession + next > own)
            return $"The task used {ofSession} of its {own} tokens, and the next step needs about {next}.";
        if (limits.TurnTokens > 0 && ofTurn + next > limits.TurnTokens)
            return $"The turn used {ofTurn} of {limits.TurnTokens} tokens, and the next step needs about {next}. Send \"continue\" to go on in a new turn.";
        if (limits.SessionTokens > 0 && ofSession + next > limits.SessionTokens)
            return $"The session used {ofSession} of {limits.SessionTokens} tokens, and the next step needs about {next}. Begin a new session.";
        var price = state.Usage.Cost is { } paid && ofSession > 0 ? paid / ofSession * next : 0;
        if (limits.TurnCost > 0 && (turn.Usage.Cost ?? 0) + price > limits.TurnCost)
            return $"The turn cost {Dollars(turn.Usage.Cost)} of {Dollars(limits.TurnCost)} dollars, and the next step needs about {Dollars(price)}. Send \"continue\" to go on in a new turn.";
        if (limits.SessionCost > 0 && (state.Usage.Cost ?? 0) + price > limits.SessionCost)
            return $"The session cost {Dollars(state.Usage.Cost)} of {Dollars(limits.SessionCost)} dollars, and the next step needs about {Dollars(price)}. Begin a new session.";
        return null;
    }

    private static string Dollars(decimal? amount) => (amount ?? 0).ToString("0.####", System.Globalization.CultureInfo.InvariantCulture);

    private static long Tokens(Protocol.Frames.TokenUsage usage) => usage.InputTokens + usage.OutputTokens;

    private static bool HasSteering(SessionState state) => state.Queue.Exists(m => m.Steers);

    /// <summary>What people said to the running turn becomes part of what the model reads next.</summary>
    private static void JoinSteering(Step step)
    {
        var (state, turn) = (step.State, step.State.Turn!);
        while (state.Queue.Find(m => m.Steers) is { } message)
        {
            step.Emit(new MessageJoined(turn.TurnId, message.MessageId));
            SwitchFor(step, message.Agent);
        }
    }

    private void FailTurn(Step step, string code, string message)
    {
        EndOpenCalls(step, CallStatus.Cancelled, "Cancelled: the turn ended.");
        step.Emit(new TurnFailed(step.State.Turn!.TurnId, code, message));
        StartNextTurn(step);
    }

    private static void CancelTurn(Step step, string by, string? reason, string? partialText)
    {
        var turn = step.State.Turn!;
        step.Outcome.CancelModel = turn.Phase == TurnPhase.CallingModel;
        step.Outcome.CallModel = null;
        if (step.Outcome.CancelModel && turn.Purpose == ModelPurpose.Answer)
            KeepPartialText(step, partialText);
        EndOpenCalls(step, CallStatus.Cancelled, "Cancelled by the user.");
        step.Emit(new TurnCancelled(turn.TurnId, by, reason));
    }

    /// <summary>What the model had written when it was stopped: people saw it, so it stays in the conversation.</summary>
    private static void KeepPartialText(Step step, string? partialText)
    {
        if (string.IsNullOrWhiteSpace(partialText))
            return;
        var turn = step.State.Turn!;
        step.Emit(
            new AssistantWrote(turn.TurnId, turn.ModelMessageId, step.State.Agent, partialText, [], null, null, null, null, null, false)
            {
                Interrupted = true,
            }
        );
    }

    private static void EndOpenCalls(Step step, string status, string why)
    {
        foreach (var call in step.State.Turn!.Calls.ToArray())
        {
            if (call.Stage == CallStage.Ended)
                continue;
            if (call.Stage == CallStage.AwaitingApproval)
                step.Emit(new ApprovalResolved(call.CallId, call.ToolName, "cancel", null, "server", null, null, null, null));
            EndPlan(step, call.CallId, "cancelled");
            step.Emit(new CallEnded(call.CallId, call.ToolName, status, null, why, null));
        }
    }

    private void Recover(Step step)
    {
        if (step.State.Turn is not { } turn)
        {
            StartNextTurn(step);
            return;
        }
        if (turn.Phase == TurnPhase.CallingModel)
        {
            // The call's outcome is unknown, but a model call has no effect outside: it is repeated once (security.md §11.6).
            if (turn.Attempt < limits.ModelAttempts)
                RequestModel(step, turn.Purpose, turn.Step, turn.Attempt + 1, turn.SummariseTo);
            else
                FailTurn(step, "MODEL_CALL_INTERRUPTED", "The server stopped twice while the model was answering. Send the message again.");
            return;
        }
        ContinueAfterCalls(step);
    }

    /// <summary>Closes what is open, as nobody will ever answer it here: what was handed out may have run, all else has not.</summary>
    private static void Copied(Step step, EngineInput.Copied copied)
    {
        var state = step.State;
        if (state.Turn is { } turn)
        {
            foreach (var call in turn.Calls.ToArray())
            {
                // A question stays open: the next message answers it.
                if (call.Stage == CallStage.Ended || call.CallId == state.OpenQuestion)
                    continue;
                if (call.Stage == CallStage.AwaitingApproval)
                    step.Emit(new ApprovalResolved(call.CallId, call.ToolName, "cancel", null, "server", null, null, null, null));
                EndPlan(step, call.CallId, "cancelled");
                step.Emit(
                    call is { Stage: CallStage.Dispatched, Delegated: false }
                        ? new CallEnded(
                            call.CallId,
                            call.ToolName,
                            CallStatus.OutcomeUnknown,
                            null,
                            "The session was copied while this call ran. It may have run.",
                            "OUTCOME_UNKNOWN"
                        )
                        : new CallEnded(call.CallId, call.ToolName, CallStatus.Cancelled, null, "Cancelled: the session was copied.", null)
                );
            }
            step.Emit(new TurnCancelled(turn.TurnId, copied.By, "The session was copied here"));
        }
        step.Emit(new SessionCopied(copied.How, copied.From, copied.FromSeq, copied.By));
    }

    private void Tick(Step step, EngineInput.Tick tick)
    {
        var state = step.State;
        if (state.Turn is not { Phase: TurnPhase.RunningTools } turn)
            return;
        var ended = false;
        foreach (var call in turn.Calls.ToArray())
        {
            if (call.Stage == CallStage.AwaitingApproval)
                ended |= ExpireApproval(step, call, tick);
            else if (call is { Stage: CallStage.Dispatched, Delegated: false })
                ended |= GiveUpOnResult(step, call, tick);
        }
        if (ended)
            ContinueAfterCalls(step);
    }

    private bool ExpireApproval(Step step, CallState call, EngineInput.Tick tick)
    {
        if (tick.Attached)
            call.WaitedSeconds += tick.Seconds;
        var tooLong = limits.ApprovalTimeoutSeconds > 0 && call.WaitedSeconds >= limits.ApprovalTimeoutSeconds;
        var tooOld = step.Now - call.RequestedAt >= TimeSpan.FromDays(limits.ApprovalMaxDays);
        if (!tooLong && !tooOld)
            return false;
        step.Emit(new ApprovalResolved(call.CallId, call.ToolName, "expire", null, "server", null, null, null, null));
        step.Emit(new CallEnded(call.CallId, call.ToolName, CallStatus.Expired, null, "Nobody decided in time.", "APPROVAL_EXPIRED"));
        return true;
    }

    private bool GiveUpOnResult(Step step, CallState call, EngineInput.Tick tick)
    {
        // Counted while the executor is there: a client that comes back answers from its journal first.
        if (step.State.ExecutorOnline)
            call.WaitedSeconds += tick.Seconds;
        var tooLong = call.WaitedSeconds >= call.TimeoutSeconds + limits.ResultGraceSeconds;
        var tooOld = step.Now - call.DispatchedAt >= TimeSpan.FromHours(limits.DetachedHours) + TimeSpan.FromSeconds(call.TimeoutSeconds);
        if (!tooLong && !tooOld)
            return false;
        step.Emit(
            new CallEnded(
                call.CallId,
                call.ToolName,
                CallStatus.OutcomeUnknown,
                null,
                "The client did not report how this call ended. It may have run.",
                "OUTCOME_UNKNOWN"
            )
        );
        return true;
    }

    /// <summary>One handling: collects events and applies each at once.</summary>
    private sealed class Step(SessionState state, DateTimeOffset now, long epoch, Func<string, string> newId)
    {
        public SessionState State => state;
        public DateTimeOffset Now => now;
        public long Epoch => epoch;
        public Func<string, string> NewId => newId;
        public Outcome Outcome { get; } = new();

        public void Emit(SessionEvent happened)
        {
            Outcome.Events.Add(happened);
            state.Apply(happened, now);
        }

        public void Refuse(BuildingBlocks.Results.Error error) => Outcome.Refused = error;
    }
}
