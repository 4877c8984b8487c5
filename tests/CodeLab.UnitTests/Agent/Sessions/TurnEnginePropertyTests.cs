using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Sessions.Rerun;
using CodeLab.Modules.Agent.Sessions.Transfer;
using CsCheck;
using Xunit;

namespace CodeLab.UnitTests.Agent.Sessions;

/// <summary>Random interleavings of everything that can happen to a session; the invariants of security.md G4 and §11 hold after each.</summary>
public sealed class TurnEnginePropertyTests
{
    private const int _stepsEach = 150;

    // About 100,000 steps in every run, 5,000,000 in the full one.
    private static readonly int _sessions = Environment.GetEnvironmentVariable("CODELAB_TESTS_FULL") == "1" ? 33_334 : 700;

    /// <summary>Rules broken on purpose; the invariants must notice every one of them.</summary>
    private static readonly Dictionary<string, Func<SessionState, EngineInput, EngineInput>> _broken = new(StringComparer.Ordinal)
    {
        ["a call runs before its decision"] = (state, input) =>
        {
            if (input is EngineInput.Executor && state.Turn?.Calls.Find(c => c.Stage == CallStage.AwaitingApproval) is { } call)
                call.Stage = CallStage.Ready;
            return input;
        },
        ["a call is dispatched again when its client comes back"] = (state, input) =>
        {
            if (input is EngineInput.Executor && state.Turn?.Calls.Find(c => c.Stage == CallStage.Dispatched) is { } call)
                call.Stage = CallStage.Ready;
            return input;
        },
        ["a second result counts as well"] = (state, input) =>
        {
            if (
                input is EngineInput.Said { What: SessionInput.ToolResult result }
                && state.Turn?.Calls.Find(c => c.CallId == result.CallId && c.Stage == CallStage.Ended) is { } call
            )
                call.Stage = CallStage.Dispatched;
            return input;
        },
        ["the model is asked while a call is open"] = (state, input) =>
        {
            if (input is EngineInput.Said { What: SessionInput.ToolResult } && state.Turn is { Phase: TurnPhase.RunningTools } turn)
                turn.Calls.RemoveAll(c => c.Stage == CallStage.AwaitingApproval);
            return input;
        },
        ["a stale answer counts"] = (state, input) =>
            input is EngineInput.Answered answer && state.Turn is { } turn
                ? answer with
                {
                    Key = new(turn.TurnId, turn.Step, turn.Attempt, turn.Purpose),
                }
                : input,
        ["a cancelled turn goes on"] = (state, input) =>
            input is EngineInput.Said { What: SessionInput.Cancel } && state.Turn is not null
                ? new EngineInput.Failed(new(state.Turn.TurnId, state.Turn.Step, state.Turn.Attempt, state.Turn.Purpose), "X", "x", null)
                : input,
        ["an expired call still runs"] = (state, input) =>
        {
            if (input is EngineInput.Tick && state.Turn?.Calls.Find(c => c.Stage == CallStage.Ended) is { } call)
                call.Stage = CallStage.Ready;
            return input;
        },
        ["a plan is carried out unasked"] = (state, input) =>
        {
            if (
                input is EngineInput.Said { What: SessionInput.ToolResult }
                && state.Turn?.Calls.Find(c => c is { ToolName: "create_plan", Stage: CallStage.AwaitingApproval }) is { } call
            )
                call.Stage = CallStage.Ready;
            return input;
        },
        ["a task counts twice"] = (state, input) =>
        {
            if (input is EngineInput.TaskEnded && state.Turn?.Tasks.Find(t => t.Status is not null) is { } task)
            {
                task.Status = null;
                return new EngineInput.TaskEnded(task.Order.ChildId, "completed", "again", 1, null);
            }
            return input;
        },
        ["a steering message is lost"] = (state, input) =>
        {
            state.Queue.RemoveAll(m => m.Steers);
            return input;
        },
    };

    public static TheoryData<string> BrokenRules => [.. _broken.Keys];

    [Fact]
    public void Whatever_happens_in_whatever_order_the_invariants_hold() =>
        Gen.Int.Array[_stepsEach].Sample(steps => Play(steps, null), iter: _sessions, print: steps => string.Join(',', steps));

    [Theory, MemberData(nameof(BrokenRules))]
    public void A_rule_broken_on_purpose_is_noticed(string rule)
    {
        var random = new Random(17);
        for (var round = 0; round < 200; round++)
        {
            var steps = Enumerable.Range(0, _stepsEach).Select(_ => random.Next()).ToArray();
            try
            {
                Play(steps, _broken[rule]);
            }
            catch (Exception noticed) when (noticed is Xunit.Sdk.XunitException or InvalidOperationException or NullReferenceException)
            {
                return;
            }
        }
        Assert.Fail($"200 sessions went well although {rule}.");
    }

    [Fact]
    public void A_double_dispatch_would_be_noticed()
    {
        var session = new EnginePlayer();
        session.Message("Look");
        session.Answer("", ("read_file", new { path = "a.txt" }));
        session.Log.Add((session.Last.Events.OfType<CallDispatched>().Single(), session.Now));

        Assert.ThrowsAny<Exception>(() => CheckLog(session));
    }

    [Fact]
    public void A_model_call_with_an_unanswered_tool_call_would_be_noticed()
    {
        var session = new EnginePlayer();
        session.Message("Look");
        session.Answer("", ("read_file", new { path = "a.txt" }));
        session.Log.Add((new ModelRequested(session.State.Turn!.TurnId, 2, 1, ModelPurpose.Answer, "m"), session.Now));

        Assert.ThrowsAny<Exception>(() => CheckLog(session));
    }

    private static void Play(int[] steps, Func<SessionState, EngineInput, EngineInput>? sabotage)
    {
        var session = new EnginePlayer(
            new()
            {
                ApprovalTimeoutSeconds = 100,
                SwitchesPerSession = 30,
                ParallelCalls = 1 + (steps[1] & 3),
            },
            agent: steps[0] % 2 == 0 ? "coder" : "orchestrator",
            // Every third session never fits: each step is compacted as far as it can be.
            context: steps[2] % 3 == 0 ? new(text => text.Length / 4, new() { Tokens = 100 }) : null
        )
        {
            Sabotage = sabotage,
        };
        var stale = new List<ModelCallKey>();
        var calls = new List<string> { "call_unknown" };
        foreach (var raw in steps)
        {
            var pick = raw & 0x7fffffff;
            var variant = pick / 32;
            var turn = session.State.Turn;
            if (turn is not null && (stale.Count == 0 || stale[^1] != session.Key))
                stale.Add(session.Key);
            switch (pick % 16)
            {
                case 0 or 1:
                    session.Message(
                        $"message {variant}",
                        whenBusy: (variant % 6) switch
                        {
                            0 => "steer",
                            1 => "interrupt",
                            _ => null,
                        },
                        agent: variant % 11 == 0 ? "ask" : null,
                        partial: variant % 4 == 0 ? "so far" : null
                    );
                    break;
                case 2 or 3 or 4 when turn is { Phase: TurnPhase.CallingModel, Purpose: ModelPurpose.Answer }:
                    session.Answer("text", RandomCalls(variant));
                    calls.AddRange(session.State.Turn?.Calls.Select(c => c.CallId) ?? []);
                    break;
                case 2 or 3 when turn is { Phase: TurnPhase.CallingModel, Purpose: ModelPurpose.Route }:
                    session.Do(new EngineInput.Routed(session.Key, variant % 2 == 0 ? null : """{"agent":"debug"}""", null, null));
                    break;
                case 2 or 3 when turn is { Phase: TurnPhase.CallingModel, Purpose: ModelPurpose.Summarise }:
                    session.Do(new EngineInput.Summed(session.Key, variant % 3 == 0 ? null : "notes", "fake", null));
                    break;
                case 5 when turn is { Phase: TurnPhase.CallingModel }:
                    session.Answer("final");
                    break;
                case 6 when turn is not null:
                    session.Do(new EngineInput.Failed(session.Key, "PROVIDER_ERROR", "It failed", null));
                    break;
                case 7 when stale.Count > 0:
                    var key = stale[variant % stale.Count];
                    session.Answer(
                        key,
                        turn is not null && key == session.Key ? "text" : "stale",
                        ("write_file", new { path = "stale.txt", content = "" })
                    );
                    break;
                case 6 or 8 or 9 when turn?.Tasks.FindAll(t => t.Status is null) is { Count: > 0 } tasks:
                    var status = (variant % 3) switch
                    {
                        0 => "failed",
                        1 => "cancelled",
                        _ => "completed",
                    };
                    var child = variant % 7 == 0 ? "task_unknown" : tasks[variant % tasks.Count].Order.ChildId;
                    session.Do(new EngineInput.TaskEnded(child, status, "told", 2, new() { InputTokens = 7 }));
                    break;
                case 8 or 9:
                    session.Result(calls[variant % calls.Count], variant % 2 == 0 ? "a" : "b");
                    break;
                case 10 or 11:
                    session.Decide(
                        calls[variant % calls.Count],
                        (variant % 4) switch
                        {
                            0 => "reject",
                            1 => "edit",
                            _ => "approve",
                        },
                        variant % 4 == 1 ? new { path = "e.txt", content = "e" } : null,
                        remember: variant % 5 == 0
                    );
                    break;
                case 12:
                    session.Crash();
                    break;
                case 13 when variant % 3 == 0:
                    session.Say(new SessionInput.Cancel());
                    break;
                case 13:
                    session.Do(new EngineInput.Tick(variant % 50, Attached: true));
                    break;
                case 14 when variant % 2 == 0:
                    session.Detach();
                    break;
                case 14:
                    session.Attach($"exec{variant % 2}", oneAtATime: variant % 5 == 0);
                    break;
                case 15:
                    session.Say(new SessionInput.Switch(variant % 2 == 0 ? "architect" : "coder", variant % 3 == 0 ? "go on" : null, null));
                    break;
            }
            Assert.Equal(session.Log.Count, session.State.LastSeq);
        }
        CheckLog(session);
        Assert.Equal(EnginePlayer.Snapshot(session.Refold()), EnginePlayer.Snapshot(session.State));
        CheckCopy(session, 1 + (steps[3] & 0x7fffffff) % session.Log.Count);
        CheckRerun(session);
        CheckUsable(session);
    }

    private static (string, object)[] RandomCalls(int variant)
    {
        (string, object)[] kinds =
        [
            ("read_file", new { path = $"{variant % 3}.txt" }),
            ("write_file", new { path = $"{variant % 3}.txt", content = "x" }),
            ("execute_command", new { command = $"make {variant % 3}" }),
            ("no_such_tool", new { x = 1 }),
            ("switch_mode", new { mode = "debug", reason = "r" }),
            ("read_file", new { path = "../x" }),
            ("ask_followup_question", new { question = "?" }),
            ("attempt_completion", new { result = "r" }),
            (
                "delegate_task",
                new
                {
                    agent = "ask",
                    title = "t",
                    task = "t",
                }
            ),
            (
                "create_plan",
                new
                {
                    title = "p",
                    subtasks = new object[]
                    {
                        new
                        {
                            title = "a",
                            description = "a",
                            agent = "coder",
                        },
                        new
                        {
                            title = "b",
                            description = "b",
                            agent = "ask",
                            dependencies = new[] { 1 },
                        },
                        new
                        {
                            title = "c",
                            description = "c",
                            agent = "debug",
                        },
                    },
                }
            ),
        ];
        return [.. Enumerable.Range(0, 1 + variant % 3).Select(i => kinds[(variant + i * 3) % kinds.Length])];
    }

    /// <summary>What must be true of any log.</summary>
    private static void CheckLog(EnginePlayer session)
    {
        var requested = new HashSet<string>();
        var ended = new HashSet<string>();
        var dispatched = new HashSet<string>();
        var allowed = new HashSet<string>();
        var waiting = new HashSet<string>();
        var said = new HashSet<string>();
        var asked = new HashSet<string>();
        var tasks = new HashSet<string>();
        string? plan = null;
        string? turn = null;
        string? question = null;
        foreach (var (happened, _) in session.Log)
        {
            switch (happened)
            {
                case UserWrote e:
                    Assert.True(said.Add(e.MessageId), "a message was taken twice");
                    break;
                case MessageJoined e:
                    Assert.Equal(turn, e.TurnId);
                    Assert.True(said.Remove(e.MessageId), "a message joined that nobody had said, or twice");
                    break;
                case TurnStarted e:
                    Assert.True(said.Remove(e.MessageId), "a turn began with a message that nobody had said, or twice");
                    Assert.Null(turn);
                    turn = e.TurnId;
                    Assert.Equal(question, e.AnswersCall);
                    if (question is not null)
                        Assert.True(ended.Add(question));
                    question = null;
                    break;
                case TurnCompleted e:
                    Assert.Equal(turn, e.TurnId);
                    Assert.Null(plan);
                    turn = null;
                    break;
                case TurnFailed e:
                    Assert.Equal(turn, e.TurnId);
                    Assert.Null(plan);
                    turn = null;
                    break;
                case TurnCancelled e:
                    Assert.Equal(turn, e.TurnId);
                    turn = null;
                    // They became part of the conversation without a turn of their own.
                    said.Clear();
                    break;
                case ModelRequested e:
                    Assert.Equal(turn, e.TurnId);
                    // What the model is sent has exactly one result per call (security.md §11.7).
                    Assert.Equal(requested.Count, ended.Count);
                    asked.Add(e.MessageId);
                    break;
                case AssistantWrote e:
                    Assert.Equal(turn, e.TurnId);
                    // Only what was asked for is taken, and once; texts of the server's own have calls of the model behind them.
                    Assert.NotEqual("stale", e.Content);
                    if (e.Model is not null)
                        Assert.True(asked.Remove(e.MessageId), "an answer that nobody waited for was taken");
                    foreach (var call in e.Calls)
                        Assert.True(requested.Add(call.CallId), "a call id was used twice");
                    question = e.AsksCall ?? question;
                    break;
                case ApprovalRequested e:
                    Assert.True(waiting.Add(e.CallId));
                    break;
                case ApprovalResolved e:
                    Assert.True(waiting.Remove(e.CallId), "decided without being asked, or twice");
                    break;
                case CallAllowed e:
                    Assert.DoesNotContain(e.CallId, waiting);
                    Assert.True(allowed.Add(e.CallId));
                    break;
                case CallDispatched e:
                    Assert.Contains(e.CallId, allowed);
                    Assert.DoesNotContain(e.CallId, ended);
                    Assert.True(dispatched.Add(e.CallId), "dispatched twice");
                    break;
                case CallEnded e:
                    Assert.Contains(e.CallId, requested);
                    Assert.DoesNotContain(e.CallId, waiting);
                    Assert.True(ended.Add(e.CallId), "ended twice");
                    if (e.Status is CallStatus.Result && e.ToolName is "write_file" or "execute_command")
                        Assert.Contains(e.CallId, dispatched);
                    break;
                case TaskDelegated e:
                    Assert.NotNull(turn);
                    Assert.Equal(e.Subtask is not null, e.CallId == plan);
                    Assert.DoesNotContain(e.CallId, ended);
                    Assert.True(tasks.Add(e.ChildId), "a task was given twice");
                    break;
                case TaskEnded e:
                    Assert.True(tasks.Remove(e.ChildId), "a task ended that was not given, or twice");
                    Assert.DoesNotContain(e.CallId, ended);
                    break;
                case PlanStarted e:
                    Assert.Null(plan);
                    Assert.Contains(e.CallId, allowed);
                    plan = e.CallId;
                    break;
                case PlanEnded e:
                    Assert.Equal(plan, e.CallId);
                    Assert.DoesNotContain(e.CallId, ended);
                    plan = null;
                    break;
                case LateResult e:
                    Assert.Contains(e.CallId, ended);
                    break;
            }
        }
        if (turn is null && question is null)
            Assert.Equal(requested.Count, ended.Count);
        // Whatever was said waits, or was taken up (security.md G5).
        Assert.Equal(said.Order(StringComparer.Ordinal), session.State.Queue.Select(m => m.MessageId).Order(StringComparer.Ordinal));
        if (session.State.Queue.Count > 0)
            Assert.NotNull(turn);
    }

    /// <summary>
    /// Whatever the engine wrote is a log that may be imported, and at any event it becomes a session that is idle, has one result a call, no
    /// rights of the other session, and goes on.
    /// </summary>
    private static void CheckCopy(EnginePlayer session, int at)
    {
        var state = new SessionState { Id = "copy" };
        foreach (var (happened, when) in session.Log.Take(at))
        {
            var (type, payload) = EventCodec.Encode(happened);
            var read = EventCodec.DecodeStrictly(type, payload)!;
            Assert.Null(LogCheck.Problem(state, read));
            state.Apply(read, when);
        }
        var ids = 0;
        Outcome Do(EngineInput input) => session.Engine.Handle(state, input, session.Now, 1, prefix => $"{prefix}copy{++ids}");
        var copied = Do(new EngineInput.Copied(Origins.Fork, "s1", at, "bob"));
        Assert.Null(copied.CallModel);
        Assert.DoesNotContain(copied.Events, e => e is CallDispatched or CallAllowed);
        Assert.Null(state.Turn);
        Assert.Empty(state.Queue);
        Assert.Empty(state.Rules);
        Assert.Equal((null, null, at), (state.Autonomy, state.Executor, (int)state.ParentSeq!.Value));
        CheckTranscript(state);
        Do(new EngineInput.Said(EnginePlayer.Ada, new SessionInput.Message(null, "go on", null, null, null)));
        Assert.NotNull(state.Turn);
        CheckTranscript(state);
    }

    /// <summary>Whatever happened, the log tells what had been said to the engine, which decides the same once more.</summary>
    private static void CheckRerun(EnginePlayer session)
    {
        var log = session.Log.ConvertAll(e => new RecordedEvent(e.Event, e.At));
        var outcome = new SessionRerun(session.Engine, PolicyContext.Of("cautious"), strictPrompt: true).Run("s1", log);
        Assert.True(outcome.Difference is null, outcome.Difference?.ToString());
    }

    private static void CheckTranscript(SessionState state)
    {
        var calls = state.Transcript.OfType<AssistantEntry>().SelectMany(e => e.Calls).Select(c => c.CallId).ToList();
        var results = state.Transcript.OfType<ToolEntry>().Select(e => e.CallId).ToList();
        if (state.OpenQuestion is { } open)
            results.Add(open);
        Assert.Equal(calls.Order(StringComparer.Ordinal), results.Order(StringComparer.Ordinal));
    }

    /// <summary>Whatever happened, a person can stop and go on.</summary>
    private static void CheckUsable(EnginePlayer session)
    {
        session.Say(new SessionInput.Cancel());
        Assert.Null(session.State.Turn);
        session.Message("still there?");
        Assert.NotNull(session.Last.CallModel);
    }
}
