using System.Text.Json;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Tools;
using Xunit;

namespace CodeLab.UnitTests.Agent.Approvals;

public sealed class ApprovalRuleTests
{
    [Theory]
    [InlineData("read_file", """{"path":"../x"}""")]
    [InlineData("write_file", """{"path":"/etc/passwd","content":"x"}""")]
    [InlineData("apply_diff", """{"path":"C:\\x","diff":"x"}""")]
    [InlineData("move_file", """{"from":"a","to":"../b"}""")]
    [InlineData("move_file", """{"from":"../a","to":"b"}""")]
    [InlineData("git_commit", """{"message":"m","files":["a","../b"]}""")]
    [InlineData("execute_command", """{"command":"ls","cwd":"/"}""")]
    [InlineData("list_files", """{"path":"a/.."}""")]
    [InlineData("git_log", """{"path":"a\u202eb"}""")]
    [InlineData("delete_file", """{"path":"."}""")]
    [InlineData("move_file", """{"from":"./","to":"b"}""")]
    public void A_path_that_breaks_the_rules_is_denied_at_every_level(string tool, string arguments)
    {
        foreach (var level in new[] { "paranoid", "cautious", "balanced", "autonomous" })
        {
            var denied = Assert.IsType<Verdict.Deny>(Judge.Call(tool, arguments, level: level));
            Assert.Equal("INVALID_PATH", denied.Code);
            Assert.DoesNotContain('\u202e', denied.Message);
        }
    }

    [Theory]
    [InlineData("docs/plan.md", true)]
    [InlineData("plan.md", true)]
    [InlineData("a/b/c/plan.md", true)]
    [InlineData("docs\\plan.md", true)]
    [InlineData("./plan.md", true)]
    [InlineData("plan.txt", false)]
    [InlineData("plan.md.sh", false)]
    [InlineData("plan.md/run.sh", false)]
    [InlineData("md", false)]
    [InlineData("plan.MD", false)]
    [InlineData("plan.\uff4d\uff44", false)]
    public void The_architect_writes_markdown_by_the_final_path(string path, bool allowed)
    {
        foreach (var tool in new[] { "write_file", "apply_diff" })
        {
            var body = tool == "write_file" ? "content" : "diff";
            var verdict = Judge.Call(tool, $$"""{"path":{{JsonSerializer.Serialize(path)}},"{{body}}":"x"}""", "architect");

            if (allowed)
                Assert.IsType<Verdict.Ask>(verdict);
            else
                Assert.Equal("WRITE_NOT_ALLOWED", Assert.IsType<Verdict.Deny>(verdict).Code);
        }
    }

    [Fact]
    public void Write_patterns_hold_for_both_ends_of_a_move()
    {
        var mover = AgentCatalog.BuiltIn.Find("architect")! with { Tools = ["move_file"] };
        Verdict Move(string from, string to) =>
            ApprovalPolicy.Judge(
                new ToolJudgement(
                    mover,
                    ToolCatalog.Find("move_file")!,
                    Judge.Arguments("move_file", $$"""{"from":"{{from}}","to":"{{to}}"}"""),
                    "autonomous",
                    []
                )
            );

        Assert.IsType<Verdict.Allow>(Move("a.md", "b.md"));
        Assert.IsType<Verdict.Deny>(Move("a.md", "b.sh"));
        Assert.IsType<Verdict.Deny>(Move("a.sh", "b.md"));
    }

    [Theory]
    [InlineData(".git/config")]
    [InlineData(".git/hooks/pre-commit")]
    [InlineData("sub/.GIT/config")]
    [InlineData("git~1/hooks/post-checkout")]
    [InlineData(".\\.git\\config")]
    [InlineData(".gitmodules")]
    [InlineData(".husky/pre-commit")]
    [InlineData(".github/workflows/ci.yml")]
    [InlineData(".gitlab-ci.yml")]
    [InlineData("Jenkinsfile")]
    [InlineData(".vscode/settings.json")]
    [InlineData(".idea/workspace.xml")]
    [InlineData(".devcontainer/devcontainer.json")]
    [InlineData(".codelab/policy.json")]
    [InlineData(".codelab/policy/a.json")]
    [InlineData("AGENTS.md")]
    [InlineData(".env")]
    [InlineData(".env.production")]
    [InlineData("app/.ENV")]
    [InlineData("certs/server.pem")]
    [InlineData("id_ed25519")]
    [InlineData(".npmrc")]
    [InlineData("config/secrets.yaml")]
    [InlineData(".bashrc")]
    [InlineData(".zshenv")]
    [InlineData("home/.profile")]
    [InlineData("package.json")]
    [InlineData("packages/a/package.json")]
    [InlineData("setup.py")]
    [InlineData("docker-compose.yml")]
    [InlineData("\uff0egit/config")]
    public void Guarded_files_ask_whatever_the_level_and_whatever_was_remembered(string path)
    {
        var rule = new RememberedRule("write_file", null, "ada");
        var arguments = $$"""{"path":{{JsonSerializer.Serialize(path)}},"content":"x"}""";

        Assert.IsType<Verdict.Ask>(Judge.Call("write_file", arguments, level: "autonomous", remembered: rule));
        Assert.Null(RememberedRule.For(ToolCatalog.Find("write_file")!, Judge.Arguments("write_file", arguments), "ada"));
    }

    [Theory]
    [InlineData("src/hooks/useUser.ts")]
    [InlineData("src/environment.ts")]
    [InlineData(".gitignore")]
    [InlineData("docs/git/config.md")]
    [InlineData("my-package.json.md")]
    [InlineData("src/keyboard.cs")]
    [InlineData("github/workflows.md")]
    public void Ordinary_files_with_similar_names_are_not_guarded(string path) => Assert.Null(AlwaysAsk.OfPath(path, reading: false));

    [Theory]
    [InlineData(".env", true)]
    [InlineData("keys/server.pem", true)]
    [InlineData("package.json", false)]
    [InlineData(".github/workflows/ci.yml", false)]
    [InlineData(".git/config", false)]
    public void Reading_asks_only_for_secrets(string path, bool asks) =>
        Assert.Equal(asks, Judge.Call("read_file", $$"""{"path":"{{path}}"}""") is Verdict.Ask);

    [Fact]
    public void A_remembered_tool_is_allowed_and_the_record_names_the_person()
    {
        var tool = ToolCatalog.Find("write_file")!;
        var rule = RememberedRule.For(tool, Judge.Arguments("write_file", """{"path":"a","content":"x"}"""), "ada")!;

        var allow = Assert.IsType<Verdict.Allow>(Judge.Call("write_file", """{"path":"b","content":"y"}""", remembered: rule));
        Assert.Contains("ada", allow.Why);
        Assert.IsType<Verdict.Ask>(Judge.Call("apply_diff", """{"path":"b","diff":"y"}""", remembered: rule));
        Assert.IsType<Verdict.Deny>(Judge.Call("write_file", """{"path":"b","content":"y"}""", "ask", remembered: rule));
    }

    [Theory]
    [InlineData("""{"command":"npm test"}""", true)]
    [InlineData("""{"command":"npm test","timeout":30}""", true)]
    [InlineData("""{"command":"npm test "}""", false)]
    [InlineData("""{"command":"npm  test"}""", false)]
    [InlineData("""{"command":"npm test; rm -rf x"}""", false)]
    [InlineData("""{"command":"NPM test"}""", false)]
    [InlineData("""{"command":"npm test","cwd":"sub"}""", false)]
    [InlineData("""{"command":"npm test","shell":true}""", false)]
    public void A_remembered_command_covers_exactly_itself(string arguments, bool covered)
    {
        var tool = ToolCatalog.Find("execute_command")!;
        var rule = RememberedRule.For(tool, Judge.Arguments("execute_command", """{"command":"npm test"}"""), "ada")!;

        Assert.Equal("npm test", rule.ExactCommand);
        Assert.Equal(covered, Judge.Call("execute_command", arguments, remembered: rule) is Verdict.Allow);
    }

    [Theory]
    [InlineData("delete_file", """{"path":"a"}""")]
    [InlineData("execute_command", """{"command":"cat .env"}""")]
    [InlineData("execute_command", """{"command":"rm -rf ./.git/hooks"}""")]
    [InlineData("switch_mode", """{"mode":"ask"}""")]
    public void Some_calls_can_not_be_remembered(string tool, string arguments) =>
        Assert.Null(RememberedRule.For(ToolCatalog.Find(tool)!, Judge.Arguments(tool, arguments), "ada"));

    [Fact]
    public void A_clients_own_tool_always_asks_and_is_only_for_the_coder()
    {
        var tool = ToolDefinition.FromClient(JsonElement.Parse("""{"name":"deploy","description":"Deploys."}""")).Value!;
        var forged = new RememberedRule("deploy", null, "ada");
        Verdict By(string agent) =>
            ApprovalPolicy.Judge(
                new ToolJudgement(AgentCatalog.BuiltIn.Find(agent)!, tool, JsonElement.Parse("{}"), "autonomous", [forged])
            );

        Assert.IsType<Verdict.Ask>(By("coder"));
        Assert.Equal("TOOL_NOT_ALLOWED", Assert.IsType<Verdict.Deny>(By("debug")).Code);
    }

    [Theory]
    [InlineData("*.md", "a.md", true)]
    [InlineData("*.md", "x/a.md", true)]
    [InlineData("**/*.md", "a.md", true)]
    [InlineData("**/*.md", "x/y/a.md", true)]
    [InlineData("docs/**", "docs/a/b.txt", true)]
    [InlineData("docs/**", "docs2/a", false)]
    [InlineData("docs/*", "docs/a/b", false)]
    [InlineData("docs/*/c", "docs/b/c", true)]
    [InlineData("a/**/z", "a/z", true)]
    [InlineData("a/**/z", "a/b/c/z", true)]
    [InlineData("a?c", "abc", true)]
    [InlineData("a?c", "a/c", false)]
    [InlineData("*a*b*c*", "xxaxxbxxcxx", true)]
    [InlineData("*a*b*c*", "xxaxxcxxbxx", false)]
    public void Globs_match_whole_paths(string pattern, string path, bool matches) =>
        Assert.Equal(matches, PathGlob.Matches(pattern, path));
}
