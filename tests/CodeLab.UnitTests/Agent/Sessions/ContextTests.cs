using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Prompts;
using CodeLab.Modules.Agent.Routing;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Sessions.Runtime;
using CodeLab.Protocol.Hub;
using Microsoft.Extensions.AI;
using Xunit;

namespace CodeLab.UnitTests.Agent.Sessions;

/// <summary>How a long conversation is kept within the model's budget, and what survives that.</summary>
public sealed class ContextTests(ITestOutputHelper output)
{
    private const string _rule = "Never touch generated files.";

    [Fact]
    public void Older_outputs_are_shortened_before_anything_is_summarised()
    {
        var session = Start(tokens: 14_000);

        Read(session, steps: 12, characters: 6_000);

        var first = session.Log.Select(e => e.Event).First(e => e is ContextShrunk or ContextSummarised);
        var shrunk = Assert.IsType<ContextShrunk>(first);
        Assert.True(shrunk.AfterTokens < shrunk.BeforeTokens);
    }

    [Fact]
    public void A_conversation_of_words_alone_is_summarised_and_peoples_words_stay()
    {
        var session = Start(tokens: 12_000);
        for (var i = 0; i < 60; i++)
        {
            session.Message($"Question {i}: what about part {i}?");
            Summarise(session, $"Notes up to question {i}.");
            session.Answer(Words(1_500));
        }

        Assert.NotNull(session.State.Summary);
        var earlier = ConversationText.Earlier(session.State);
        Assert.Contains("Question 0: what about part 0?", earlier);
        Assert.Contains(session.State.Summary, earlier);
        Assert.Equal(EnginePlayer.Snapshot(session.Refold()), EnginePlayer.Snapshot(session.State));
    }

    [Fact]
    public void A_summary_that_fails_costs_memory_and_not_the_turn()
    {
        var session = Start(tokens: 12_000);
        var failed = false;
        for (var i = 0; i < 60 && !failed; i++)
        {
            session.Message($"Question {i}");
            if (session.State.Turn is { Purpose: ModelPurpose.Summarise })
            {
                session.Do(new EngineInput.Summed(session.Key, null, null, null));
                failed = true;
            }
            session.Answer(Words(1_500));
        }

        Assert.Equal(SummaryPrompt.Missing, session.State.Summary);
        Assert.Equal("Question 1", session.State.Transcript.OfType<UserEntry>().ElementAt(1).Content);
        Assert.IsType<TurnCompleted>(session.Last.Events[^1]);
    }

    [Fact]
    public void A_crash_while_a_summary_is_written_asks_for_it_again()
    {
        var session = Start(tokens: 12_000);
        for (var i = 0; session.State.Turn is not { Purpose: ModelPurpose.Summarise }; i++)
        {
            if (session.State.Turn is not null)
                session.Answer(Words(1_500));
            session.Message($"Question {i}");
        }
        var to = session.State.Turn!.SummariseTo;

        session.Crash();

        Assert.Equal(
            (ModelPurpose.Summarise, 2, to),
            (session.State.Turn!.Purpose, session.State.Turn.Attempt, session.State.Turn.SummariseTo)
        );
    }

    [Fact]
    public void A_models_own_budget_counts_before_the_general_one()
    {
        var budget = new ContextBudget(
            text => text.Length / 4,
            new()
            {
                Tokens = 50_000,
                ModelTokens = new Dictionary<string, int> { ["small"] = 4_000 },
            }
        );
        var coder = AgentCatalog.BuiltIn.Find("coder")!;

        Assert.Equal(50_000, budget.BudgetOf(new(), coder));
        Assert.Equal(4_000, budget.BudgetOf(new() { Model = "small" }, coder));
        Assert.Equal(25_600, budget.BudgetOf(new() { ContextWindow = 32_000 }, coder));
    }

    [Fact]
    public void Three_hundred_steps_fit_keep_the_rules_and_change_their_beginning_only_when_compacted()
    {
        const int Budget = 16_000;
        var session = Start(Budget, count: TokenCounter.Count);
        var requests = new ModelRequests(session.Engine, new AgentRouter(AgentCatalog.BuiltIn));
        List<string>? before = null;
        var (steps, compactions, changes, over) = (0, 0, 0, 0);
        long cached = 0,
            sent = 0;
        while (steps < 300)
        {
            if (session.State.Turn is null)
                session.Message($"Go on with part {steps}; the name of the release is R{steps}.");
            if (session.State.Turn!.Purpose == ModelPurpose.Summarise)
            {
                session.Do(new EngineInput.Summed(session.Key, $"Notes after {steps} steps: all is well.", "fake", null));
                continue;
            }
            var request = requests.Build(session.State, session.Key).Messages.Select(Text).ToList();
            Assert.Contains(_rule, request[0]);
            var tokens = request.Sum(TokenCounter.Count);
            over += tokens > Budget ? 1 : 0;
            var compacted = session.Last.Events.Any(e => e is ContextShrunk or ContextSummarised);
            compactions += compacted ? 1 : 0;
            if (before is not null)
            {
                var same = request.Zip(before).TakeWhile(p => p.First == p.Second).Count();
                if (same < before.Count)
                {
                    changes++;
                    Assert.True(compacted, $"step {steps}: the beginning of the request changed without a compaction");
                }
                if (steps is >= 100 and < 120)
                {
                    cached += request.Take(same).Sum(TokenCounter.Count);
                    sent += tokens;
                }
            }
            before = request;
            steps++;
            session.Answer($"I look at file {steps}.", ("read_file", new { path = $"src/file{steps}.cs" }));
            if (session.State.Turn is { Phase: TurnPhase.RunningTools })
                session.Result(session.Call().CallId, Words(1_200, steps));
        }

        output.WriteLine(
            $"{steps} steps, {compactions} compactions, {changes} changed beginnings, {over} requests over the budget; of 20 steps' tokens {100.0 * cached / sent:F1} % were a repeated beginning"
        );
        Assert.Equal(0, over);
        Assert.InRange(compactions, 1, 60);
        Assert.True(cached > sent * 0.7, $"{cached} of {sent}");
    }

    [Theory]
    [InlineData("hello world", 2)]
    [InlineData("", 0)]
    [InlineData("Привет, мир", 3)]
    public void Tokens_are_those_of_the_vocabulary(string text, int tokens) => Assert.InRange(TokenCounter.Count(text), tokens, tokens + 2);

    private static string Text(ChatMessage message) =>
        message.Role.Value
        + ":"
        + string.Join(
            '|',
            message.Contents.Select(c =>
                c switch
                {
                    TextContent text => text.Text,
                    FunctionCallContent call => call.Name + System.Text.Json.JsonSerializer.Serialize(call.Arguments),
                    FunctionResultContent result => result.Result?.ToString(),
                    _ => c.ToString(),
                }
            )
        );

    private static EnginePlayer Start(int tokens, Func<string, int>? count = null)
    {
        var session = new EnginePlayer(attach: false, context: new(count ?? (text => text.Length / 4), new() { Tokens = tokens }));
        session.Do(
            new EngineInput.Executor(EnginePlayer.Profile() with { Rules = [new WorkspaceRule { Path = "AGENTS.md", Content = _rule }] })
        );
        return session;
    }

    private static void Read(EnginePlayer session, int steps, int characters)
    {
        session.Message("Read");
        for (var i = 0; i < steps; i++)
        {
            Summarise(session, "Notes.");
            session.Answer("", ("read_file", new { path = $"{i}.txt" }));
            session.Result(session.Call().CallId, new string('x', characters));
        }
    }

    private static void Summarise(EnginePlayer session, string notes)
    {
        if (session.State.Turn is { Purpose: ModelPurpose.Summarise })
            session.Do(new EngineInput.Summed(session.Key, notes, "fake", null));
    }

    private static string Words(int characters, int salt = 0) =>
        string.Join(' ', Enumerable.Range(salt, characters / 8).Select(i => "word" + i % 997));
}
