using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using Xunit;

namespace CodeLab.UnitTests.Agent.Sessions;

/// <summary>What becomes of a message that comes while a turn runs: its sender chooses.</summary>
public sealed class BusyMessageTests
{
    [Fact]
    public void A_steering_message_joins_the_running_turn_at_its_next_step()
    {
        var session = new EnginePlayer();
        session.Message("Look");
        session.Answer("", ("read_file", new { path = "a.txt" }));

        session.Message("Only the first line matters", whenBusy: "steer");
        Assert.Equal([typeof(UserWrote)], session.Last.Events.Select(e => e.GetType()));
        session.Result(session.Call().CallId);

        Assert.Equal([typeof(CallEnded), typeof(MessageJoined), typeof(ModelRequested)], session.Last.Events.Select(e => e.GetType()));
        Assert.Equal("Only the first line matters", ((UserEntry)session.State.Transcript[^1]).Content);
        Assert.Single(session.Log, e => e.Event is TurnStarted);
    }

    [Fact]
    public void A_turn_does_not_end_while_somebody_has_something_to_say_to_it()
    {
        var session = new EnginePlayer();
        session.Message("Look");

        session.Message("And the tests?", whenBusy: "steer");
        session.Answer("All fine.");

        Assert.False(session.Single<AssistantWrote>().IsFinal);
        Assert.Empty(session.Last.Events.OfType<TurnCompleted>());
        session.Answer("The tests too.");
        Assert.Single(session.Last.Events.OfType<TurnCompleted>());
    }

    [Fact]
    public void Completing_with_a_tool_waits_for_a_steering_message_too()
    {
        var session = new EnginePlayer();
        session.Message("Look");

        session.Message("And the tests?", whenBusy: "steer");
        session.Answer("", ("attempt_completion", new { result = "Done" }));

        Assert.Empty(session.Last.Events.OfType<TurnCompleted>());
        Assert.Single(session.Last.Events.OfType<MessageJoined>());
        Assert.NotNull(session.Last.CallModel);
    }

    [Fact]
    public void An_interrupt_stops_the_model_keeps_its_words_and_goes_on()
    {
        var session = new EnginePlayer();
        session.Message("Write a poem");
        var stale = session.Key;

        session.Message("About cats", whenBusy: "interrupt", partial: "Dogs are");

        Assert.True(session.Last.CancelModel);
        Assert.True(session.Single<AssistantWrote>().Interrupted);
        Assert.Equal(2, session.Last.CallModel!.Value.Step);
        Assert.Equal(["Write a poem", "About cats"], session.State.Transcript.OfType<UserEntry>().Select(e => e.Content));
        session.Answer(stale, "Dogs are great");
        Assert.Empty(session.Last.Events);
    }

    [Fact]
    public void An_interrupt_cancels_open_calls_and_the_turn_goes_on()
    {
        var session = new EnginePlayer();
        session.Message("Write");
        session.Answer("", ("read_file", new { path = "a" }), ("write_file", new { path = "b", content = "x" }));

        session.Message("Stop, do this", whenBusy: "interrupt");

        Assert.All(session.Last.Events.OfType<CallEnded>(), e => Assert.Equal(CallStatus.Cancelled, e.Status));
        Assert.Equal(2, session.Last.Events.OfType<CallEnded>().Count());
        Assert.Empty(session.Last.Events.OfType<TurnCancelled>());
        Assert.NotNull(session.Last.CallModel);
    }

    [Fact]
    public void An_interrupt_while_routing_is_read_after_it()
    {
        var session = new EnginePlayer(agent: "orchestrator");
        session.Message("Do something");

        session.Message("In the parser", whenBusy: "interrupt");
        Assert.False(session.Last.CancelModel);
        session.Do(new EngineInput.Routed(session.Key, """{"agent":"debug"}""", null, null));

        Assert.Single(session.Last.Events.OfType<MessageJoined>());
        Assert.Equal(ModelPurpose.Answer, session.Last.CallModel!.Value.Purpose);
    }

    [Fact]
    public void A_waiting_message_changes_the_agent_only_when_its_turn_comes()
    {
        var session = new EnginePlayer();
        session.Message("One");
        session.Message("Two", agent: "ask");
        Assert.Equal("coder", session.State.Agent);

        session.Answer("Answer one");

        Assert.Equal("ask", session.State.Agent);
        Assert.Equal(
            [typeof(AssistantWrote), typeof(TurnCompleted), typeof(TurnStarted), typeof(AgentSwitched), typeof(ModelRequested)],
            session.Last.Events.Select(e => e.GetType())
        );
    }

    [Fact]
    public void A_steering_message_that_finds_no_turn_starts_one()
    {
        var session = new EnginePlayer();

        session.Message("Hello", whenBusy: "steer");

        Assert.Single(session.Last.Events.OfType<TurnStarted>());
    }

    [Fact]
    public void A_failed_turn_hands_a_steering_message_to_the_next()
    {
        var session = new EnginePlayer();
        session.Message("One");
        session.Message("Two", whenBusy: "steer");

        session.Do(new EngineInput.Failed(session.Key, "PROVIDER_ERROR", "It failed", null));

        Assert.Equal(
            [typeof(ModelFailed), typeof(TurnFailed), typeof(TurnStarted), typeof(ModelRequested)],
            session.Last.Events.Select(e => e.GetType())
        );
        Assert.Empty(session.State.Queue);
    }

    [Fact]
    public void An_unknown_choice_is_refused()
    {
        var session = new EnginePlayer();

        session.Message("Hello", whenBusy: "soon");

        Assert.Equal("INVALID_MESSAGE", session.Last.Refused!.Code);
    }

    [Fact]
    public void A_client_of_the_published_protocol_has_one_call_open_at_a_time()
    {
        var session = new EnginePlayer(attach: false);
        session.Attach(oneAtATime: true);
        session.Message("Look");

        session.Answer(
            "",
            ("read_file", new { path = "a" }),
            ("write_file", new { path = "b", content = "x" }),
            ("read_file", new { path = "c" })
        );
        Assert.Equal([CallStage.Dispatched, CallStage.Open, CallStage.Open], session.State.Turn!.Calls.Select(c => c.Stage));
        session.Decide(session.Call(1).CallId, "approve");
        Assert.Equal("INVALID_CALL_ID", session.Last.Refused!.Code);
        session.Result(session.Call(0).CallId);
        Assert.Equal([CallStage.Ended, CallStage.AwaitingApproval, CallStage.Open], session.State.Turn!.Calls.Select(c => c.Stage));
        session.Decide(session.Call(1).CallId, "reject");
        Assert.Equal(CallStage.Dispatched, session.Call(2).Stage);
        session.Result(session.Call(2).CallId);

        Assert.NotNull(session.Last.CallModel);
    }

    [Fact]
    public void More_calls_than_may_run_at_once_wait_for_each_other()
    {
        var session = new EnginePlayer(new() { ParallelCalls = 2 });
        session.Message("Look");

        session.Answer("", [.. Enumerable.Range(0, 5).Select(i => ("read_file", (object)new { path = $"{i}" }))]);
        Assert.Equal(2, session.State.Turn!.Calls.Count(c => c.Stage == CallStage.Dispatched));
        for (var i = 0; i < 5; i++)
            session.Result(session.Call(i).CallId);

        Assert.NotNull(session.Last.CallModel);
        Assert.Equal(5, session.Log.Count(e => e.Event is CallDispatched));
    }

    [Fact]
    public void Calls_beyond_the_limit_of_a_step_are_refused()
    {
        var session = new EnginePlayer(new() { CallsPerStep = 2 });
        session.Message("Look");

        session.Answer("", [.. Enumerable.Range(0, 3).Select(i => ("read_file", (object)new { path = $"{i}" }))]);

        Assert.Equal("TOO_MANY_CALLS", session.Single<CallEnded>().ErrorCode);
    }

    [Fact]
    public void Going_round_in_circles_is_refused_and_waiting_for_a_change_is_not()
    {
        var circling = Alternate(i => "the same");
        var waiting = Alternate(i => $"state {i}");

        Assert.Contains(circling.Log, e => e.Event is CallEnded { ErrorCode: "LOOP_DETECTED" });
        Assert.DoesNotContain(waiting.Log, e => e.Event is CallEnded { ErrorCode: "LOOP_DETECTED" });

        static EnginePlayer Alternate(Func<int, string> result)
        {
            var session = new EnginePlayer();
            session.Message("Look");
            for (var i = 0; i < 6; i++)
            {
                session.Answer("", i % 2 == 0 ? ("git_status", new { }) : ("read_file", new { path = "a" }));
                if (session.State.Turn is { Phase: TurnPhase.RunningTools })
                    session.Result(session.Call().CallId, result(i));
            }
            return session;
        }
    }

    [Fact]
    public void A_configured_time_out_counts_before_the_tools_own()
    {
        var session = new EnginePlayer(
            new()
            {
                ToolTimeouts = new Dictionary<string, int> { ["read_file"] = 7 },
                ResultGraceSeconds = 1,
            }
        );
        session.Message("Look");
        session.Answer("", ("read_file", new { path = "a" }));
        Assert.Equal(7, session.Single<CallDispatched>().TimeoutSeconds);

        session.Do(new EngineInput.Tick(9, Attached: true));

        Assert.Equal(CallStatus.OutcomeUnknown, session.Single<CallEnded>().Status);
    }

    [Fact]
    public void A_configured_limit_of_steps_is_stricter_than_the_agents()
    {
        var session = new EnginePlayer(new() { TurnSteps = 2 });
        session.Message("Look");

        for (var i = 0; session.State.Turn is not null; i++)
        {
            session.Answer("", ("read_file", new { path = $"{i}" }));
            session.Result(session.Call().CallId);
        }

        Assert.Equal(("TURN_LIMIT", 2), (session.Single<TurnFailed>().Code, session.Log.Count(e => e.Event is ModelRequested)));
    }
}
