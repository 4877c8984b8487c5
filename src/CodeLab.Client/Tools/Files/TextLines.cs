namespace CodeLab.Client.Tools;

/// <summary>Newlines and lines of a text. Pure.</summary>
internal static class TextLines
{
    /// <summary>The text as the model sees it: only <c>\n</c>.</summary>
    public static string Normalize(string text) =>
        text.Contains('\r', StringComparison.Ordinal) ? text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n') : text;

    /// <summary>The ending most lines have; null when there is no line ending.</summary>
    public static string? Majority(string text)
    {
        int crlf = 0,
            lf = 0,
            cr = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\n')
                lf++;
            else if (text[i] == '\r')
            {
                if (i + 1 < text.Length && text[i + 1] == '\n')
                {
                    crlf++;
                    i++;
                }
                else
                    cr++;
            }
        }
        if (crlf + lf + cr == 0)
            return null;
        return crlf >= lf && crlf >= cr ? "\r\n"
            : lf >= cr ? "\n"
            : "\r";
    }

    /// <summary>The lines of a normalised text; a newline at the end does not begin another line.</summary>
    public static IReadOnlyList<string> Split(string normalized)
    {
        if (normalized.Length == 0)
            return [];
        var lines = normalized.Split('\n');
        return lines[^1].Length == 0 ? lines[..^1] : lines;
    }

    /// <summary>How many lines were added and removed, by multiset: cheap, and right for edits that do not reorder.</summary>
    public static (int Added, int Removed) Changed(string oldNormalized, string newNormalized)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var line in Split(oldNormalized))
            counts[line] = counts.GetValueOrDefault(line) + 1;
        var added = 0;
        foreach (var line in Split(newNormalized))
        {
            var left = counts.GetValueOrDefault(line);
            if (left == 0)
                added++;
            else
                counts[line] = left - 1;
        }
        return (added, counts.Values.Sum());
    }
}
