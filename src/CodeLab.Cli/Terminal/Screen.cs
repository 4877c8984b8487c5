using System.Globalization;
using System.Text;

namespace CodeLab.Cli.Terminal;

/// <summary>
/// The end of the terminal: lines above are final and scroll like any output (so that the terminal's own search, copy and scroll-back
/// work); below them stand a few live lines that are drawn anew. No full-screen mode.
/// </summary>
internal sealed class Screen(CliConsole console)
{
    private readonly List<string> _final = [];
    private IReadOnlyList<string> _live = [];
    private int _cursorRow;
    private (int Row, int Column) _cursor;

    /// <summary>Adds lines that never change again; shown with the next <see cref="Draw"/>.</summary>
    public void Commit(IEnumerable<string> lines) => _final.AddRange(lines);

    public void Commit(string line) => _final.Add(line);

    /// <summary>Draws the live lines with the cursor in them. Nothing is written when nothing changed.</summary>
    public void Draw(IReadOnlyList<string> live, int cursorRow, int cursorColumn)
    {
        var height = console.Height - 1;
        if (live.Count > height)
        {
            var dropped = live.Count - height;
            live = [.. live.Skip(dropped)];
            cursorRow = Math.Max(0, cursorRow - dropped);
        }
        if (_final.Count == 0 && _cursor == (cursorRow, cursorColumn) && live.SequenceEqual(_live, StringComparer.Ordinal))
            return;

        // Synchronised output (mode 2026) keeps terminals that know it from showing half a frame; others ignore it.
        var text = new StringBuilder("\u001b[?2026h\u001b[?25l");
        Home(text);
        foreach (var line in _final)
            text.Append(line).Append("\u001b[0m\r\n");
        _final.Clear();
        for (var row = 0; row < live.Count; row++)
        {
            if (row > 0)
                text.Append("\r\n");
            text.Append(live[row]).Append("\u001b[0m");
        }
        var up = live.Count - 1 - cursorRow;
        if (up > 0)
            text.Append(CultureInfo.InvariantCulture, $"\u001b[{up}A");
        text.Append('\r');
        if (cursorColumn > 0)
            text.Append(CultureInfo.InvariantCulture, $"\u001b[{cursorColumn}C");
        text.Append("\u001b[?25h\u001b[?2026l");
        console.Out.Write(text);

        _live = live;
        _cursorRow = cursorRow;
        _cursor = (cursorRow, cursorColumn);
    }

    /// <summary>Takes the live lines away and leaves the cursor where output goes on.</summary>
    public void Clear()
    {
        var text = new StringBuilder();
        Home(text);
        foreach (var line in _final)
            text.Append(line).Append("\u001b[0m\r\n");
        _final.Clear();
        console.Out.Write(text);
        _live = [];
        _cursorRow = 0;
        _cursor = default;
    }

    private void Home(StringBuilder text)
    {
        if (_cursorRow > 0)
            text.Append(CultureInfo.InvariantCulture, $"\u001b[{_cursorRow}A");
        text.Append("\r\u001b[J");
    }
}
