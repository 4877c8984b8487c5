namespace CodeLab.Client.Tools;

/// <summary>The rules of one <c>.gitignore</c> (gitignore(5)). Pure.</summary>
/// <param name="Base">The directory the file lies in, relative to the workspace; empty for the workspace itself.</param>
/// <param name="Rules">In the order of the file; the last that matches decides.</param>
internal sealed record IgnoreFile(string Base, IReadOnlyList<IgnoreRule> Rules)
{
    public static IgnoreFile Parse(string directory, string text)
    {
        var rules = new List<IgnoreRule>();
        foreach (var line in TextLines.Normalize(text).Split('\n'))
            if (IgnoreRule.Parse(line) is { } rule)
                rules.Add(rule);
        return new IgnoreFile(directory, rules);
    }

    /// <summary>True: ignored; false: taken back by <c>!</c>; null: no rule speaks of it.</summary>
    /// <param name="relative">The path relative to the workspace, below <see cref="Base"/>.</param>
    /// <param name="directory">Whether it is a directory.</param>
    public bool? Ignores(string relative, bool directory)
    {
        var path = Base.Length == 0 ? relative : relative[(Base.Length + 1)..];
        for (var i = Rules.Count - 1; i >= 0; i--)
            if (Rules[i].Matches(path, directory))
                return !Rules[i].Negated;
        return null;
    }
}

/// <summary>A line of a <c>.gitignore</c>.</summary>
/// <param name="Segments">The pattern, split at <c>/</c>.</param>
/// <param name="Anchored">Whether it is meant from the directory of the file; otherwise it is for names at any depth.</param>
/// <param name="DirectoryOnly">Whether it ended in <c>/</c>.</param>
/// <param name="Negated">Whether it began with <c>!</c>.</param>
internal sealed record IgnoreRule(string[] Segments, bool Anchored, bool DirectoryOnly, bool Negated)
{
    public static IgnoreRule? Parse(string line)
    {
        var pattern = line;
        // Blanks at the end go, unless the last is quoted.
        while (pattern.EndsWith(' ') && !pattern.EndsWith("\\ ", StringComparison.Ordinal))
            pattern = pattern[..^1];
        if (pattern.Length == 0 || pattern[0] == '#')
            return null;
        var negated = pattern[0] == '!';
        if (negated)
            pattern = pattern[1..];
        var directoryOnly = pattern.EndsWith('/');
        pattern = pattern.TrimEnd('/');
        if (pattern.Length == 0)
            return null;
        var anchored = pattern.Contains('/', StringComparison.Ordinal);
        return new IgnoreRule(pattern.TrimStart('/').Split('/'), anchored, directoryOnly, negated);
    }

    public bool Matches(string path, bool directory)
    {
        if (DirectoryOnly && !directory)
            return false;
        if (!Anchored)
            return Glob.MatchName(Segments[0], path.AsSpan(path.LastIndexOf('/') + 1), ignoreCase: false);
        return Glob.Match(Segments, path.Split('/'), ignoreCase: false);
    }
}
