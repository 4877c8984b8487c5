using System.Text.Json;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using Xunit;

namespace CodeLab.UnitTests.Agent.Sessions;

public sealed class TurnEngineTests
{
    [Fact]
    public void A_message_starts_a_turn_and_asks_the_model()
    {
        var session = new EnginePlayer();

        session.Message("Add a line");

        Assert.Equal([typeof(UserWrote), typeof(TurnStarted), typeof(ModelRequested)], session.Last.Events.Select(e => e.GetType()));
        Assert.Equal(session.Key, session.Last.CallModel);
        Assert.Equal("Add a line", session.State.Title);
    }

    [Fact]
    public void The_orchestrator_routes_before_the_specialist_answers()
    {
        var session = new EnginePlayer(agent: "orchestrator");

        session.Message("Почему падает тест?");
        Assert.Equal(ModelPurpose.Route, session.Last.CallModel!.Value.Purpose);
        session.Do(
            new EngineInput.Routed(session.Key, """{"agent":"debug","confidence":"high","reasoning":"A test fails"}""", "fake", null)
        );

        Assert.Equal("debug", session.State.Agent);
        Assert.Equal("high", session.Single<AgentSwitched>().Confidence);
        Assert.Equal(ModelPurpose.Answer, session.Last.CallModel!.Value.Purpose);
    }

    [Fact]
    public void A_failed_routing_call_falls_back_to_keywords()
    {
        var session = new EnginePlayer(agent: "orchestrator");

        session.Message("explain how does the parser work");
        session.Do(new EngineInput.Routed(session.Key, null, null, null));

        Assert.Equal("ask", session.State.Agent);
        Assert.True(session.Single<RouteDecided>().Fallback);
    }

    [Fact]
    public void A_read_is_dispatched_at_once_and_its_result_goes_back_to_the_model()
    {
        var session = new EnginePlayer();
        session.Message("Look");

        session.Answer("", ("read_file", new { path = "a.txt" }));
        Assert.Equal("exec1", session.Single<CallDispatched>().Executor);
        session.Result(session.Call().CallId);

        Assert.Equal(2, session.Single<ModelRequested>().Step);
    }

    [Fact]
    public void A_write_waits_for_a_person()
    {
        var session = new EnginePlayer();
        session.Message("Write");

        session.Answer("", ("write_file", new { path = "a.txt", content = "x" }));

        Assert.Single(session.Last.Events.OfType<ApprovalRequested>());
        Assert.Empty(session.Last.Events.OfType<CallDispatched>());
        Assert.Equal("waiting_approval", session.State.Status);
    }

    [Fact]
    public void An_approved_call_is_dispatched_and_a_second_decision_changes_nothing()
    {
        var session = Waiting();
        var callId = session.Call().CallId;

        session.Decide(callId, "approve");
        Assert.Single(session.Last.Events.OfType<CallDispatched>());
        session.Decide(callId, "reject");

        Assert.Empty(session.Last.Events);
        Assert.NotNull(session.Last.DuplicateOf);
    }

    [Fact]
    public void An_edited_call_runs_with_the_persons_arguments()
    {
        var session = Waiting();

        session.Decide(session.Call().CallId, "edit", new { path = "b.txt", content = "y" });

        Assert.Equal("b.txt", session.Call().Arguments.GetProperty("path").GetString());
        Assert.Equal(CallStage.Dispatched, session.Call().Stage);
        Assert.Equal(
            "a.txt",
            session.State.FindTranscriptCall(session.Call().CallId)!.OriginalArguments!.Value.GetProperty("path").GetString()
        );
    }

    [Theory]
    [InlineData("""{"content":"y"}""")]
    [InlineData("""{"path":"../b.txt","content":"y"}""")]
    [InlineData("""{"path":"b.txt","content":"y","owner":"eve"}""")]
    public void An_edit_that_a_new_call_could_not_be_is_refused_and_the_call_still_waits(string modified)
    {
        var session = Waiting();

        session.Say(new SessionInput.Decision(session.Call().CallId, "edit", JsonElement.Parse(modified), null, false));

        Assert.Equal("INVALID_ARGUMENTS", session.Last.Refused!.Code);
        Assert.Equal(CallStage.AwaitingApproval, session.Call().Stage);
    }

    [Fact]
    public void A_rejected_call_is_told_to_the_model_and_nothing_runs()
    {
        var session = Waiting();

        session.Decide(session.Call().CallId, "reject", feedback: "not now");

        var ended = session.Single<CallEnded>();
        Assert.Equal((CallStatus.Rejected, "not now"), (ended.Status, ended.Error));
        Assert.Single(session.Last.Events.OfType<ModelRequested>());
        Assert.DoesNotContain(session.Log, e => e.Event is CallDispatched);
    }

    [Fact]
    public void Always_lets_the_like_run_for_the_rest_of_the_session_but_not_protected_files()
    {
        var session = Waiting();
        session.Decide(session.Call().CallId, "approve", remember: true);
        session.Result(session.Call().CallId);

        session.Answer("", ("write_file", new { path = "b.txt", content = "z" }));
        Assert.Single(session.Last.Events.OfType<CallDispatched>());
        session.Result(session.Call().CallId);
        session.Answer("", ("write_file", new { path = ".git/hooks/pre-commit", content = "z" }));

        Assert.Single(session.Last.Events.OfType<ApprovalRequested>());
    }

    [Fact]
    public void A_result_before_the_decision_is_refused()
    {
        var session = Waiting();

        session.Result(session.Call().CallId);

        Assert.Equal("APPROVAL_REQUIRED", session.Last.Refused!.Code);
    }

    [Fact]
    public void A_v1_client_may_send_the_result_without_a_decision()
    {
        var session = Waiting();

        session.Say(new SessionInput.ToolResult(session.Call().CallId, JsonSerializer.SerializeToElement("done"), null, null, true));

        Assert.True(session.Single<ApprovalResolved>().Implied);
        Assert.Equal(CallStatus.Result, session.Single<CallEnded>().Status);
    }

    [Fact]
    public void The_same_result_again_is_acknowledged_and_another_one_refused()
    {
        var session = new EnginePlayer();
        session.Message("Look");
        session.Answer("", ("read_file", new { path = "a.txt" }));
        var callId = session.Call().CallId;
        session.Result(callId, "one");

        session.Result(callId, "one");
        Assert.NotNull(session.Last.DuplicateOf);
        session.Result(callId, "two");

        Assert.Equal("INVALID_CALL_ID", session.Last.Refused!.Code);
    }

    [Fact]
    public void A_result_after_a_cancel_is_recorded_and_ignored()
    {
        var session = new EnginePlayer();
        session.Message("Look");
        session.Answer("", ("read_file", new { path = "a.txt" }));
        var callId = session.Call().CallId;

        session.Say(new SessionInput.Cancel());
        session.Result(callId);

        Assert.Equal([typeof(LateResult)], session.Last.Events.Select(e => e.GetType()));
        Assert.Null(session.State.Turn);
    }

    [Fact]
    public void Cancel_while_the_model_writes_keeps_what_was_written()
    {
        var session = new EnginePlayer();
        session.Message("Write a poem");

        session.Do(new EngineInput.Said(EnginePlayer.Ada, new SessionInput.Cancel(), "Roses are"));

        Assert.True(session.Last.CancelModel);
        Assert.Equal("Roses are", session.Single<AssistantWrote>().Content);
        Assert.Single(session.Last.Events.OfType<TurnCancelled>());
    }

    [Fact]
    public void A_stale_answer_changes_nothing()
    {
        var session = new EnginePlayer();
        session.Message("One");
        var stale = session.Key;
        session.Say(new SessionInput.Cancel());
        session.Message("Two");

        session.Answer(stale, "late");

        Assert.Empty(session.Last.Events);
    }

    [Fact]
    public void A_message_while_busy_waits_and_starts_the_next_turn()
    {
        var session = new EnginePlayer();
        session.Message("One");
        session.Message("Two");
        Assert.Single(session.State.Queue);

        session.Answer("Answer one");

        Assert.Equal("Two", ((UserEntry)session.State.Transcript[^1]).Content);
        Assert.NotNull(session.Last.CallModel);
    }

    [Fact]
    public void A_v1_message_heals_a_lost_call()
    {
        var session = new EnginePlayer();
        session.Message("One");
        session.Answer("", ("read_file", new { path = "a.txt" }));

        session.Say(new SessionInput.Message(null, "Two", null, null, null), EnginePlayer.Ada with { Door = "socket" });

        Assert.Single(session.Last.Events.OfType<TurnCancelled>());
        Assert.NotNull(session.Last.CallModel);
    }

    [Fact]
    public void Calls_wait_for_the_executor_to_come_back()
    {
        var session = new EnginePlayer();
        session.Message("Look");
        session.Detach();

        session.Answer("", ("read_file", new { path = "a.txt" }));
        Assert.Equal(CallStage.Ready, session.Call().Stage);
        session.Attach();

        Assert.Single(session.Last.Events.OfType<CallDispatched>());
    }

    [Fact]
    public void Attaching_again_unchanged_adds_nothing_to_the_log()
    {
        var session = new EnginePlayer();

        session.Attach();

        Assert.Empty(session.Last.Events);
    }

    [Fact]
    public void A_crash_while_the_model_is_called_repeats_the_call_once()
    {
        var session = new EnginePlayer();
        session.Message("Look");

        session.Crash();
        Assert.Equal(2, session.Single<ModelRequested>().Attempt);
        session.Crash();

        Assert.Equal("MODEL_CALL_INTERRUPTED", session.Single<TurnFailed>().Code);
    }

    [Fact]
    public void A_crash_with_a_call_dispatched_dispatches_nothing_again()
    {
        var session = new EnginePlayer();
        session.Message("Look");
        session.Answer("", ("execute_command", new { command = "make" }));
        session.Decide(session.Call().CallId, "approve");

        session.Crash();
        session.Attach();

        Assert.Empty(session.Last.Events);
        Assert.Equal(CallStage.Dispatched, session.Call().Stage);
    }

    [Fact]
    public void An_approval_expires_only_while_somebody_is_attached()
    {
        var session = Waiting(new() { ApprovalTimeoutSeconds = 60 });

        session.Do(new EngineInput.Tick(1000, Attached: false));
        Assert.Empty(session.Last.Events);
        session.Do(new EngineInput.Tick(61, Attached: true));

        Assert.Equal(CallStatus.Expired, session.Single<CallEnded>().Status);
        Assert.Single(session.Last.Events.OfType<ModelRequested>());
    }

    [Fact]
    public void A_lost_result_becomes_unknown_and_the_like_needs_a_persons_yes()
    {
        var session = new EnginePlayer();
        session.Message("Look");
        session.Answer("", ("read_file", new { path = "a.txt" }));

        session.Do(new EngineInput.Tick(10_000, Attached: true));
        Assert.Equal(CallStatus.OutcomeUnknown, session.Single<CallEnded>().Status);
        session.Answer("", ("read_file", new { path = "a.txt" }));

        Assert.Single(session.Last.Events.OfType<ApprovalRequested>());
    }

    [Fact]
    public void The_third_identical_call_is_denied()
    {
        var session = new EnginePlayer();
        session.Message("Look");
        for (var i = 0; i < 2; i++)
        {
            session.Answer("", ("read_file", new { path = "a.txt" }));
            session.Result(session.Call().CallId);
        }

        session.Answer("", ("read_file", new { path = "a.txt" }));

        Assert.Equal("REPEATED_CALL", session.Single<CallEnded>().ErrorCode);
    }

    [Fact]
    public void Steps_without_any_allowed_call_end_the_turn()
    {
        var session = new EnginePlayer(agent: "ask");
        session.Message("Write");

        for (var i = 0; i < 3; i++)
            session.Answer("", ("write_file", new { path = $"{i}.txt", content = "x" }));

        Assert.Equal("AGENT_ERROR", session.Single<TurnFailed>().Code);
    }

    [Fact]
    public void A_turn_stops_at_its_step_limit()
    {
        var session = new EnginePlayer(agent: "ask");
        session.Message("Read on");

        for (var i = 0; session.State.Turn is not null; i++)
        {
            session.Answer("", ("read_file", new { path = $"{i}.txt" }));
            session.Result(session.Call().CallId);
        }

        Assert.Equal(("TURN_LIMIT", 20), (session.Single<TurnFailed>().Code, session.Log.Count(e => e.Event is ModelRequested)));
    }

    [Fact]
    public void The_model_may_switch_the_agent_and_goes_on_in_the_same_turn()
    {
        var session = new EnginePlayer(agent: "architect");
        session.Message("Build it");

        session.Answer("", ("switch_mode", new { mode = "code", reason = "Time to build" }));

        Assert.Equal("coder", session.State.Agent);
        Assert.Single(session.Last.Events.OfType<ModelRequested>());
    }

    [Fact]
    public void Attempt_completion_ends_the_turn_with_its_result()
    {
        var session = new EnginePlayer();
        session.Message("Do it");

        session.Answer("", ("attempt_completion", new { result = "All done" }));

        Assert.Equal("All done", session.Last.Events.OfType<AssistantWrote>().Last().Content);
        Assert.True(session.Last.Events.OfType<AssistantWrote>().Last().IsFinal);
        Assert.Single(session.Last.Events.OfType<TurnCompleted>());
    }

    [Fact]
    public void The_answer_to_a_question_becomes_its_result()
    {
        var session = new EnginePlayer();
        session.Message("Do it");
        session.Answer("", ("ask_followup_question", new { question = "Which file?", suggestions = new[] { "a", "b" } }));
        Assert.Null(session.State.Turn);

        session.Message("a");

        Assert.Equal("ask_followup_question", ((ToolEntry)session.State.Transcript[^1]).ToolName);
        Assert.Null(session.State.OpenQuestion);
    }

    [Fact]
    public void Broken_arguments_are_told_to_the_model()
    {
        var session = new EnginePlayer();
        session.Message("Do it");

        session.Do(new EngineInput.Answered(session.Key, "", [new("m1", "read_file", "{\"path\":")], "m", "p", "tool_calls", new(), null));

        Assert.Equal((CallStatus.Denied, "INVALID_ARGUMENTS"), (session.Single<CallEnded>().Status, session.Single<CallEnded>().ErrorCode));
        Assert.NotNull(session.Last.CallModel);
    }

    [Fact]
    public void An_empty_answer_still_says_something()
    {
        var session = new EnginePlayer();
        session.Message("Do it");

        session.Answer("");

        Assert.Equal("Done.", session.Single<AssistantWrote>().Content);
    }

    [Theory]
    [InlineData(" ", "MISSING_FIELD")]
    [InlineData("too long", "INVALID_MESSAGE")]
    public void A_message_that_can_not_be_used_is_refused(string text, string code)
    {
        var session = new EnginePlayer(new() { MessageCharacters = 5 });

        session.Message(text);

        Assert.Equal(code, session.Last.Refused!.Code);
        Assert.Empty(session.Last.Events);
    }

    [Fact]
    public void The_queue_is_bounded()
    {
        var session = new EnginePlayer(new() { QueuedMessages = 2 });
        session.Message("0");
        session.Message("1");
        session.Message("2");

        session.Message("3");

        Assert.Equal("QUEUE_FULL", session.Last.Refused!.Code);
    }

    private static EnginePlayer Waiting(EngineLimits? limits = null)
    {
        var session = new EnginePlayer(limits);
        session.Message("Write");
        session.Answer("I will write it.", ("write_file", new { path = "a.txt", content = "x" }));
        return session;
    }
}
