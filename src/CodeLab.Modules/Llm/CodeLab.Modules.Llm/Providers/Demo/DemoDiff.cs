using System.Globalization;
using System.Text.RegularExpressions;

namespace CodeLab.Modules.Llm.Providers.Demo;

/// <summary>Writes the SEARCH/REPLACE block of <c>apply_diff</c> (design.md §14) that adds a line after the last one.</summary>
internal static class DemoDiff
{
    /// <summary>The block, or null when the file holds nothing to search for.</summary>
    public static string? Append(string content, string line)
    {
        var lines = content.ReplaceLineEndings("\n").Split('\n');
        var last = Array.FindLastIndex(lines, l => !string.IsNullOrWhiteSpace(l));
        if (last < 0)
            return null;
        // As many lines as make the place unmistakable.
        var first = last;
        while (first > 0 && Occurrences(lines, lines[first..(last + 1)]) > 1)
            first--;
        var search = string.Join('\n', lines[first..(last + 1)]);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"<<<<<<< SEARCH\n:start_line:{first + 1}\n-------\n{search}\n=======\n{search}\n{line}\n>>>>>>> REPLACE\n"
        );
    }

    private static int Occurrences(string[] lines, string[] part)
    {
        var count = 0;
        for (var i = 0; i + part.Length <= lines.Length; i++)
        {
            if (lines.AsSpan(i, part.Length).SequenceEqual(part))
                count++;
        }
        return count;
    }
}

/// <summary>Makes up the line that is added.</summary>
internal static partial class DemoLine
{
    /// <summary>What the task quotes, else a sentence that names the task, as a comment where the file is code.</summary>
    public static string For(string task, string file)
    {
        if (
            Quoted().Match(task) is { Success: true } quoted
            && !quoted.Groups["text"].Value.Equals(file, StringComparison.OrdinalIgnoreCase)
        )
            return quoted.Groups["text"].Value.Trim();
        var words = Blanks().Replace(task, " ").Trim();
        if (words.Length > 100)
            words = words[..100].TrimEnd() + "…";
        var sentence = $"Added by codelab-demo for the task: {words}";
        return Path.GetExtension(file).ToLowerInvariant() switch
        {
            ".cs"
            or ".ts"
            or ".tsx"
            or ".js"
            or ".jsx"
            or ".java"
            or ".go"
            or ".rs"
            or ".c"
            or ".h"
            or ".cpp"
            or ".dart"
            or ".kt"
            or ".swift" => "// " + sentence,
            ".py" or ".sh" or ".rb" or ".yml" or ".yaml" or ".toml" or ".ps1" or ".r" => "# " + sentence,
            ".html" or ".xml" or ".xaml" or ".csproj" => $"<!-- {sentence.Replace("--", "—", StringComparison.Ordinal)} -->",
            ".sql" or ".lua" => "-- " + sentence,
            _ => sentence,
        };
    }

    [GeneratedRegex(
        "(?:\"(?<text>[^\"\n]{1,200})\"|“(?<text>[^”\n]{1,200})”|«(?<text>[^»\n]{1,200})»)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Blanks();
}
