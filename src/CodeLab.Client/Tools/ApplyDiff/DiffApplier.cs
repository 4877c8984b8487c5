using System.Text;

namespace CodeLab.Client.Tools;

/// <summary>
/// Applies SEARCH/REPLACE blocks to a text: all of them, in order, or none. Pure. Untouched lines keep every byte, their newline included;
/// new lines get the newline most lines have.
/// </summary>
internal static class DiffApplier
{
    private const int MaxAlignment = 1_000_000;

    private sealed record Line(string Text, string End);

    /// <param name="text">The file's text with its own newlines.</param>
    /// <param name="diff">The model's diff.</param>
    /// <param name="path">For the sentences.</param>
    public static DiffOutcome Apply(string text, string diff, string path)
    {
        var (blocks, error) = DiffParser.Parse(diff);
        if (error is not null)
            return DiffOutcome.Failed(error);

        var lines = Split(text);
        var newLine = TextLines.Majority(text) ?? "\n";
        var finalNewLine = lines.Count == 0 || lines[^1].End.Length > 0;
        var applied = new List<(int Original, int Delta)>();
        var done = new List<AppliedBlock>();
        var failures = new List<string>();
        foreach (var block in blocks)
        {
            // Line numbers are those of the file the model has read, so earlier blocks shift them.
            var hint = block.StartLine - 1;
            var shifted = hint is { } line ? line + applied.Where(a => a.Original <= line).Sum(a => a.Delta) : (int?)null;
            var (change, failure) = Locate(lines, block, shifted);
            if (change is null)
            {
                failures.Add(blocks.Count == 1 ? failure! : $"Block {block.Number} of {blocks.Count}: {failure}");
                continue;
            }
            lines.RemoveRange(change.Start, change.Count);
            lines.InsertRange(change.Start, change.With.Select(l => l with { End = l.End.Length > 0 ? l.End : newLine }));
            var delta = change.With.Count - change.Count;
            applied.Add((change.Start - applied.Where(a => a.Original <= change.Start).Sum(a => a.Delta), delta));
            done.Add(new AppliedBlock(change.Start + 1, change.Start + Math.Max(1, change.With.Count), change.Note));
        }

        if (failures.Count > 0)
        {
            var head =
                blocks.Count == 1
                    ? $"The diff does not apply to '{path}'"
                    : $"{failures.Count} of {blocks.Count} blocks do not apply to '{path}'";
            return DiffOutcome.Failed($"{head}, so nothing was written. {string.Join("\n", failures)}");
        }

        var result = Join(lines, newLine, finalNewLine);
        return string.Equals(result, text, StringComparison.Ordinal)
            ? DiffOutcome.Failed(
                $"The diff changes nothing in '{path}': its new text is already there. If the change is done, go on; otherwise correct the REPLACE part."
            )
            : new DiffOutcome { Text = result, Blocks = done };
    }

    private sealed record Change(int Start, int Count, IReadOnlyList<Line> With, string? Note);

    private static (Change? Change, string? Failure) Locate(List<Line> lines, DiffBlock block, int? hint)
    {
        var texts = lines.ConvertAll(l => l.Text);
        var plainest = block.Readings[0].Search;
        if (plainest.Count == 0 || (lines.Count == 0 && plainest.All(string.IsNullOrWhiteSpace)))
            return Insert(lines, block, hint);

        var found = new List<(BlockReading Reading, IReadOnlyList<BlockMatch> Matches)>();
        foreach (var reading in block.Readings)
        {
            if (found.Exists(f => f.Reading.Separator == reading.Separator))
                continue;
            var matches = BlockMatcher.Find(texts, reading.Search);
            if (matches.Count > 0)
                found.Add((reading, matches));
        }

        if (found.Count == 0)
            return (null, NotFound(texts, block));
        // A later '=======' means a longer old text, and when that stands in the file, the shorter one does as well. Lines behind the marker
        // that agree with the file are no accident; the marker alone could be.
        found.Sort((a, b) => b.Reading.Search.Count.CompareTo(a.Reading.Search.Count));
        var (chosen, places) = found[0];
        if (found.Count > 1 && chosen.Search.Skip(found[1].Reading.Search.Count + 1).All(string.IsNullOrWhiteSpace))
            return (
                null,
                "the block has several '=======' lines, and it can be read in more than one way. Write '\\=======' for those that are text of the file."
            );

        var (place, ambiguous) = Nearest(places, hint ?? (chosen.Hint - 1));
        if (place is null)
            return (null, ambiguous);

        var with = Replacement(lines, chosen, place);
        var note = place.Kind switch
        {
            MatchKind.Exact => hint is { } h && h != place.Line ? $"found at line {place.Line + 1}" : null,
            MatchKind.TrailingSpace => "matched ignoring trailing blanks",
            MatchKind.Indentation => "matched with another indentation; the new text was indented like the file",
            MatchKind.Typography => "matched ignoring typographic quotes, dashes or blanks",
            _ => "matched with another indentation and ignoring typographic characters",
        };
        return (new Change(place.Line, chosen.Search.Count, with, note), null);
    }

    private static (Change? Change, string? Failure) Insert(List<Line> lines, DiffBlock block, int? hint)
    {
        var reading = block.Readings[0];
        if (lines.Count > 0 && hint is null)
            return (
                null,
                "the SEARCH part is empty, which names no place. Give the lines to replace, or ':start_line:N' to insert before line N."
            );
        var at = Math.Clamp(hint ?? 0, 0, lines.Count);
        return (new Change(at, 0, [.. reading.Replace.Select(t => new Line(t, ""))], null), null);
    }

    private static (BlockMatch? Match, string? Ambiguous) Nearest(IReadOnlyList<BlockMatch> places, int? hint)
    {
        if (places.Count == 1)
            return (places[0], null);
        var starts = string.Join(", ", places.Take(10).Select(p => p.Line + 1)) + (places.Count > 10 ? ", …" : "");
        if (hint is not { } line)
            return (
                null,
                $"the SEARCH text stands at {places.Count} places (it begins at lines {starts}). Add lines around it until it is unique, or give ':start_line:N'."
            );
        var near = places.OrderBy(p => Math.Abs(p.Line - line)).Take(2).ToArray();
        return Math.Abs(near[0].Line - line) == Math.Abs(near[1].Line - line)
            ? (
                null,
                $"the SEARCH text stands at lines {starts}, and two of them are equally far from the given start line {line + 1}. Give the right ':start_line:N', or add lines around it until it is unique."
            )
            : (near[0], null);
    }

    // Lines the model repeats unchanged stay the file's own: their blanks, their quotes, their newline.
    private static List<Line> Replacement(List<Line> lines, BlockReading reading, BlockMatch match)
    {
        var kept = Align(reading.Search, reading.Replace);
        var with = new List<Line>(reading.Replace.Count);
        for (var i = 0; i < reading.Replace.Count; i++)
        {
            if (kept[i] >= 0)
                with.Add(lines[match.Line + kept[i]]);
            else
                with.Add(new Line(match.Shift?.Apply(reading.Replace[i]) ?? reading.Replace[i], ""));
        }
        return with;
    }

    // For each line of the new text the line of the old text it repeats, or -1: a longest common subsequence.
    private static int[] Align(IReadOnlyList<string> search, IReadOnlyList<string> replace)
    {
        var kept = new int[replace.Count];
        Array.Fill(kept, -1);
        int top = 0,
            bottom = 0;
        var shorter = Math.Min(search.Count, replace.Count);
        while (top < shorter && search[top] == replace[top])
            kept[top] = top++;
        while (bottom < shorter - top && search[search.Count - 1 - bottom] == replace[replace.Count - 1 - bottom])
        {
            kept[replace.Count - 1 - bottom] = search.Count - 1 - bottom;
            bottom++;
        }

        int n = search.Count - top - bottom,
            m = replace.Count - top - bottom;
        if (n == 0 || m == 0 || (long)n * m > MaxAlignment)
            return kept;
        var length = new int[n + 1, m + 1];
        for (var i = n - 1; i >= 0; i--)
        for (var j = m - 1; j >= 0; j--)
            length[i, j] = search[top + i] == replace[top + j] ? length[i + 1, j + 1] + 1 : Math.Max(length[i + 1, j], length[i, j + 1]);
        for (int i = 0, j = 0; i < n && j < m; )
        {
            if (search[top + i] == replace[top + j])
                kept[top + j++] = top + i++;
            else if (length[i + 1, j] >= length[i, j + 1])
                i++;
            else
                j++;
        }
        return kept;
    }

    private static string NotFound(List<string> texts, DiffBlock block)
    {
        var reading = block.Readings[0];
        if (
            reading.Replace.Count > 0
            && reading.Replace.Any(l => l.Trim().Length > 3)
            && BlockMatcher.Find(texts, reading.Replace) is [var there, ..]
        )
            return $"its SEARCH text is not in the file, but its REPLACE text is, at line {there.Line + 1}: the change seems to be made already. Leave this block out.";
        var similar = SimilarRegion.Describe(texts, reading.Search);
        return similar is null
            ? "its SEARCH text is not in the file, nor anything like it. Read the file again with read_file and copy the lines to replace exactly."
            : $"its SEARCH text is not in the file. {similar}\nCopy the lines to replace exactly from the file (read_file shows them) and try again.";
    }

    private static List<Line> Split(string text)
    {
        var lines = new List<Line>();
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is not ('\n' or '\r'))
                continue;
            var end = text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? 2 : 1;
            lines.Add(new Line(text[start..i], text.Substring(i, end)));
            i += end - 1;
            start = i + 1;
        }
        if (start < text.Length)
            lines.Add(new Line(text[start..], ""));
        return lines;
    }

    private static string Join(List<Line> lines, string newLine, bool finalNewLine)
    {
        var text = new StringBuilder();
        for (var i = 0; i < lines.Count; i++)
        {
            text.Append(lines[i].Text);
            if (i < lines.Count - 1 || finalNewLine)
                text.Append(lines[i].End.Length > 0 ? lines[i].End : newLine);
        }
        return text.ToString();
    }
}
