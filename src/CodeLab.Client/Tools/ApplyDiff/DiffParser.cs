using System.Globalization;
using System.Text.RegularExpressions;

namespace CodeLab.Client.Tools;

/// <summary>Reads the SEARCH/REPLACE blocks of a diff, with the slips models really make. Pure.</summary>
internal static partial class DiffParser
{
    public const string Format =
        "Each block is: a line '<<<<<<< SEARCH', optionally a line ':start_line:N' and a line '-------', the old text, a line '=======', the new text, a line '>>>>>>> REPLACE'.";

    /// <summary>The blocks in order, or a sentence that says what is malformed.</summary>
    public static (IReadOnlyList<DiffBlock> Blocks, string? Error) Parse(string diff)
    {
        var text = TextLines.Normalize(diff);
        if (!SearchMarker().IsMatch(text) && text.Contains("&lt;&lt;&lt;", StringComparison.Ordinal))
            text = System.Net.WebUtility.HtmlDecode(text);
        var lines = text.Split('\n');
        var blocks = new List<DiffBlock>();
        for (var i = 0; i < lines.Length; i++)
        {
            // What stands between blocks (code fences, a file name, a remark) belongs to no block.
            if (!IsSearch(lines[i]))
                continue;

            var number = blocks.Count + 1;
            var end = i + 1;
            while (end < lines.Length && !IsReplace(lines[end]))
            {
                if (IsSearch(lines[end]))
                    return (
                        [],
                        $"Block {number} has no '>>>>>>> REPLACE' line before the next '<<<<<<< SEARCH' (line {end + 1} of the diff). Close it, or write '\\' before the marker if it is text of the file. {Format}"
                    );
                end++;
            }
            if (end == lines.Length)
                return (
                    [],
                    $"Block {number} does not end: its '>>>>>>> REPLACE' line is missing, so the diff may have been cut off. Send it whole. {Format}"
                );

            var (block, error) = ReadBlock(number, lines[(i + 1)..end]);
            if (block is null)
                return ([], error);
            blocks.Add(block);
            i = end;
        }
        return blocks.Count > 0 ? (blocks, null) : ([], $"The diff has no '<<<<<<< SEARCH' line, so there is nothing to apply. {Format}");
    }

    private static (DiffBlock? Block, string? Error) ReadBlock(int number, string[] lines)
    {
        int? startLine = null;
        var body = 0;
        while (body < lines.Length && PositionLine().Match(lines[body]) is { Success: true } position)
        {
            if (
                position.Groups["name"].Value.StartsWith("start", StringComparison.Ordinal)
                && int.TryParse(position.Groups["line"].ValueSpan, CultureInfo.InvariantCulture, out var line)
            )
                startLine = line;
            body++;
        }
        var dashes = body;
        while (dashes < lines.Length && Dashes().IsMatch(lines[dashes]))
            dashes++;

        var separators = Separators(lines, body, exact: true);
        if (separators.Count == 0)
            separators = Separators(lines, body, exact: false);
        if (separators.Count == 0)
            return (null, $"Block {number} has no '=======' line between the old and the new text. {Format}");

        var readings = new List<BlockReading>();
        foreach (var separator in separators)
        {
            if (separator < dashes)
                continue;
            var replace = Unescape(lines[(separator + 1)..]);
            Add(readings, Unescape(lines[dashes..separator]), replace, separator);
            // Dashes that are no marker but text: the first line of a table or a rule, say.
            if (dashes > body)
                Add(readings, Unescape(lines[(startLine is null ? body : dashes - 1)..separator]), replace, separator);
        }
        return readings.Count > 0 ? (new DiffBlock(number, startLine, readings), null) : (null, $"Block {number} is malformed. {Format}");
    }

    // Every reading of one separator, plainest first.
    private static void Add(List<BlockReading> readings, string[] search, string[] replace, int separator)
    {
        var plain = new BlockReading(search, replace) { Separator = separator };
        if (readings.Exists(r => r.Separator == separator && r.Search.SequenceEqual(search)))
            return;
        readings.Add(plain);
        if (LineNumbers.Strip(plain) is { } numbered)
            readings.Add(numbered);
        if (TrimEdges(plain) is { } trimmed)
            readings.Add(trimmed);
    }

    // Blank lines around the old text that the file does not have; the new text loses as many.
    private static BlockReading? TrimEdges(BlockReading reading)
    {
        var search = reading.Search;
        var top = 0;
        while (top < search.Count && string.IsNullOrWhiteSpace(search[top]))
            top++;
        if (top == search.Count)
            return null;
        var bottom = 0;
        while (string.IsNullOrWhiteSpace(search[search.Count - 1 - bottom]))
            bottom++;
        if (top + bottom == 0)
            return null;

        var replace = reading.Replace.ToList();
        for (var i = 0; i < top && replace.Count > 0 && string.IsNullOrWhiteSpace(replace[0]); i++)
            replace.RemoveAt(0);
        for (var i = 0; i < bottom && replace.Count > 0 && string.IsNullOrWhiteSpace(replace[^1]); i++)
            replace.RemoveAt(replace.Count - 1);
        return reading with { Search = [.. search.Skip(top).Take(search.Count - top - bottom)], Replace = replace };
    }

    private static List<int> Separators(string[] lines, int from, bool exact)
    {
        var found = new List<int>();
        for (var i = from; i < lines.Length; i++)
            if (exact ? lines[i].TrimEnd() == "=======" : LooseSeparator().IsMatch(lines[i]))
                found.Add(i);
        return found;
    }

    private static string[] Unescape(string[] lines) => [.. lines.Select(line => Escaped().IsMatch(line) ? line[1..] : line)];

    private static bool IsSearch(string line) => SearchMarker().IsMatch(line);

    private static bool IsReplace(string line) => ReplaceMarker().IsMatch(line);

    [GeneratedRegex(
        @"^[ \t]*(?:<{5,9}[ \t]*SEARCH[ \t]*>?|-{5,9}[ \t]*SEARCH[ \t]*>?)[ \t]*$",
        RegexOptions.Multiline | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant,
        2000
    )]
    private static partial Regex SearchMarker();

    [GeneratedRegex(
        @"^[ \t]*(?:>{5,9}[ \t]*REPLACE|\+{5,9}[ \t]*REPLACE[ \t]*>?|>{7})[ \t]*$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant,
        2000
    )]
    private static partial Regex ReplaceMarker();

    [GeneratedRegex(
        @"^[ \t]*:(?<name>start_line|end_line):[ \t]*(?<line>\d{1,9})[ \t]*:?[ \t]*$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        2000
    )]
    private static partial Regex PositionLine();

    [GeneratedRegex(@"^-{7}[ \t]*$", RegexOptions.None, 2000)]
    private static partial Regex Dashes();

    [GeneratedRegex(@"^[ \t]*={5,10}[ \t]*$", RegexOptions.None, 2000)]
    private static partial Regex LooseSeparator();

    [GeneratedRegex(@"^\\(?:<{5,9}|={5,10}|>{5,9}|-{5,9}|\+{5,9}|:(?:start|end)_line:)", RegexOptions.None, 2000)]
    private static partial Regex Escaped();
}
