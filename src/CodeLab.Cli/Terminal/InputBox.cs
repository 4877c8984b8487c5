using System.Text;

namespace CodeLab.Cli.Terminal;

/// <summary>Lays a text that is being typed out into rows, and finds the cursor in them.</summary>
internal static class InputBox
{
    public static (List<string> Rows, int CursorRow, int CursorColumn) Layout(string prompt, string text, int cursor, int width)
    {
        var rows = new List<string>();
        var indent = new string(' ', CellWidth.Of(prompt));
        var row = new StringBuilder(prompt);
        var column = indent.Length;
        var (cursorRow, cursorColumn) = (0, column);
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (at == cursor)
                (cursorRow, cursorColumn) = (rows.Count, column);
            at += rune.Utf16SequenceLength;
            var cells = CellWidth.Of(rune);
            if (rune.Value == '\n' || column + cells >= width)
            {
                rows.Add(row.ToString());
                row.Clear().Append(indent);
                column = indent.Length;
                if (rune.Value == '\n')
                    continue;
                if (at - rune.Utf16SequenceLength == cursor)
                    (cursorRow, cursorColumn) = (rows.Count, column);
            }
            row.Append(rune.ToString());
            column += cells;
        }
        if (cursor >= at)
            (cursorRow, cursorColumn) = (rows.Count, column);
        rows.Add(row.ToString());
        return (rows, cursorRow, cursorColumn);
    }
}
