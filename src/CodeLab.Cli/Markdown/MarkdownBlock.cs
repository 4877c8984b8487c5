using System.Text.RegularExpressions;

namespace CodeLab.Cli.Markdown;

internal enum BlockKind
{
    Paragraph,
    Heading,
    Code,
    ListItem,
    Quote,
    Rule,
    Table,
}

/// <summary>A block of Markdown.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its text without the marks of the block.</param>
/// <param name="Start">Where it begins in the text that was read.</param>
/// <param name="Level">Of a heading, 1 to 6; of a list item, its indentation in levels from 0.</param>
/// <param name="Mark">Of a list item: its bullet or number; of code: its language.</param>
internal sealed record MarkdownBlock(BlockKind Kind, string Text, int Start, int Level = 0, string Mark = "");

/// <summary>Cuts Markdown into blocks, line by line. Enough for what models write; never fails.</summary>
internal static partial class MarkdownBlocks
{
    [GeneratedRegex(@"^ {0,3}(?<marks>#{1,6})\s+(?<text>.*?)\s*#*\s*$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Heading();

    [GeneratedRegex(@"^(?<indent>\s*)(?<mark>[-*+]|\d{1,9}[.)])\s+(?<text>.*)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Item();

    [GeneratedRegex(@"^ {0,3}(?<mark>[-*_])(\s*\k<mark>){2,}\s*$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Rule();

    [GeneratedRegex(@"^\s*(?<fence>`{3,}|~{3,})\s*(?<language>[^`]*)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex FenceLine();

    /// <summary>The fence a line opens, or null.</summary>
    public static (string Fence, string Language)? OpensFence(string line)
    {
        var match = FenceLine().Match(line);
        return match.Success ? (match.Groups["fence"].Value, match.Groups["language"].Value.Trim()) : null;
    }

    /// <summary>Whether a line closes a fence.</summary>
    public static bool ClosesFence(string line, string fence)
    {
        var text = line.Trim();
        return text.Length >= fence.Length && text.AsSpan().IndexOfAnyExcept(fence[0]) < 0;
    }

    /// <summary>Blocks up to the first fence; code is cut by <see cref="MarkdownStream"/>, line by line.</summary>
    public static List<MarkdownBlock> Cut(string text)
    {
        var blocks = new List<MarkdownBlock>();
        MarkdownBlock? open = null;
        var at = 0;
        foreach (var raw in text.Split('\n'))
        {
            var line = raw.TrimEnd();
            var start = at;
            at += raw.Length + 1;
            if (line.Length == 0)
            {
                Close();
                continue;
            }
            if (Rule().IsMatch(line))
            {
                Close();
                blocks.Add(new MarkdownBlock(BlockKind.Rule, "", start));
                continue;
            }
            if (Heading().Match(line) is { Success: true } heading)
            {
                Close();
                blocks.Add(new MarkdownBlock(BlockKind.Heading, heading.Groups["text"].Value, start, heading.Groups["marks"].Length));
                continue;
            }
            if (Item().Match(line) is { Success: true } item)
            {
                Close();
                var indent = item.Groups["indent"].Value.Replace("\t", "    ", StringComparison.Ordinal).Length;
                open = new MarkdownBlock(
                    BlockKind.ListItem,
                    item.Groups["text"].Value,
                    start,
                    Math.Min(indent / 2, 6),
                    item.Groups["mark"].Value
                );
                continue;
            }
            var trimmed = line.TrimStart();
            var kind = trimmed[0] switch
            {
                '>' => BlockKind.Quote,
                '|' => BlockKind.Table,
                _ => BlockKind.Paragraph,
            };
            var content =
                kind == BlockKind.Quote ? trimmed[1..].TrimStart()
                : kind == BlockKind.Table ? trimmed
                : line;
            if (open is { Kind: BlockKind.ListItem } && kind == BlockKind.Paragraph)
                open = open with { Text = open.Text + "\n" + trimmed };
            else if (open?.Kind == kind)
                open = open with { Text = open.Text + "\n" + content };
            else
            {
                Close();
                open = new MarkdownBlock(kind, content, start);
            }
        }
        Close();
        return blocks;

        void Close()
        {
            if (open is not null)
                blocks.Add(open);
            open = null;
        }
    }
}
