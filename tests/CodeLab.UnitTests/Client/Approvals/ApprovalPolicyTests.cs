using System.Text.Json;
using CodeLab.Client.Approvals;
using Xunit;

namespace CodeLab.UnitTests.Client.Approvals;

public sealed class ApprovalPolicyTests
{
    [Theory]
    [InlineData("write_file", "src/a.cs", true)]
    [InlineData("apply_diff", "README.md", true)]
    [InlineData("create_directory", "src/new", true)]
    [InlineData("write_file", "../outside.txt", false)]
    [InlineData("write_file", "/etc/passwd", false)]
    [InlineData("write_file", "C:\\Windows\\a.txt", false)]
    [InlineData("write_file", ".git/hooks/pre-commit", false)]
    [InlineData("write_file", "sub/.GIT/config", false)]
    [InlineData("write_file", ".codelab/policy.json", false)]
    [InlineData("write_file", "home/.bashrc", false)]
    [InlineData("delete_file", "a.txt", false)]
    [InlineData("move_file", "a.txt", false)]
    [InlineData("git_commit", "a.txt", false)]
    public void Safe_mode_approves_ordinary_edits_only(string tool, string path, bool approved) =>
        Assert.Equal(
            approved,
            ApprovalPolicy.Approves(ApprovalMode.Safe, tool, Arguments($$"""{"path":{{JsonSerializer.Serialize(path)}}}"""))
        );

    [Fact]
    public void Safe_mode_asks_about_commands_and_about_edits_without_a_path()
    {
        Assert.False(ApprovalPolicy.Approves(ApprovalMode.Safe, "execute_command", Arguments("""{"command":"ls"}""")));
        Assert.False(ApprovalPolicy.Approves(ApprovalMode.Safe, "write_file", Arguments("{}")));
    }

    [Fact]
    public void Ask_approves_nothing_and_all_everything()
    {
        var arguments = Arguments("""{"path":"a.txt"}""");

        Assert.False(ApprovalPolicy.Approves(ApprovalMode.Ask, "write_file", arguments));
        Assert.True(ApprovalPolicy.Approves(ApprovalMode.All, "delete_file", arguments));
    }

    private static JsonElement Arguments(string json) => JsonDocument.Parse(json).RootElement;
}
