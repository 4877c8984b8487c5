using CodeLab.Cli.Markdown;
using CodeLab.Cli.Terminal;
using CsCheck;
using Xunit;

namespace CodeLab.UnitTests.Cli;

public sealed class MarkdownStreamTests
{
    private const string Marks = "*_`#-[]()|>~\\\n a1.";

    private const string Sample = """
        # Title

        A paragraph with **bold**, *italic*, `code`, snake_case_name and [a link](https://example.com).
        Second line.

        1. one
        2. two with `x`
           - nested item

        ```cs
        var x = "**not bold**";

        // end
        ```

        > quoted

        | a | b |
        |---|---|
        | 1 | 2 |

        ---
        Unclosed **bold and `code
        """;

    private readonly CliConsole _console = CliConsole.Over(TextWriter.Null, TextWriter.Null, width: 60);

    [Fact]
    public void Blocks_are_drawn_without_their_marks()
    {
        var lines = MarkdownRenderer.Lines(Sample, _console);

        Assert.Equal("Title", lines[0]);
        Assert.Contains(lines, line => line.StartsWith("A paragraph with bold, italic, code, snake_case_name", StringComparison.Ordinal));
        Assert.Contains("1. one", lines);
        Assert.Contains("  • nested item", lines);
        Assert.Contains("  │ var x = \"**not bold**\";", lines);
        Assert.Contains("▎ quoted", lines);
        Assert.DoesNotContain(lines, line => line.Contains("```", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => line.Contains("|---", StringComparison.Ordinal));
        Assert.Equal("Unclosed **bold and `code", lines[^1]);
    }

    [Fact]
    public void However_a_text_is_cut_into_pieces_it_is_drawn_the_same()
    {
        var whole = MarkdownRenderer.Lines(Sample, _console);

        Gen.Int[1, 12]
            .Array[1, 400]
            .Sample(
                sizes =>
                {
                    var stream = new MarkdownStream(_console);
                    var lines = new List<string>();
                    var at = 0;
                    for (var i = 0; at < Sample.Length; i++)
                    {
                        var size = Math.Min(sizes[i % sizes.Length], Sample.Length - at);
                        lines.AddRange(stream.Append(Sample.AsSpan(at, size)));
                        _ = stream.Open();
                        at += size;
                    }
                    lines.AddRange(stream.Finish());
                    Assert.Equal(whole, lines);
                },
                iter: 60
            );
    }

    [Fact]
    public void No_text_breaks_it() =>
        Gen.Int[0, Marks.Length - 1]
            .Select(index => Marks[index])
            .Array[0, 80]
            .Sample(text => MarkdownRenderer.Lines(new string(text), _console), iter: 500);

    [Fact]
    public void Every_line_fits_the_terminal()
    {
        var lines = MarkdownRenderer.Lines(
            new string('x', 500) + "\n\n```\n" + new string('y', 500) + "\n```\n- " + new string('z', 500),
            _console
        );

        Assert.All(lines, line => Assert.True(CellWidth.Of(line) < _console.Width, line));
    }

    [Fact]
    public void Escape_sequences_of_a_model_do_not_reach_the_terminal()
    {
        var lines = MarkdownRenderer.Lines("hi \u001b]0;title\u0007 `\u001b[2J`\n```\n\u001b[31m\n```\n", _console);

        Assert.All(lines, line => Assert.DoesNotContain(line, char.IsControl));
    }

    [Fact]
    public void Only_the_last_block_stays_open()
    {
        var stream = new MarkdownStream(_console);

        var final = stream.Append("# One\n\nTwo **th");

        Assert.Equal(["One"], final);
        Assert.Equal(["", "Two **th"], stream.Open());
        Assert.Empty(stream.Append("ree**"));
        Assert.Equal(["", "Two three"], stream.Open());
    }
}
