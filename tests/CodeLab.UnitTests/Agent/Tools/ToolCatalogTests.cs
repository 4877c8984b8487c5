using System.Text.Json;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Tools;
using Xunit;

namespace CodeLab.UnitTests.Agent.Tools;

public sealed class ToolCatalogTests
{
    private const string _deploy =
        """{"name":"deploy","description":"Deploys.","parameters":{"type":"object","properties":{"target":{"type":"string"}}}}""";

    [Theory]
    [InlineData("write_to_file", "write_file")]
    [InlineData("search_files", "search_in_code")]
    [InlineData("run_command", "execute_command")]
    [InlineData("list_directory", "list_files")]
    [InlineData("git.status", "git_status")]
    [InlineData("git.commit", "git_commit")]
    [InlineData("Read_File", "read_file")]
    [InlineData("functions.read_file", "read_file")]
    public void Other_names_of_a_tool_find_it(string name, string canonical) => Assert.Equal(canonical, ToolCatalog.Find(name)?.Name);

    [Fact]
    public void Every_tool_refuses_members_it_does_not_name()
    {
        foreach (var tool in ToolCatalog.All)
        {
            Assert.False(tool.Schema.GetProperty("additionalProperties").GetBoolean());
            Assert.True(tool.Arguments.IsObject);
            Assert.All(tool.PathArguments, path => Assert.Contains(tool.Arguments.Properties, p => p.Name == path));
            Assert.All(tool.ArgumentAliases, alias => Assert.Contains(tool.Arguments.Properties, p => p.Name == alias.Value));
            Assert.DoesNotContain(tool.ArgumentAliases, alias => tool.Arguments.Properties.Any(p => p.Name == alias.Key));
            Assert.Equal(tool.Kind is ToolKind.Server, tool.TimeoutSeconds == 0);
        }
    }

    [Fact]
    public void A_declaration_is_made_once_and_carries_the_schema()
    {
        var tool = ToolCatalog.Find("apply_diff")!;

        Assert.Same(tool.ToDeclaration(), tool.ToDeclaration());
        Assert.Equal("apply_diff", tool.ToDeclaration().Name);
        Assert.True(JsonElement.DeepEquals(tool.Schema, tool.ToDeclaration().JsonSchema));
        Assert.Contains("<<<<<<< SEARCH", tool.ToDeclaration().Description);
    }

    [Theory]
    [InlineData("\"x\"", "is an object")]
    [InlineData("""{"description":"d"}""", "name of a tool")]
    [InlineData("""{"name":"a b","description":"d"}""", "name of a tool")]
    [InlineData("""{"name":"read_file","description":"d"}""", "is a tool of the server")]
    [InlineData("""{"name":"Run_Command","description":"d"}""", "is a tool of the server")]
    [InlineData("""{"name":"x"}""", "needs a description")]
    [InlineData("""{"name":"x","description":"d","parameters":{"type":"string"}}""", "type object")]
    [InlineData(
        """{"name":"x","description":"d","parameters":{"type":"object","properties":{"a":{"type":"tree"}}}}""",
        "unknown type 'tree'"
    )]
    [InlineData("""{"name":"x","description":"\ud800"}""", "incomplete Unicode")]
    public void A_client_tool_that_can_not_be_used_is_refused(string definition, string complaint)
    {
        var result = ToolDefinition.FromClient(JsonElement.Parse(definition));

        Assert.Equal("INVALID_TOOL", result.Error?.Code);
        Assert.Contains(complaint, result.Error!.Message);
    }

    [Fact]
    public void A_client_tool_with_a_huge_schema_is_refused()
    {
        var definition = $$$"""{"name":"x","description":"d","parameters":{"type":"object","title":"{{{new string('x', 40_000)}}}"}}""";

        Assert.False(ToolDefinition.FromClient(JsonElement.Parse(definition)).IsOk);
    }

    [Fact]
    public void A_client_tool_takes_no_members_it_does_not_name()
    {
        var tool = ToolDefinition.FromClient(JsonElement.Parse(_deploy)).Value!;

        Assert.True(tool.ClientDefined);
        Assert.IsType<ToolArgumentsResult.Valid>(ToolArguments.Read(tool, """{"target":"test"}"""));
        Assert.IsType<ToolArgumentsResult.Invalid>(ToolArguments.Read(tool, """{"target":"test","force":true}"""));
    }

    [Fact]
    public void An_offer_holds_what_agent_and_client_both_have()
    {
        var client = Client("\"read_file\"", "\"run_command\"", "\"write_file\"", _deploy, "\"fly\"");

        var debug = ToolOffer.For(AgentCatalog.BuiltIn.Find("debug")!, client);
        var coder = ToolOffer.For(AgentCatalog.BuiltIn.Find("coder")!, client);

        Assert.Equal(
            ["read_file", "execute_command", "switch_mode", "delegate_task", "ask_followup_question", "attempt_completion"],
            debug.Tools.Select(t => t.Name)
        );
        Assert.Equal("deploy", coder.Tools[^1].Name);
        Assert.Equal(coder.Tools.Select(t => t.Name), coder.Declarations.Select(d => d.Name));
        Assert.Single(client.Problems);
    }

    [Fact]
    public void A_call_outside_the_offer_is_told_what_there_is()
    {
        var offer = ToolOffer.For(AgentCatalog.BuiltIn.Find("ask")!, Client("\"read_file\"", "\"write_file\""));

        Assert.NotNull(offer.Find("READ_FILE"));
        Assert.Null(offer.Find("write_file"));
        Assert.Equal("TOOL_NOT_ALLOWED", offer.Refuse("write_to_file").Code);
        Assert.Equal("TOOL_NOT_FOUND", offer.Refuse("search_in_code").Code);
        Assert.Equal("TOOL_NOT_FOUND", offer.Refuse("teleport").Code);
        Assert.Contains("read_file", offer.Refuse("teleport").Message);
    }

    [Fact]
    public void The_order_of_a_clients_own_tools_does_not_matter()
    {
        var other = _deploy.Replace("deploy", "backup");
        var coder = AgentCatalog.BuiltIn.Find("coder")!;

        var one = ToolOffer.For(coder, Client(_deploy, other));
        var two = ToolOffer.For(coder, Client(other, _deploy));

        Assert.Equal(one.Tools.Select(t => t.Name), two.Tools.Select(t => t.Name));
    }

    private static ClientTools Client(params string[] tools) => ClientTools.Read([.. tools.Select(t => JsonElement.Parse(t))]);
}
