using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.UnitTests.Agent.Sessions;
using Xunit;

namespace CodeLab.UnitTests.Agent.Tasks;

public sealed class PlanTests
{
    [Fact]
    public void A_plan_waits_for_a_person_and_is_done_in_the_order_of_its_dependencies()
    {
        var session = Proposed(Sub("c", 2), Sub("a"), Sub("b", 2));
        Assert.Empty(session.Log.Select(e => e.Event).OfType<TaskDelegated>());

        session.Decide(session.Call().CallId, "approve");
        var order = new List<string>();
        while (session.State.Turn!.Tasks.Find(t => t.Status is null) is { } task)
        {
            order.Add(task.Order.Title);
            End(session, task, "completed", $"{task.Order.Title} is done");
        }

        Assert.Equal(["a", "c", "b"], order);
        Assert.Contains("a is done", session.State.Turn.Tasks[1].Order.Task, StringComparison.Ordinal);
        Assert.Equal(("completed", 3), Ended(session));
        Assert.NotNull(session.Last.CallModel);
    }

    [Fact]
    public void What_depends_on_a_subtask_that_failed_is_not_begun()
    {
        var session = Proposed(Sub("a"), Sub("b", 1), Sub("c"));
        session.Decide(session.Call().CallId, "approve");

        End(session, session.State.Turn!.Tasks[0], "failed", "no");
        End(session, session.State.Turn!.Tasks[1], "completed", "yes");

        Assert.Equal(["a", "c"], session.State.Turn!.Tasks.Select(t => t.Order.Title));
        Assert.Equal(("failed", 1), Ended(session));
        Assert.Contains("not begun", session.Single<CallEnded>().Result!.Value.GetString()!, StringComparison.Ordinal);
    }

    [Fact]
    public void A_person_changes_the_plan_before_it_is_done()
    {
        var session = Proposed(Sub("a"), Sub("b"));

        session.Decide(session.Call().CallId, "edit", new { title = "less", subtasks = new[] { Sub("only") } });

        Assert.Equal("only", Assert.Single(session.State.Turn!.Tasks).Order.Title);
        Assert.Equal("less", session.Single<PlanStarted>().Title);
    }

    [Fact]
    public void A_change_that_makes_a_circle_is_refused_and_the_plan_waits()
    {
        var session = Proposed(Sub("a"));

        session.Decide(session.Call().CallId, "edit", new { title = "x", subtasks = new[] { Sub("a", 2), Sub("b", 1) } });

        Assert.Equal("INVALID_ARGUMENTS", session.Last.Refused?.Code);
        Assert.Equal(CallStage.AwaitingApproval, session.Call().Stage);
    }

    [Fact]
    public void A_rejected_plan_is_told_to_the_architect()
    {
        var session = Proposed(Sub("a"));

        session.Decide(session.Call().CallId, "reject", feedback: "too much");

        Assert.Equal(("rejected", "too much"), (session.Single<CallEnded>().Status, session.Single<CallEnded>().Error));
        Assert.NotNull(session.Last.CallModel);
    }

    [Theory]
    [InlineData(3, "not there")]
    [InlineData(1, "waits for itself")]
    public void A_plan_that_can_not_be_done_is_refused(int dependency, string complaint)
    {
        var session = Proposed(Sub("a", dependency));

        Assert.Contains(complaint, session.Single<CallEnded>().Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cancelled_turn_ends_its_plan()
    {
        var session = Proposed(Sub("a"), Sub("b"));
        session.Decide(session.Call().CallId, "approve");

        session.Say(new SessionInput.Cancel());

        Assert.Equal("cancelled", session.Single<PlanEnded>().Status);
        Assert.Null(session.State.Turn);
    }

    [Fact]
    public void A_client_can_not_answer_for_the_server()
    {
        var session = Proposed(Sub("a"));
        var call = session.Call().CallId;

        session.Result(call);
        Assert.Equal("INVALID_CALL_ID", session.Last.Refused?.Code);
        session.Decide(call, "approve");
        session.Result(call);
        Assert.Equal("INVALID_CALL_ID", session.Last.Refused?.Code);
    }

    [Fact]
    public void Without_a_client_that_shows_plans_none_can_be_made()
    {
        var session = new EnginePlayer(agent: "architect", attach: false);
        session.Do(new EngineInput.Executor(EnginePlayer.Profile() with { Plans = null }));
        session.Message("Plan it");
        session.Answer("", ("create_plan", new { title = "p", subtasks = new[] { Sub("a") } }));

        Assert.Equal(CallStatus.Denied, session.Single<CallEnded>().Status);
    }

    private static EnginePlayer Proposed(params object[] subtasks)
    {
        var session = new EnginePlayer(agent: "architect");
        session.Message("Plan it");
        session.Answer("", ("create_plan", new { title = "p", subtasks }));
        return session;
    }

    private static object Sub(string title, params int[] dependencies) =>
        new
        {
            title,
            description = "do " + title,
            agent = "coder",
            dependencies,
        };

    private static void End(EnginePlayer session, TaskState task, string status, string text) =>
        session.Do(new EngineInput.TaskEnded(task.Order.ChildId, status, text, 1, null));

    private static (string, int) Ended(EnginePlayer session) => (session.Single<PlanEnded>().Status, session.Single<PlanEnded>().Completed);
}
