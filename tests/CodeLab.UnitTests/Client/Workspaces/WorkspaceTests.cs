using CodeLab.Client.Storage;
using CodeLab.Client.Workspaces;
using Xunit;

namespace CodeLab.UnitTests.Client.Workspaces;

public sealed class WorkspaceTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("codelab-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_workspace_tells_its_name_branch_and_rules()
    {
        Write(".git/HEAD", "ref: refs/heads/feature/x\n");
        Write("AGENTS.md", "Be kind.");
        Write(".codelab/rules/b.md", "Second.");
        Write(".codelab/rules/a.md", "First.");
        Write(".codelab/rules/notes.txt", "Not a rule.");

        var workspace = await WorkspaceDescription.OfAsync(_folder.FullName, TestContext.Current.CancellationToken);

        Assert.Equal((_folder.Name, "feature/x"), (workspace.Name, workspace.Branch));
        Assert.Equal(["AGENTS.md", ".codelab/rules/a.md", ".codelab/rules/b.md"], workspace.Rules!.Select(rule => rule.Path));
        Assert.Equal(["Be kind.", "First.", "Second."], workspace.Rules!.Select(rule => rule.Content));
    }

    [Fact]
    public async Task Rules_that_are_too_long_are_cut_at_a_character()
    {
        Write("AGENTS.md", "x" + new string('я', WorkspaceDescription.MaxRuleBytes));

        var rule = Assert.Single((await WorkspaceDescription.OfAsync(_folder.FullName, TestContext.Current.CancellationToken)).Rules!);

        Assert.DoesNotContain('\uFFFD', rule.Content);
        Assert.EndsWith("(cut: the file is longer than what is sent)", rule.Content, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rules_behind_a_link_are_not_sent()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need rights there");
        Write("outside/secret.md", "secret");
        var root = Path.Combine(_folder.FullName, "root");
        Directory.CreateDirectory(Path.Combine(root, ".codelab"));
        File.CreateSymbolicLink(Path.Combine(root, "AGENTS.md"), Path.Combine(_folder.FullName, "outside", "secret.md"));
        Directory.CreateSymbolicLink(Path.Combine(root, ".codelab", "rules"), Path.Combine(_folder.FullName, "outside"));

        Assert.Empty((await WorkspaceDescription.OfAsync(root, TestContext.Current.CancellationToken)).Rules!);
    }

    [Fact]
    public async Task A_client_that_starts_again_is_the_same_executor_and_two_at_once_are_two()
    {
        var data = ClientDataDirectory.Open(Path.Combine(_folder.FullName, "data"));
        var first = await ExecutorIdentity.TakeAsync(data, _folder.FullName, TestContext.Current.CancellationToken);
        using var second = await ExecutorIdentity.TakeAsync(data, _folder.FullName, TestContext.Current.CancellationToken);
        using var elsewhere = await ExecutorIdentity.TakeAsync(data, Path.GetTempPath(), TestContext.Current.CancellationToken);

        first.Dispose();
        using var again = await ExecutorIdentity.TakeAsync(data, _folder.FullName, TestContext.Current.CancellationToken);

        Assert.Equal(first.Id, again.Id);
        Assert.Equal(first.JournalPath("s"), again.JournalPath("s"));
        Assert.Equal(3, new[] { again.Id, second.Id, elsewhere.Id }.Distinct().Count());
        Assert.DoesNotContain("..", Path.GetFileName(again.JournalPath("../../x")), StringComparison.Ordinal);
    }

    private void Write(string path, string text)
    {
        var full = Path.Combine(_folder.FullName, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }
}
