using CodeLab.Modules.Agent.Tools;
using Xunit;

namespace CodeLab.UnitTests.Agent.Tools;

public sealed class WorkspacePathTests
{
    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("/etc/passwd")]
    [InlineData("\\windows\\system32")]
    [InlineData("\\\\server\\share\\a")]
    [InlineData("//server/share/a")]
    [InlineData("C:\\a")]
    [InlineData("C:a")]
    [InlineData("c:/a")]
    [InlineData("\\\\?\\C:\\a")]
    [InlineData("file:///etc/passwd")]
    [InlineData("http://example.org/a")]
    [InlineData("a.txt:stream")]
    [InlineData("a.md::$DATA")]
    [InlineData("..")]
    [InlineData("../a")]
    [InlineData("a/../b")]
    [InlineData("a\\..\\..\\b")]
    [InlineData("a/..")]
    [InlineData("./../a")]
    [InlineData("~")]
    [InlineData("~/.ssh/id_rsa")]
    [InlineData("a/... ")]
    [InlineData("a.")]
    [InlineData("a ")]
    [InlineData("a./b")]
    [InlineData("a /b")]
    [InlineData("...")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    [InlineData("a\u007fb")]
    [InlineData("a\u0085b")]
    [InlineData("a\u202Etxt.exe")]
    [InlineData("a\u2066b")]
    [InlineData(".g\u200Bit/config")]
    [InlineData(".git\u200C/hooks/x")]
    [InlineData("a\uFEFFb")]
    [InlineData("a\u00ADb")]
    [InlineData("a\u2028b")]
    [InlineData("a\u3164b")]
    [InlineData("\uFF0E\uFF0E/a")]
    [InlineData("a/\u2025/b")]
    [InlineData("\uFF0Fetc/passwd")]
    [InlineData("C\uFF1A/a")]
    [InlineData("a\uD800b")]
    [InlineData("a\uFFFDb")]
    public void What_could_leave_the_workspace_or_deceive_is_refused(string path) => Assert.NotNull(WorkspacePath.Check(path));

    [Fact]
    public void A_path_is_at_most_4096_characters_long()
    {
        Assert.Null(WorkspacePath.Check(new string('a', 4096)));
        Assert.NotNull(WorkspacePath.Check(new string('a', 4097)));
    }

    [Theory]
    [InlineData(".", "")]
    [InlineData("./", "")]
    [InlineData("a.txt", "a.txt")]
    [InlineData("./a.txt", "a.txt")]
    [InlineData("src//a.cs", "src/a.cs")]
    [InlineData("src/./a.cs", "src/a.cs")]
    [InlineData("src\\a.cs", "src/a.cs")]
    [InlineData("src/", "src")]
    [InlineData(".gitignore", ".gitignore")]
    [InlineData("a..b/c", "a..b/c")]
    [InlineData("src/.hidden/a", "src/.hidden/a")]
    [InlineData("документы/план.md", "документы/план.md")]
    [InlineData("日本語/ファイル.txt", "日本語/ファイル.txt")]
    [InlineData("cafe\u0301.md", "caf\u00e9.md")]
    [InlineData("a b/c d.txt", "a b/c d.txt")]
    [InlineData("[id]/(group)/@page.tsx", "[id]/(group)/@page.tsx")]
    public void Ordinary_paths_pass_and_have_one_form(string path, string normal)
    {
        Assert.Null(WorkspacePath.Check(path));
        Assert.Equal(normal, WorkspacePath.Normalize(path));
    }
}
