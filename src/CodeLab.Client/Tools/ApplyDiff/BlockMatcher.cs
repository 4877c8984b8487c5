using System.Text;

namespace CodeLab.Client.Tools;

/// <summary>How exactly a block was found; the smaller, the better.</summary>
internal enum MatchKind
{
    Exact,
    TrailingSpace,
    Indentation,
    Typography,
    TypographyAndIndentation,
}

/// <summary>A place where the old text of a block stands.</summary>
/// <param name="Line">The first line, from 0.</param>
/// <param name="Kind">How exactly.</param>
/// <param name="Shift">How the new text is to be indented.</param>
internal sealed record BlockMatch(int Line, MatchKind Kind, Indentation? Shift);

/// <summary>Finds the places of a text in the lines of a file, in steps from exact to tolerant. Pure.</summary>
internal static class BlockMatcher
{
    private static readonly MatchKind[] Steps = Enum.GetValues<MatchKind>();

    /// <summary>All places of the first step that has any.</summary>
    public static IReadOnlyList<BlockMatch> Find(IReadOnlyList<string> lines, IReadOnlyList<string> search)
    {
        if (search.Count == 0 || search.Count > lines.Count)
            return [];
        foreach (var step in Steps)
        {
            var matches = FindAt(lines, search, step);
            if (matches.Count > 0)
                return matches;
        }
        return [];
    }

    private static List<BlockMatch> FindAt(IReadOnlyList<string> lines, IReadOnlyList<string> search, MatchKind step)
    {
        var wanted = search.Select(line => Key(line, step)).ToArray();
        var keys = new string?[lines.Count];
        var matches = new List<BlockMatch>();
        for (var start = 0; start + wanted.Length <= lines.Count; start++)
        {
            var i = 0;
            while (i < wanted.Length && string.Equals(keys[start + i] ??= Key(lines[start + i], step), wanted[i], StringComparison.Ordinal))
                i++;
            if (i < wanted.Length)
                continue;

            Indentation? shift = null;
            if (step is MatchKind.Indentation or MatchKind.TypographyAndIndentation)
            {
                var pairs = new List<(string, string)>();
                for (var j = 0; j < search.Count; j++)
                    if (wanted[j].Length > 0)
                        pairs.Add((Indentation.Of(search[j]), Indentation.Of(lines[start + j])));
                shift = Indentation.Between(pairs);
                if (shift is null)
                    continue;
            }
            matches.Add(new BlockMatch(start, step, shift));
        }
        return matches;
    }

    private static string Key(string line, MatchKind step) =>
        step switch
        {
            MatchKind.Exact => line,
            MatchKind.TrailingSpace => line.TrimEnd(),
            MatchKind.Indentation => line.Trim(),
            MatchKind.Typography => Plain(line).TrimEnd(),
            _ => Plain(line).Trim(),
        };

    /// <summary>The line with typographic quotes, dashes and blanks made plain: models swap them without knowing.</summary>
    public static string Plain(string line)
    {
        var i = 0;
        while (i < line.Length && line[i] < 0x80)
            i++;
        if (i == line.Length)
            return line;

        var plain = new StringBuilder(line.Length);
        foreach (var c in line.Normalize(NormalizationForm.FormC))
        {
            switch (c)
            {
                case '\u2018' or '\u2019' or '\u201A' or '\u201B' or '\u2032' or '\u00B4':
                    plain.Append('\'');
                    break;
                case '\u201C' or '\u201D' or '\u201E' or '\u201F' or '\u2033' or '\u00AB' or '\u00BB':
                    plain.Append('"');
                    break;
                case '\u2010' or '\u2011' or '\u2012' or '\u2013' or '\u2014' or '\u2015' or '\u2212':
                    plain.Append('-');
                    break;
                case '\u00A0' or '\u202F' or '\u2007' or '\u2009' or '\u2003' or '\u2002':
                    plain.Append(' ');
                    break;
                case '\u2026':
                    plain.Append("...");
                    break;
                case '\u200B' or '\u200C' or '\u200D' or '\uFEFF':
                    break;
                default:
                    plain.Append(c);
                    break;
            }
        }
        return plain.ToString();
    }
}
