using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Tools;
using Xunit;

namespace CodeLab.UnitTests.Agent.Agents;

public sealed class AgentCatalogTests
{
    [Theory]
    [InlineData("orchestrator", 50)]
    [InlineData("coder", 30)]
    [InlineData("architect", 30)]
    [InlineData("debug", 30)]
    [InlineData("ask", 20)]
    public void Every_published_agent_is_there_with_its_step_limit(string type, int steps)
    {
        var agent = AgentCatalog.BuiltIn.Find(type);

        Assert.NotNull(agent);
        Assert.Equal(steps, agent.MaxSteps);
        Assert.NotEmpty(agent.Prompt);
        Assert.NotEmpty(agent.Emoji);
    }

    [Theory]
    [InlineData("code", "coder")]
    [InlineData(" CODE ", "coder")]
    [InlineData("Architect", "architect")]
    public void Names_are_found_in_any_case_and_by_alias(string name, string type) =>
        Assert.Equal(type, AgentCatalog.BuiltIn.Find(name)?.Type);

    [Fact]
    public void An_unknown_agent_is_not_found() => Assert.Null(AgentCatalog.BuiltIn.Find("universal"));

    [Theory]
    [InlineData("orchestrator")]
    [InlineData("ask")]
    [InlineData("debug")]
    public void Reading_agents_have_no_tool_that_writes(string type)
    {
        var agent = AgentCatalog.BuiltIn.Find(type)!;

        Assert.DoesNotContain(agent.Tools, name => ToolCatalog.Find(name)!.Kind is ToolKind.Write);
        Assert.False(agent.ClientTools);
    }

    [Fact]
    public void The_four_specialists_can_hand_over_and_finish()
    {
        foreach (var agent in AgentCatalog.BuiltIn.All.Where(a => a.Type != "orchestrator"))
        {
            Assert.Contains("switch_mode", agent.Tools);
            Assert.Contains("attempt_completion", agent.Tools);
        }
    }

    [Fact]
    public void The_architect_says_that_it_writes_markdown_only()
    {
        var list = AgentCatalog.BuiltIn.ToProtocol();

        var architect = Assert.Single(list.Agents, a => a.Type == "architect");
        Assert.Equal(5, list.Total);
        Assert.True(architect.HasFileRestrictions);
        Assert.Equal(["**/*.md"], architect.FileRestrictions);
        Assert.False(Assert.Single(list.Agents, a => a.Type == "coder").HasFileRestrictions);
    }

    [Theory]
    [InlineData("no front matter", "begins with front matter")]
    [InlineData("---\ntype: x\n---\n", "instructions")]
    [InlineData("---\ntype: x\nname: X\nemoji: x\ndescription: x\ntools: [fly]\nmax_steps: 5\n---\nGo.", "'fly'")]
    [InlineData("---\ntype: x\nname: X\nemoji: x\ndescription: x\ntools: [read_file]\nmax_steps: 0\n---\nGo.", "'max_steps'")]
    [InlineData("---\ntype: x\nname: X\nemoji: x\ndescription: x\ntools: [read_file]\n---\nGo.", "'max_steps' is missing")]
    [InlineData("---\ntype: x\nwrite_pattern: ['*.md']\n---\nGo.", "unknown field 'write_pattern'")]
    [InlineData("---\ntype: [\n---\nGo.", "not valid YAML")]
    public void A_broken_agent_file_is_refused_by_name(string text, string complaint)
    {
        var thrown = Assert.Throws<FormatException>(() => AgentFile.Parse("mine.md", text));

        Assert.Contains("mine.md", thrown.Message);
        Assert.Contains(complaint, thrown.Message);
    }

    [Fact]
    public void Two_agents_of_one_type_are_refused()
    {
        var coder = AgentCatalog.BuiltIn.Find("coder")!;

        Assert.Throws<FormatException>(() => new AgentCatalog([.. AgentCatalog.BuiltIn.All, coder with { Type = "CODER" }]));
    }
}
