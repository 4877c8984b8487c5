using System.Globalization;
using System.Text;

namespace CodeLab.Client.Tools;

/// <summary>Finds and shows what in a file looks most like a text that was not found, so that the model can correct itself. Pure.</summary>
internal static class SimilarRegion
{
    private const int Context = 2;
    private const int MaxShown = 16;
    private const int MaxShownWidth = 160;
    private const int MaxFuzzyLines = 20_000;

    /// <summary>A sentence with numbered lines; null when nothing is similar.</summary>
    public static string? Describe(IReadOnlyList<string> lines, IReadOnlyList<string> search)
    {
        var start = BestByEqualLines(lines, search) ?? BestByLikeness(lines, search);
        if (start is not { } at)
            return null;

        var first = Math.Max(0, at - Context);
        var last = Math.Min(lines.Count, Math.Min(at + search.Count, at + MaxShown) + Context);
        var shown = new StringBuilder("The most similar text is:\n");
        for (var i = first; i < last; i++)
            shown.Append(CultureInfo.InvariantCulture, $"{i + 1, 5} | {Cut(lines[i])}\n");
        for (var i = 0; i < search.Count && at + i < lines.Count; i++)
        {
            if (string.Equals(BlockMatcher.Plain(search[i]).Trim(), BlockMatcher.Plain(lines[at + i]).Trim(), StringComparison.Ordinal))
                continue;
            shown.Append(
                CultureInfo.InvariantCulture,
                $"The first difference is in line {at + i + 1}: the file has '{Cut(lines[at + i].Trim())}', your SEARCH has '{Cut(search[i].Trim())}'.\n"
            );
            break;
        }
        return shown.ToString().TrimEnd();
    }

    // Counts for each start how many lines would agree, by walking over the equal lines only.
    private static int? BestByEqualLines(IReadOnlyList<string> lines, IReadOnlyList<string> search)
    {
        var where = new Dictionary<string, List<int>>(StringComparer.Ordinal);
        for (var i = 0; i < lines.Count; i++)
        {
            var key = lines[i].Trim();
            // Brackets and the like are everywhere and say nothing.
            if (key.Length < 4)
                continue;
            if (!where.TryGetValue(key, out var places))
                where[key] = places = [];
            if (places.Count < 200)
                places.Add(i);
        }
        var votes = new Dictionary<int, int>();
        for (var j = 0; j < search.Count; j++)
            if (where.TryGetValue(search[j].Trim(), out var places))
                foreach (var place in places)
                    votes[place - j] = votes.GetValueOrDefault(place - j) + 1;
        if (votes.Count == 0)
            return null;
        var best = votes.OrderByDescending(v => v.Value).ThenBy(v => v.Key).First();
        return Math.Clamp(best.Key, 0, Math.Max(0, lines.Count - 1));
    }

    private static int? BestByLikeness(IReadOnlyList<string> lines, IReadOnlyList<string> search)
    {
        var anchor = search
            .Select((line, index) => (Line: line.Trim(), Index: index))
            .OrderByDescending(l => l.Line.Length)
            .FirstOrDefault();
        if (anchor.Line is not { Length: >= 3 })
            return null;
        var wanted = Pairs(anchor.Line);
        var (best, place) = (0.5, -1);
        for (var i = 0; i < Math.Min(lines.Count, MaxFuzzyLines); i++)
        {
            var line = lines[i].AsSpan().Trim();
            if (line.Length * 3 < anchor.Line.Length || line.Length > anchor.Line.Length * 3)
                continue;
            var score = Likeness(wanted, Pairs(line));
            if (score > best)
                (best, place) = (score, i);
        }
        return place < 0 ? null : Math.Max(0, place - anchor.Index);
    }

    private static HashSet<int> Pairs(ReadOnlySpan<char> text)
    {
        var pairs = new HashSet<int>();
        for (var i = 0; i + 1 < text.Length && i < 400; i++)
            pairs.Add((char.ToLowerInvariant(text[i]) << 16) | char.ToLowerInvariant(text[i + 1]));
        return pairs;
    }

    // Dice's coefficient over pairs of letters.
    private static double Likeness(HashSet<int> a, HashSet<int> b)
    {
        if (a.Count + b.Count == 0)
            return 0;
        var common = 0;
        foreach (var pair in a)
            if (b.Contains(pair))
                common++;
        return 2.0 * common / (a.Count + b.Count);
    }

    private static string Cut(string line) => line.Length <= MaxShownWidth ? line : string.Concat(line.AsSpan(0, MaxShownWidth), "…");
}
