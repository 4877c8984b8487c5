using System.Globalization;
using System.Text.RegularExpressions;

namespace CodeLab.Client.Tools;

/// <summary>Takes off the line numbers a model has copied from a listing into its diff (<c>12 | code</c>). Pure.</summary>
internal static partial class LineNumbers
{
    /// <summary>The reading without numbers; null unless every line of the old text has one and they count up.</summary>
    public static BlockReading? Strip(BlockReading reading)
    {
        if (reading.Search.Count == 0 || StripLines(reading.Search, counting: true) is not { } search)
            return null;
        // The new text has numbers or has none; numbers on some lines only would be text.
        var replace = StripLines(reading.Replace, counting: false) is { } stripped ? stripped.Lines : reading.Replace;
        return reading with { Search = search.Lines, Replace = replace, Hint = search.First };
    }

    private static (IReadOnlyList<string> Lines, int First)? StripLines(IReadOnlyList<string> lines, bool counting)
    {
        var stripped = new List<string>();
        int? first = null;
        var previous = -1;
        foreach (var line in lines)
        {
            if (Numbered().Match(line) is not { Success: true } match)
            {
                if (!string.IsNullOrWhiteSpace(line))
                    return null;
                stripped.Add("");
                if (previous >= 0)
                    previous++;
                continue;
            }
            var number = int.Parse(match.Groups["number"].ValueSpan, CultureInfo.InvariantCulture);
            if (counting && previous >= 0 && number != previous + 1)
                return null;
            previous = number;
            first ??= number;
            stripped.Add(match.Groups["text"].Value);
        }
        return first is { } start ? (stripped, start) : null;
    }

    [GeneratedRegex(
        @"^[ \t]*(?<number>\d{1,7})(?:[ \t]?[|│→:][ ]?|\t)(?<text>.*)$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        2000
    )]
    private static partial Regex Numbered();
}
