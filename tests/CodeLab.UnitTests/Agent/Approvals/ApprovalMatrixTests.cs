using System.Text.Json;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Tools;
using Xunit;

namespace CodeLab.UnitTests.Agent.Approvals;

/// <summary>Every tool × agent × level × role. The table is written out, not derived: it is the contract.</summary>
public sealed class ApprovalMatrixTests
{
    // Who has the tool: o(rchestrator) c(oder) a(rchitect) d(ebug) (as)k. Then the outcome at paranoid, cautious, balanced, autonomous.
    private static readonly (string Tool, string Arguments, string Agents, string Levels)[] _table =
    [
        ("read_file", """{"path":"notes.md"}""", "ocadk", "? + + +"),
        ("list_files", """{"path":"."}""", "ocadk", "? + + +"),
        ("search_in_code", """{"query":"x"}""", "ocadk", "? + + +"),
        ("apply_diff", """{"path":"notes.md","diff":"x"}""", "ca", "? ? ? +"),
        ("write_file", """{"path":"notes.md","content":"x"}""", "ca", "? ? ? +"),
        ("create_directory", """{"path":"docs"}""", "c", "? ? ? +"),
        ("move_file", """{"from":"a.md","to":"b.md"}""", "c", "? ? ? +"),
        ("delete_file", """{"path":"a.md"}""", "c", "? ? ? ?"),
        ("execute_command", """{"command":"some-program --now"}""", "cd", "? ? ? ?"),
        ("git_status", "{}", "cadk", "? + + +"),
        ("git_diff", "{}", "cadk", "? + + +"),
        ("git_log", "{}", "cadk", "? + + +"),
        ("git_commit", """{"message":"m"}""", "c", "? ? ? +"),
        ("switch_mode", """{"mode":"coder"}""", "cadk", "+ + + +"),
        ("delegate_task", """{"agent":"ask","title":"t","task":"t"}""", "cad", "+ + + +"),
        // The policy lets it through; the engine always asks a person before it is carried out.
        ("create_plan", """{"title":"t","subtasks":[{"title":"t","description":"d","agent":"coder"}]}""", "a", "+ + + +"),
        ("ask_followup_question", """{"question":"q"}""", "cadk", "+ + + +"),
        ("attempt_completion", """{"result":"r"}""", "cadk", "+ + + +"),
    ];

    private static readonly (char Letter, string Type)[] _agents =
    [
        ('o', "orchestrator"),
        ('c', "coder"),
        ('a', "architect"),
        ('d', "debug"),
        ('k', "ask"),
    ];

    private static readonly string[] _levels = ["paranoid", "cautious", "balanced", "autonomous"];

    // A viewer, and a user whose roles were taken away, may look; what changes something is denied to them.
    private static readonly (string Role, bool Works)[] _roles =
    [
        ("admin", true),
        ("lead", true),
        ("developer", true),
        ("viewer", false),
        ("", false),
    ];

    private static readonly string[] _looks =
        "read_file list_files search_in_code git_status git_diff git_log switch_mode delegate_task create_plan ask_followup_question attempt_completion".Split(
            ' '
        );

    public static TheoryData<string, string, string, string, string, char> Cells()
    {
        var cells = new TheoryData<string, string, string, string, string, char>();
        foreach (var (tool, arguments, holders, outcomes) in _table)
        foreach (var (letter, type) in _agents)
        foreach (var (role, works) in _roles)
        foreach (var (level, outcome) in _levels.Zip(outcomes.Split(' ')))
            cells.Add(tool, arguments, type, role, level, holders.Contains(letter) && (works || _looks.Contains(tool)) ? outcome[0] : '-');
        return cells;
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Each_call_is_judged_as_the_table_says(string tool, string arguments, string agent, string role, string level, char expected)
    {
        var verdict = ApprovalPolicy.Judge(Judge.Judgement(tool, arguments, agent, level) with { Roles = role.Length == 0 ? [] : [role] });

        var outcome = verdict switch
        {
            Verdict.Allow => '+',
            Verdict.Ask => '?',
            _ => '-',
        };
        Assert.Equal(expected, outcome);
        if (verdict is Verdict.Deny denied)
        {
            Assert.Contains(denied.Code, new[] { "TOOL_NOT_ALLOWED", "ROLE_NOT_ALLOWED" });
            Assert.Contains(tool, denied.Message);
        }
    }

    [Fact]
    public void The_table_covers_every_tool() =>
        Assert.Equal(ToolCatalog.All.Select(t => t.Name).Order(), _table.Select(r => r.Tool).Order());

    [Theory]
    [InlineData("strict", false)]
    [InlineData("medium", true)]
    [InlineData("MEDIUM", true)]
    [InlineData("", true)]
    [InlineData("anything", true)]
    public void Other_names_of_levels_count_and_unknown_ones_are_cautious(string level, bool reads)
    {
        Assert.Equal(reads, Judge.Call("read_file", """{"path":"a"}""", level: level) is Verdict.Allow);
        Assert.IsType<Verdict.Ask>(Judge.Call("write_file", """{"path":"a","content":"x"}""", level: level));
    }

    [Theory]
    [InlineData("write_file", """{"path":"a","content":"x"}""", "File modification requires approval")]
    [InlineData("apply_diff", """{"path":"a","diff":"x"}""", "File modification requires approval")]
    [InlineData("execute_command", """{"command":"x"}""", "Command execution requires approval")]
    [InlineData("create_directory", """{"path":"a"}""", "File system operation requires approval")]
    [InlineData("move_file", """{"from":"a","to":"b"}""", "File system operation requires approval")]
    public void The_published_reasons_are_given(string tool, string arguments, string reason) =>
        Assert.Equal(new Verdict.Ask(reason), Judge.Call(tool, arguments));
}

/// <summary>Judges a call in one line.</summary>
internal static class Judge
{
    public static Verdict Call(
        string tool,
        string arguments,
        string agent = "coder",
        string level = "cautious",
        params RememberedRule[] remembered
    ) => ApprovalPolicy.Judge(Judgement(tool, arguments, agent, level, remembered));

    public static ToolJudgement Judgement(
        string tool,
        string arguments,
        string agent = "coder",
        string level = "cautious",
        params RememberedRule[] remembered
    ) => new(AgentCatalog.BuiltIn.Find(agent)!, ToolCatalog.Find(tool)!, Arguments(tool, arguments), level, remembered);

    public static JsonElement Arguments(string tool, string arguments) =>
        Assert.IsType<ToolArgumentsResult.Valid>(ToolArguments.Read(ToolCatalog.Find(tool)!, arguments)).Arguments;
}
