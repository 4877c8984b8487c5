namespace CodeLab.Modules.Agent.Approvals;

/// <summary>
/// Globs over workspace paths: <c>*</c> and <c>?</c> stay within a part, <c>**</c> spans parts, and a pattern without <c>/</c> matches the
/// last part anywhere. No character classes and no negation: a rule about rights must read the same to everybody.
/// </summary>
internal static class PathGlob
{
    /// <summary>True when the whole path matches.</summary>
    /// <param name="pattern">The glob.</param>
    /// <param name="path">Path as <see cref="Tools.WorkspacePath.Normalize"/> returns it.</param>
    /// <param name="ignoreCase">Off for what is allowed, on for what is guarded: each errs on the safe side.</param>
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> path, bool ignoreCase = false)
    {
        if (!pattern.Contains('/'))
            return MatchesPart(pattern, path[(path.LastIndexOf('/') + 1)..], ignoreCase);
        return MatchesParts(pattern, path, ignoreCase);
    }

    private static bool MatchesParts(ReadOnlySpan<char> pattern, ReadOnlySpan<char> path, bool ignoreCase)
    {
        while (true)
        {
            var patternEnd = pattern.IndexOf('/');
            var part = patternEnd < 0 ? pattern : pattern[..patternEnd];
            var rest = patternEnd < 0 ? default : pattern[(patternEnd + 1)..];
            if (part is "**")
            {
                if (patternEnd < 0)
                    return path.Length > 0;
                for (var tail = path; ; )
                {
                    if (MatchesParts(rest, tail, ignoreCase))
                        return true;
                    var slash = tail.IndexOf('/');
                    if (slash < 0)
                        return false;
                    tail = tail[(slash + 1)..];
                }
            }
            var pathEnd = path.IndexOf('/');
            if (!MatchesPart(part, pathEnd < 0 ? path : path[..pathEnd], ignoreCase))
                return false;
            if (patternEnd < 0 || pathEnd < 0)
                return patternEnd < 0 && pathEnd < 0;
            pattern = rest;
            path = path[(pathEnd + 1)..];
        }
    }

    private static bool MatchesPart(ReadOnlySpan<char> pattern, ReadOnlySpan<char> part, bool ignoreCase)
    {
        // Linear: only the last star is ever tried again.
        int p = 0,
            t = 0,
            star = -1,
            mark = 0;
        while (t < part.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                mark = t;
            }
            else if (p < pattern.Length && (pattern[p] == '?' || Same(pattern[p], part[t], ignoreCase)))
            {
                p++;
                t++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                t = ++mark;
            }
            else
            {
                return false;
            }
        }
        while (p < pattern.Length && pattern[p] == '*')
            p++;
        return p == pattern.Length;
    }

    private static bool Same(char a, char b, bool ignoreCase) =>
        a == b || ignoreCase && char.ToLowerInvariant(a) == char.ToLowerInvariant(b);
}
