using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Prompts;
using CodeLab.Modules.Agent.Routing;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Sessions.Rerun;
using CodeLab.Modules.Agent.Sessions.Transfer;
using CodeLab.Protocol.Rest;
using Xunit;

namespace CodeLab.UnitTests.Agent.Rerun;

/// <summary>
/// Sessions that a host of an earlier day lived through with the fake model, exported. Every version must decide in them as that one did:
/// whoever changes a rule, a limit or the engine on purpose records them anew (CODELAB_TESTS_RECORD=1, see the RecordingTests of the
/// integration tests) and shows in review what became different.
/// </summary>
public sealed class RecordedSessionTests
{
    private static readonly string _folder = Path.Combine(AppContext.BaseDirectory, "Agent", "Rerun", "Recordings");

    public static TheoryData<string> Recordings =>
        [.. Directory.GetFiles(_folder, "*.jsonl").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    [Fact]
    public void There_are_recordings() => Assert.True(Recordings.Count >= 5);

    [Theory, MemberData(nameof(Recordings))]
    public void A_recorded_session_is_decided_as_it_was(string name)
    {
        var log = Read(name);

        var outcome = Run(log);

        Assert.True(outcome.Difference is null, $"{name}: {outcome.Difference}");
        Assert.Equal(log.Count, outcome.Compared);
    }

    [Theory, MemberData(nameof(Recordings))]
    public void A_recorded_session_may_be_imported(string name)
    {
        var state = new SessionState { Id = "x" };
        foreach (var (happened, at) in Read(name))
        {
            Assert.Null(LogCheck.Problem(state, happened!));
            state.Apply(happened, at);
        }
    }

    [Fact]
    public void A_stricter_level_is_noticed_at_the_first_call_it_asks_about()
    {
        var outcome = Run(Read("reading"), new(null, "paranoid", "paranoid", [], []));

        Assert.Equal(("tool.allowed", "approval.requested"), (outcome.Difference?.Kind, outcome.Difference?.ActualKind));
        Assert.Equal("read_file", outcome.Difference!.Expected!.Value.GetProperty("tool_name").GetString());
    }

    [Fact]
    public void A_rule_that_forbids_is_noticed()
    {
        var rule = new PolicyRule(
            new()
            {
                Id = "no-writes",
                Rule = new()
                {
                    Level = "organisation",
                    Effect = "deny",
                    When = new() { Tools = ["write_file"] },
                },
                Author = "",
                CreatedAt = default,
                UpdatedAt = default,
            }
        );

        var outcome = Run(Read("approvals"), PolicyContext.Of("cautious") with { Rules = [rule] });

        Assert.Equal(("approval.requested", "tool.result"), (outcome.Difference?.Kind, outcome.Difference?.ActualKind));
        Assert.Equal("POLICY_DENIED", outcome.Difference!.Actual!.Value.GetProperty("error_code").GetString());
    }

    [Fact]
    public void A_changed_limit_of_the_engine_is_noticed()
    {
        var outcome = Run(Read("reading"), limits: new() { TurnSteps = 1 });

        Assert.Equal(("model.requested", "turn.failed"), (outcome.Difference?.Kind, outcome.Difference?.ActualKind));
    }

    [Fact]
    public void Another_prompt_is_told_and_with_strictness_a_difference()
    {
        var log = Read("reading");
        for (var i = 0; i < log.Count; i++)
        {
            if (log[i].Happened is ModelRequested { Prompt: not null } asked)
                log[i] = log[i] with { Happened = asked with { Prompt = "0000000000000000" } };
        }

        var (told, strict) = (Run(log), Run(log, strictPrompt: true));

        Assert.Null(told.Difference);
        Assert.Equal("model.requested", strict.Difference?.Kind);
        Assert.Equal(told.PromptChangedAt, strict.Difference?.Seq);
    }

    [Fact]
    public void An_event_that_nothing_brings_about_is_a_difference()
    {
        var log = Read("reading");
        var at = log.FindIndex(e => e.Happened is CallAllowed);
        log.Insert(at, log[at]);

        Assert.Equal(at + 2, Run(log).Difference?.Seq);
    }

    internal static RerunOutcome Run(
        IReadOnlyList<RecordedEvent> log,
        PolicyContext? policy = null,
        EngineLimits? limits = null,
        bool strictPrompt = false
    )
    {
        var engine = new TurnEngine(
            AgentCatalog.BuiltIn,
            new AgentRouter(AgentCatalog.BuiltIn),
            limits ?? new(),
            new ContextBudget(TokenCounter.Count, new())
        );
        return new SessionRerun(engine, policy ?? PolicyContext.Of("cautious"), strictPrompt).Run("recorded", log);
    }

    private static List<RecordedEvent> Read(string name)
    {
        var log = new List<RecordedEvent>();
        var number = 1L;
        foreach (var line in File.ReadLines(Path.Combine(_folder, name + ".jsonl")).Skip(1))
        {
            var row = ExportFormat.ReadLine(System.Text.Encoding.UTF8.GetBytes(line), ++number);
            log.Add(new(EventCodec.DecodeStrictly(row.Type, row.Payload.Span), row.CreatedAt));
        }
        return log;
    }
}
