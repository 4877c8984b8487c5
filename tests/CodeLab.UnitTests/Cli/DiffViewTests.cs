using System.Text.Json;
using CodeLab.Cli.Approvals;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Sessions;
using CodeLab.Client.Tools;
using Xunit;

namespace CodeLab.UnitTests.Cli;

public sealed class DiffViewTests
{
    private readonly CliConsole _console = CliConsole.Over(TextWriter.Null, TextWriter.Null);

    [Fact]
    public void A_change_is_shown_with_its_surroundings_and_numbers_and_the_rest_is_folded()
    {
        var before = string.Join('\n', Enumerable.Range(1, 20).Select(i => $"line {i}")) + "\n";
        var after = before.Replace("line 10\n", "line ten\nand more\n", StringComparison.Ordinal);

        var lines = Draw(
            new FileChangePreview
            {
                Kind = FileChangeKind.Modify,
                Path = "a.txt",
                OldText = before,
                NewText = after,
            }
        );

        Assert.Equal("a.txt  +2 −1", lines[0]);
        Assert.Contains("    ⋮ 6 unchanged lines", lines);
        Assert.Contains(" 10 - line 10", lines);
        Assert.Contains(" 10 + line ten", lines);
        Assert.Contains(" 11 + and more", lines);
        Assert.Contains(" 12   line 11", lines);
        Assert.DoesNotContain(lines, line => line.EndsWith("line 15", StringComparison.Ordinal));
    }

    [Fact]
    public void A_new_file_is_all_added()
    {
        var lines = Draw(
            new FileChangePreview
            {
                Kind = FileChangeKind.Create,
                Path = "a.txt",
                NewText = "one\ntwo\n",
            }
        );

        Assert.Equal(["new file a.txt  +2 −0", "  1 + one", "  2 + two"], lines);
    }

    [Fact]
    public void A_call_that_would_fail_says_so_instead_of_a_diff()
    {
        var lines = Draw(
            new FileChangePreview
            {
                Kind = FileChangeKind.Modify,
                Path = "a.txt",
                Error = "The text to replace is not there.",
            }
        );

        Assert.Equal("It would fail: The text to replace is not there.", lines[1]);
    }

    [Fact]
    public void A_tool_call_is_one_line_with_what_changed()
    {
        var call = new ToolCallState
        {
            CallId = "c",
            ToolName = "apply_diff",
            Arguments = JsonDocument.Parse("""{"path":"src/a.cs"}""").RootElement,
            Result = JsonDocument.Parse("""{"lines_added":3,"lines_removed":1}""").RootElement,
            Phase = ToolCallPhase.Succeeded,
        };

        Assert.Equal(["  ✓ edit src/a.cs  +3 −1  12 ms"], _console.Lines(ToolLine.Over(call, TimeSpan.FromMilliseconds(12))));
    }

    [Fact]
    public void Edited_content_replaces_one_argument_and_keeps_the_others()
    {
        var arguments = JsonDocument.Parse("""{"path":"a.txt","content":"old","backup":false}""").RootElement;

        var edited = ArgumentEditor.With(arguments, "content", "new\n");

        Assert.Equal("new\n", edited.GetProperty("content").GetString());
        Assert.Equal("a.txt", edited.GetProperty("path").GetString());
        Assert.False(edited.GetProperty("backup").GetBoolean());
        Assert.ThrowsAny<JsonException>(() => ArgumentEditor.With(arguments, null, "[1]"));
    }

    private List<string> Draw(FileChangePreview change) => [.. DiffView.Draw(change).SelectMany(line => _console.Lines(line))];
}
