using System.Text;
using CodeLab.Cli.Terminal;

namespace CodeLab.Cli.Markdown;

/// <summary>
/// Markdown while it is being written. A block that is over becomes lines that never change again; only the last, open block is drawn
/// anew with each piece, so the cost of a piece does not grow with the text. Lines of code are final as soon as they end.
/// </summary>
internal sealed class MarkdownStream(CliConsole console)
{
    private readonly StringBuilder _open = new();
    private string? _fence;
    private BlockKind? _last;

    /// <summary>Takes the next piece and answers the lines that are final now.</summary>
    public List<string> Append(ReadOnlySpan<char> piece)
    {
        _open.Append(SafeText.Plain(piece.ToString()));
        var final = new List<string>();
        while (TakeCode(final) || TakeBlocks(final)) { }
        return final;
    }

    /// <summary>The open block as it looks now.</summary>
    public List<string> Open()
    {
        var lines = new List<string>();
        var text = _open.ToString();
        if (_fence is not null)
        {
            if (text.Length > 0 && !MarkdownBlocks.ClosesFence(text, _fence))
                lines.AddRange(MarkdownRenderer.CodeLine(text, console));
            return lines;
        }
        // A line that looks like a fence is not text, even before it has ended.
        if (MarkdownBlocks.OpensFence(text[(text.LastIndexOf('\n') + 1)..]) is not null)
            text = text[..(text.LastIndexOf('\n') + 1)];
        var last = _last;
        foreach (var block in MarkdownBlocks.Cut(text))
        {
            if (Separates(last, block.Kind))
                lines.Add("");
            lines.AddRange(MarkdownRenderer.Lines(block, console));
            last = block.Kind;
        }
        return lines;
    }

    /// <summary>The text is whole: answers what was still open.</summary>
    public List<string> Finish()
    {
        var lines = Open();
        _open.Clear();
        _fence = null;
        return lines;
    }

    /// <summary>Inside a fence: takes the first line if it has ended.</summary>
    private bool TakeCode(List<string> final)
    {
        if (_fence is null || FirstLine() is not { } line)
            return false;
        _open.Remove(0, line.Length + 1);
        if (MarkdownBlocks.ClosesFence(line, _fence))
            _fence = null;
        else
            final.AddRange(MarkdownRenderer.CodeLine(line, console));
        return true;
    }

    /// <summary>Outside a fence: takes the blocks before the last one, or before a line that opens a fence.</summary>
    private bool TakeBlocks(List<string> final)
    {
        if (_fence is not null)
            return false;
        var text = _open.ToString();
        var at = 0;
        // The last line may still become something else, so only lines that have ended open a fence.
        for (int end; (end = text.IndexOf('\n', at)) >= 0; at = end + 1)
        {
            if (MarkdownBlocks.OpensFence(text[at..end]) is not { } opened)
                continue;
            foreach (var block in MarkdownBlocks.Cut(text[..at]))
                Emit(block, final);
            if (Separates(_last, BlockKind.Code))
                final.Add("");
            _last = BlockKind.Code;
            _fence = opened.Fence;
            _open.Remove(0, end + 1);
            return true;
        }

        var blocks = MarkdownBlocks.Cut(text);
        if (blocks.Count < 2)
            return false;
        foreach (var block in blocks.SkipLast(1))
            Emit(block, final);
        _open.Remove(0, blocks[^1].Start);
        return false;
    }

    private void Emit(MarkdownBlock block, List<string> final)
    {
        if (Separates(_last, block.Kind))
            final.Add("");
        final.AddRange(MarkdownRenderer.Lines(block, console));
        _last = block.Kind;
    }

    private string? FirstLine()
    {
        for (var i = 0; i < _open.Length; i++)
            if (_open[i] == '\n')
                return _open.ToString(0, i);
        return null;
    }

    private static bool Separates(BlockKind? before, BlockKind after) =>
        before is { } kind && !(kind == BlockKind.ListItem && after == BlockKind.ListItem);
}
