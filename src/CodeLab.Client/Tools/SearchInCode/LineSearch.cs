using System.Text.RegularExpressions;

namespace CodeLab.Client.Tools;

/// <summary>Finds a text or an expression in a text: the first match of each line. Pure.</summary>
internal sealed class LineSearch
{
    private readonly string _query;
    private readonly StringComparison _comparison;
    private readonly Regex? _regex;

    /// <exception cref="ToolFailure">INVALID_ARGUMENTS: the expression is malformed, or needs backtracking.</exception>
    public LineSearch(string query, bool regex, bool caseSensitive, TimeSpan timeout)
    {
        _query = TextLines.Normalize(query);
        _comparison = caseSensitive ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;
        if (!regex)
            return;
        try
        {
            // Without backtracking no expression of a model takes exponential time.
            var options = RegexOptions.NonBacktracking | RegexOptions.Multiline | RegexOptions.CultureInvariant;
            _regex = new Regex(_query, caseSensitive ? options : options | RegexOptions.IgnoreCase, timeout);
        }
        catch (NotSupportedException)
        {
            throw new ToolFailure(
                ToolErrorCodes.InvalidArguments,
                "The expression uses a lookaround, a back-reference, an atomic group or is too large, which this search does not support. Use a simpler expression, or \"regex\": false."
            );
        }
        catch (ArgumentException e)
        {
            throw new ToolFailure(
                ToolErrorCodes.InvalidArguments,
                $"The expression is malformed: {e.Message} Correct it, or use \"regex\": false to search for the text itself."
            );
        }
    }

    /// <exception cref="RegexMatchTimeoutException">The expression took too long.</exception>
    public IReadOnlyList<SearchMatch> Find(string file, string normalized, int maxMatches, int maxLine)
    {
        var matches = new List<SearchMatch>();
        int position = 0,
            line = 1,
            counted = 0;
        while (position <= normalized.Length && matches.Count < maxMatches && Next(normalized, position) is { } match)
        {
            line += normalized.AsSpan(counted, match.Index - counted).Count('\n');
            counted = match.Index;
            var start = match.Index == 0 ? 0 : normalized.LastIndexOf('\n', match.Index - 1) + 1;
            var end = normalized.IndexOf('\n', match.Index);
            if (end < 0)
                end = normalized.Length;
            // The empty place after the last newline is no line.
            if (match.Index == normalized.Length && start == normalized.Length && normalized.Length > 0)
                break;

            var column = match.Index - start;
            var text = normalized.Substring(match.Index, Math.Min(match.Length, maxLine));
            matches.Add(new SearchMatch(file, line, column + 1, text, Cut(normalized[start..end], column, maxLine)));
            position = end + 1;
        }
        return matches;
    }

    private (int Index, int Length)? Next(string text, int from)
    {
        if (_regex is null)
        {
            var index = text.IndexOf(_query, from, _comparison);
            return index < 0 ? null : (index, _query.Length);
        }
        foreach (var match in _regex.EnumerateMatches(text, from))
            return (match.Index, match.Length);
        return null;
    }

    // A long line shows what is around its match.
    private static string Cut(string line, int column, int max)
    {
        if (line.Length <= max)
            return line;
        var start = Math.Clamp(column - max / 4, 0, line.Length - max);
        var cut = line.Substring(start, max);
        return $"{(start > 0 ? "…" : "")}{cut}{(start + max < line.Length ? "…" : "")}";
    }
}
