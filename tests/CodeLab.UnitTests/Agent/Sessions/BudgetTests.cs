using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Protocol.Frames;
using Xunit;

namespace CodeLab.UnitTests.Agent.Sessions;

public sealed class BudgetTests
{
    [Fact]
    public void A_step_that_would_pass_the_turns_tokens_is_not_taken()
    {
        var session = new EnginePlayer(new() { TurnTokens = 11_000 });
        session.Message("Look");

        Step(session, 0, tokens: 4_000);
        Assert.NotNull(session.Last.CallModel);
        Step(session, 1, tokens: 4_000);

        Assert.Equal("BUDGET_REACHED", session.Single<TurnFailed>().Code);
        Assert.Null(session.Last.CallModel);
        // The next turn has a budget of its own.
        session.Message("continue");
        Assert.NotNull(session.Last.CallModel);
    }

    [Fact]
    public void A_sessions_money_is_not_passed_by_any_turn()
    {
        var session = new EnginePlayer(new() { SessionCost = 0.10m });
        session.Message("Look");

        for (var i = 0; session.State.Turn is not null; i++)
            Step(session, i, tokens: 5_000, cost: 0.02m);
        Assert.Equal("BUDGET_REACHED", session.Single<TurnFailed>().Code);
        Assert.True(session.State.Usage.Cost <= 0.10m, $"{session.State.Usage.Cost}");
        session.Message("continue");

        Assert.Equal("BUDGET_REACHED", session.Single<TurnFailed>().Code);
        Assert.Null(session.Last.CallModel);
    }

    [Fact]
    public void What_each_agent_spent_is_known()
    {
        var session = new EnginePlayer(agent: "architect");
        session.Message("Build it");
        session.Answer("", ("switch_mode", new { mode = "code", reason = "Time to build" }));
        session.Answer("Built.");

        Assert.Equal((10, 10), (session.State.AgentUsage["architect"].InputTokens, session.State.AgentUsage["coder"].InputTokens));
        Assert.Equal(20, session.State.Usage.InputTokens);
        Assert.Equal(EnginePlayer.Snapshot(session.Refold()), EnginePlayer.Snapshot(session.State));
    }

    private static void Step(EnginePlayer session, int number, int tokens, decimal? cost = null)
    {
        session.Do(
            new EngineInput.Answered(
                session.Key,
                "",
                [new("m1", "read_file", $$"""{"path":"{{number}}.txt"}""")],
                "fake",
                "fake",
                "tool_calls",
                new TokenUsage { InputTokens = tokens, Cost = cost },
                null
            )
        );
        session.Result(session.Call().CallId);
    }
}
