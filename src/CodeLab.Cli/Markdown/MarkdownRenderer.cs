using CodeLab.Cli.Terminal;
using Spectre.Console;

namespace CodeLab.Cli.Markdown;

/// <summary>Draws blocks into lines that fit the terminal.</summary>
internal static class MarkdownRenderer
{
    private static readonly Style Dim = new(Color.Grey);

    /// <summary>A whole text.</summary>
    public static IReadOnlyList<string> Lines(string text, CliConsole console)
    {
        var stream = new MarkdownStream(console);
        return [.. stream.Append(text), .. stream.Finish()];
    }

    public static IReadOnlyList<string> Lines(MarkdownBlock block, CliConsole console)
    {
        switch (block.Kind)
        {
            case BlockKind.Heading:
                var decoration = block.Level == 1 ? Decoration.Bold | Decoration.Underline : Decoration.Bold;
                return console.Lines(
                    MarkdownInline.Draw(block.Text, new Style(block.Level <= 2 ? Color.Teal : null, decoration: decoration))
                );
            case BlockKind.ListItem:
                var bullet = char.IsAsciiDigit(block.Mark[0]) ? block.Mark + " " : "• ";
                return Hanging(block.Text, new string(' ', block.Level * 2) + bullet, console, null);
            case BlockKind.Quote:
                return Prefixed(block.Text, "▎ ", console);
            case BlockKind.Rule:
                return console.Lines(new Paragraph(new string('─', Math.Min(40, console.Width - 1)), Dim));
            case BlockKind.Table:
                return Table(block.Text, console);
            default:
                return console.Lines(MarkdownInline.Draw(block.Text));
        }
    }

    /// <summary>A line of a fenced block.</summary>
    public static IReadOnlyList<string> CodeLine(string line, CliConsole console)
    {
        var bar = console.Lines(new Paragraph("│", Dim))[0];
        var text = new Paragraph(line.Length == 0 ? " " : line, new Style(Color.Grey85)) { Overflow = Overflow.Fold };
        return [.. console.Lines(text, console.Width - 5).Select(part => $"  {bar} {part}".TrimEnd())];
    }

    private static string[] Hanging(string text, string first, CliConsole console, Style? style)
    {
        var indent = CellWidth.Of(first);
        var lines = console.Lines(MarkdownInline.Draw(text, style), Math.Max(10, console.Width - 1 - indent));
        return [.. lines.Select((line, index) => (index == 0 ? first : new string(' ', indent)) + line)];
    }

    private static string[] Prefixed(string text, string prefix, CliConsole console)
    {
        var drawn = console.Lines(new Paragraph(prefix.TrimEnd(), Dim))[0];
        var style = new Style(decoration: Decoration.Italic);
        return [.. console.Lines(MarkdownInline.Draw(text, style), console.Width - 3).Select(line => $"{drawn} {line}")];
    }

    private static IReadOnlyList<string> Table(string text, CliConsole console)
    {
        var rows = text.Split('\n').Select(Cells).ToList();
        // Without its line of dashes it is no table yet (or never): the text stays as it is.
        if (rows.Count < 2 || !rows[1].All(cell => cell.Length > 0 && cell.Trim(':', '-', ' ').Length == 0))
            return console.Lines(MarkdownInline.Draw(text));
        var columns = rows[0].Length;
        var table = new Table { Border = TableBorder.Simple };
        foreach (var title in rows[0])
            table.AddColumn(new TableColumn(MarkdownInline.Draw(title, new Style(decoration: Decoration.Bold))));
        foreach (var row in rows.Skip(2))
            table.AddRow(Enumerable.Range(0, columns).Select(i => MarkdownInline.Draw(i < row.Length ? row[i] : "")));
        return [.. console.Lines(table).Select(line => line.TrimEnd()).Where(line => line.Length > 0)];
    }

    private static string[] Cells(string row) => [.. row.Trim().TrimStart('|').TrimEnd('|').Split('|').Select(cell => cell.Trim())];
}
