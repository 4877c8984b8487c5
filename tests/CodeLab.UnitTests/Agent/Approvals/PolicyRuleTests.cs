using CodeLab.Modules.Agent.Approvals;
using CodeLab.Protocol.Rest;
using Xunit;

namespace CodeLab.UnitTests.Agent.Approvals;

/// <summary>Rules of the organisation, of projects and of sessions.</summary>
public sealed class PolicyRuleTests
{
    private static readonly DateTimeOffset _tuesdayNoon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static int s_ids;

    [Fact]
    public void The_first_rule_of_a_level_that_matches_counts()
    {
        var allow = Rule("allow", when: new() { Tools = ["write_file"], Paths = ["docs/**"] }, position: 1);
        var deny = Rule("deny", when: new() { Tools = ["write_file"] }, position: 2);

        Assert.Equal($"rule:{allow.Id}", Assert.IsType<Verdict.Allow>(Write("docs/a.md", allow, deny)).By);
        Assert.Equal(deny.Id, Assert.IsType<Verdict.Deny>(Write("src/a.cs", allow, deny)).RuleId);
        Assert.IsType<Verdict.Deny>(Write("docs/a.md", deny, allow));
    }

    [Theory]
    [InlineData("allow", "deny", "deny")]
    [InlineData("deny", "allow", "deny")]
    [InlineData("ask", "allow", "ask")]
    [InlineData("allow", "ask", "ask")]
    [InlineData("second_person", "allow", "second_person")]
    [InlineData("second_person", "ask", "second_person")]
    [InlineData("ask", "second_person", "second_person")]
    [InlineData("allow", "allow", "allow")]
    public void No_level_loosens_the_one_above(string organisation, string session, string expected)
    {
        var verdict = Write("a.md", Rule(organisation), Rule(session, level: "session", target: "s1"));

        Assert.Equal(expected, Outcome(verdict));
    }

    [Fact]
    public void What_people_remembered_does_not_loosen_a_rule()
    {
        var call = Judge.Judgement(
            "write_file",
            """{"path":"a.md","content":"x"}""",
            remembered: new RememberedRule("write_file", null, "ada")
        );

        Assert.IsType<Verdict.Allow>(ApprovalPolicy.Judge(call));
        Assert.IsType<Verdict.Ask>(ApprovalPolicy.Judge(call with { Rules = [Rule("ask")] }));
    }

    [Theory]
    [InlineData(".git/hooks/pre-commit")]
    [InlineData(".env")]
    [InlineData("package.json")]
    public void No_rule_lets_guarded_files_through(string path) => Assert.IsType<Verdict.Ask>(Write(path, Rule("allow")));

    [Fact]
    public void A_rule_never_gives_an_agent_or_a_role_what_it_may_not_have()
    {
        var call = Judge.Judgement("write_file", """{"path":"a.cs","content":"x"}""", agent: "ask") with { Rules = [Rule("allow")] };
        Assert.Equal("TOOL_NOT_ALLOWED", Assert.IsType<Verdict.Deny>(ApprovalPolicy.Judge(call)).Code);

        call = Judge.Judgement("write_file", """{"path":"a.cs","content":"x"}""") with { Rules = [Rule("allow")], Roles = ["viewer"] };
        Assert.Equal("ROLE_NOT_ALLOWED", Assert.IsType<Verdict.Deny>(ApprovalPolicy.Judge(call)).Code);
    }

    public static TheoryData<string, RuleConditions, bool> Conditions =>
        new()
        {
            { "nothing given", new(), true },
            {
                "tool",
                new() { Tools = ["write_file"] },
                true
            },
            {
                "tool by its alias",
                new() { Tools = ["write_to_file"] },
                true
            },
            {
                "tool with a wildcard",
                new() { Tools = ["write_*"] },
                true
            },
            {
                "kind",
                new() { Tools = ["kind:write"] },
                true
            },
            {
                "another kind",
                new() { Tools = ["kind:read"] },
                false
            },
            {
                "another tool",
                new() { Tools = ["read_file"] },
                false
            },
            {
                "path",
                new() { Paths = ["src/**"] },
                true
            },
            {
                "path in other case",
                new() { Paths = ["SRC/**"] },
                true
            },
            {
                "another path",
                new() { Paths = ["docs/**"] },
                false
            },
            {
                "agent",
                new() { Agents = ["coder", "debug"] },
                true
            },
            {
                "another agent",
                new() { Agents = ["ask"] },
                false
            },
            {
                "role",
                new() { Roles = ["developer"] },
                true
            },
            {
                "another role",
                new() { Roles = ["lead"] },
                false
            },
            {
                "small enough",
                new() { MaxSize = 1000 },
                true
            },
            {
                "too large",
                new() { MaxSize = 10 },
                false
            },
            {
                "large enough",
                new() { MinSize = 10 },
                true
            },
            {
                "too small",
                new() { MinSize = 1000 },
                false
            },
            {
                "day",
                new() { Days = ["tue"] },
                true
            },
            {
                "another day",
                new() { Days = ["sat", "sun"] },
                false
            },
            {
                "time",
                new() { From = "09:00", To = "17:00" },
                true
            },
            {
                "another time",
                new() { From = "17:00", To = "19:00" },
                false
            },
            {
                "over midnight",
                new() { From = "18:00", To = "13:00" },
                true
            },
            {
                "outside over midnight",
                new() { From = "18:00", To = "06:00" },
                false
            },
            {
                "from",
                new() { From = "12:00" },
                true
            },
            {
                "to",
                new() { To = "12:00" },
                false
            },
            {
                "a command has no say over files",
                new() { Commands = ["rm **"] },
                false
            },
            {
                "all of them",
                new()
                {
                    Tools = ["write_file"],
                    Paths = ["src/**"],
                    Agents = ["coder"],
                    Days = ["tue"],
                },
                true
            },
            {
                "all but one",
                new()
                {
                    Tools = ["write_file"],
                    Paths = ["src/**"],
                    Agents = ["ask"],
                    Days = ["tue"],
                },
                false
            },
        };

    [Theory, MemberData(nameof(Conditions))]
    public void A_rule_holds_when_each_condition_does(string name, RuleConditions when, bool matches)
    {
        var call = Judge.Judgement("write_file", """{"path":"src/a.cs","content":"0123456789"}""") with
        {
            Roles = ["developer"],
            Now = _tuesdayNoon,
        };

        Assert.Equal((name, matches), (name, Rule("deny", when: when).Matches(call)));
    }

    [Fact]
    public void Rules_end_rest_and_have_targets()
    {
        var call = Judge.Judgement("read_file", """{"path":"a"}""") with { Project = "shop", SessionId = "s1", Now = _tuesdayNoon };

        Assert.False(Rule("deny", enabled: false).Matches(call));
        Assert.False(Rule("deny", expires: _tuesdayNoon).Matches(call));
        Assert.True(Rule("deny", expires: _tuesdayNoon.AddSeconds(1)).Matches(call));
        Assert.True(Rule("deny", level: "project", target: "sh*").Matches(call));
        Assert.False(Rule("deny", level: "project", target: "other").Matches(call));
        Assert.True(Rule("deny", level: "session", target: "s1").Matches(call));
        Assert.False(Rule("deny", level: "session", target: "s2").Matches(call));
    }

    [Fact]
    public void Moving_needs_both_ends_to_be_allowed_and_one_to_be_forbidden()
    {
        var move = Judge.Judgement("move_file", """{"from":"docs/a.md","to":"src/a.md"}""");

        Assert.False(Rule("allow", when: new() { Paths = ["docs/**"] }).Matches(move));
        Assert.True(Rule("deny", when: new() { Paths = ["docs/**"] }).Matches(move));
    }

    public static TheoryData<string, PolicyRuleBody> BrokenRules =>
        new()
        {
            {
                "level",
                new() { Effect = "allow" }
            },
            {
                "effect",
                new() { Level = "organisation", Effect = "maybe" }
            },
            {
                "target missing",
                new() { Level = "project", Effect = "allow" }
            },
            {
                "target too much",
                new()
                {
                    Level = "organisation",
                    Target = "x",
                    Effect = "allow",
                }
            },
            {
                "approver missing",
                new() { Level = "organisation", Effect = "second_person" }
            },
            {
                "approver unknown",
                new()
                {
                    Level = "organisation",
                    Effect = "second_person",
                    ApproverRole = "developer",
                }
            },
            {
                "approver too much",
                new()
                {
                    Level = "organisation",
                    Effect = "allow",
                    ApproverRole = "lead",
                }
            },
            { "empty entry", With(new() { Tools = [" "] }) },
            { "command of any program", With(new() { Commands = ["* x"] }) },
            { "open in the middle", With(new() { Commands = ["git ** x"] }) },
            { "option without dash", With(new() { Commands = ["git log"], Options = ["oneline"] }) },
            { "options alone", With(new() { Options = ["-v"] }) },
            { "day", With(new() { Days = ["tomorrow"] }) },
            { "time", With(new() { From = "9" }) },
            { "sizes", With(new() { MinSize = 2, MaxSize = 1 }) },
        };

    [Theory, MemberData(nameof(BrokenRules))]
    public void A_rule_that_would_mean_something_else_is_refused(string what, PolicyRuleBody rule) =>
        Assert.Equal((what, "INVALID_RULE"), (what, RuleCheck.Problem(rule)?.Code));

    private static PolicyRuleBody With(RuleConditions when) =>
        new()
        {
            Level = "organisation",
            Effect = "allow",
            When = when,
        };

    private static Verdict Write(string path, params PolicyRule[] rules) =>
        ApprovalPolicy.Judge(
            Judge.Judgement("write_file", $$"""{"path":"{{path}}","content":"x"}""") with
            {
                Rules = rules,
                SessionId = "s1",
            }
        );

    private static string Outcome(Verdict verdict) =>
        verdict switch
        {
            Verdict.Allow => "allow",
            Verdict.Ask { ApproverRole: not null } => "second_person",
            Verdict.Ask => "ask",
            _ => "deny",
        };

    internal static PolicyRule Rule(
        string effect,
        string level = "organisation",
        string? target = null,
        RuleConditions? when = null,
        int position = 100,
        bool enabled = true,
        DateTimeOffset? expires = null
    )
    {
        var body = new PolicyRuleBody
        {
            Level = level,
            Target = target,
            Effect = effect,
            ApproverRole = effect == "second_person" ? "lead" : null,
            When = when,
            Position = position,
            Enabled = enabled,
            ExpiresAt = expires,
        };
        Assert.Null(RuleCheck.Problem(body));
        return new(
            new()
            {
                Id = $"pol_{Interlocked.Increment(ref s_ids)}",
                Rule = body,
                Author = "root",
            }
        );
    }
}
