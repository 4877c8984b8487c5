namespace CodeLab.Client.Tools;

/// <summary>
/// Shell patterns over paths with <c>/</c>: <c>*</c> and <c>?</c> within a name, <c>**</c> across names, <c>[a-z]</c>, <c>{a,b}</c>.
/// Pure, and bounded: no pattern takes exponential time.
/// </summary>
internal static class Glob
{
    private const int MaxAlternatives = 64;

    /// <summary>Whether the pattern matches the whole path.</summary>
    public static bool IsMatch(string pattern, string path, bool ignoreCase = false)
    {
        foreach (var alternative in Expand(pattern))
            if (Match(alternative.Split('/'), path.Split('/'), ignoreCase))
                return true;
        return false;
    }

    /// <summary>Whether a pattern of the model means this file: without a slash its name, otherwise its path.</summary>
    public static bool Selects(string pattern, string relative)
    {
        var plain = pattern.Replace('\\', '/').TrimStart('/');
        if (plain.StartsWith("./", StringComparison.Ordinal))
            plain = plain[2..];
        // Models also separate patterns by commas outside braces: "*.ts,*.tsx".
        foreach (var part in SplitCommas(plain))
        {
            var subject = part.Contains('/', StringComparison.Ordinal) ? relative : relative[(relative.LastIndexOf('/') + 1)..];
            if (IsMatch(part, subject))
                return true;
        }
        return false;
    }

    /// <summary>Matches lists of names, without brace expansion. By dynamic programming over <c>**</c>.</summary>
    internal static bool Match(ReadOnlySpan<string> pattern, ReadOnlySpan<string> names, bool ignoreCase)
    {
        // reachable[j]: the pattern so far matches the first j names.
        var reachable = new bool[names.Length + 1];
        reachable[0] = true;
        for (var i = 0; i < pattern.Length; i++)
        {
            var next = new bool[names.Length + 1];
            if (pattern[i] == "**")
            {
                // At the end '**' wants at least one name: 'a/**' is what is in a, not a itself.
                var last = i == pattern.Length - 1 && pattern.Length > 1;
                var any = false;
                for (var j = 0; j <= names.Length; j++)
                {
                    if (last)
                        next[j] = any;
                    any |= reachable[j];
                    if (!last)
                        next[j] = any;
                }
            }
            else
            {
                for (var j = 0; j < names.Length; j++)
                    if (reachable[j] && MatchName(pattern[i], names[j], ignoreCase))
                        next[j + 1] = true;
            }
            reachable = next;
        }
        return reachable[names.Length];
    }

    /// <summary>One name against one pattern; remembering only the last star is enough, since stars are greedy from the left.</summary>
    internal static bool MatchName(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name, bool ignoreCase)
    {
        int p = 0,
            n = 0,
            star = -1,
            mark = 0;
        while (n < name.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                mark = n;
            }
            else if (p < pattern.Length && MatchOne(pattern[p..], name[n], ignoreCase, out var used))
            {
                p += used;
                n++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                n = ++mark;
            }
            else
                return false;
        }
        while (p < pattern.Length && pattern[p] == '*')
            p++;
        return p == pattern.Length;
    }

    private static bool MatchOne(ReadOnlySpan<char> pattern, char c, bool ignoreCase, out int used)
    {
        used = 1;
        switch (pattern[0])
        {
            case '?':
                return true;
            case '\\' when pattern.Length > 1:
                used = 2;
                return Same(pattern[1], c, ignoreCase);
            case '[':
                var end = ClassEnd(pattern);
                if (end < 0)
                    return c == '[';
                used = end + 1;
                return InClass(pattern[1..end], c, ignoreCase);
            default:
                return Same(pattern[0], c, ignoreCase);
        }
    }

    private static int ClassEnd(ReadOnlySpan<char> pattern)
    {
        var i = 1;
        if (i < pattern.Length && pattern[i] is '!' or '^')
            i++;
        if (i < pattern.Length && pattern[i] == ']')
            i++;
        for (; i < pattern.Length; i++)
        {
            if (pattern[i] == '\\')
                i++;
            else if (pattern[i] == ']')
                return i;
        }
        return -1;
    }

    private static bool InClass(ReadOnlySpan<char> set, char c, bool ignoreCase)
    {
        var negated = set.Length > 0 && set[0] is '!' or '^';
        var found = false;
        for (var i = negated ? 1 : 0; i < set.Length; i++)
        {
            if (set[i] == '\\' && i + 1 < set.Length)
                i++;
            var from = set[i];
            var to = from;
            if (i + 2 < set.Length && set[i + 1] == '-')
            {
                to = set[i + 2];
                i += 2;
            }
            if (c >= from && c <= to)
                found = true;
            if (
                ignoreCase
                && (
                    (char.ToLowerInvariant(c) >= from && char.ToLowerInvariant(c) <= to)
                    || (char.ToUpperInvariant(c) >= from && char.ToUpperInvariant(c) <= to)
                )
            )
                found = true;
        }
        return found != negated;
    }

    private static bool Same(char a, char b, bool ignoreCase) =>
        a == b || (ignoreCase && char.ToLowerInvariant(a) == char.ToLowerInvariant(b));

    private static IEnumerable<string> SplitCommas(string pattern)
    {
        int depth = 0,
            start = 0;
        for (var i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] == '{')
                depth++;
            else if (pattern[i] == '}')
                depth--;
            else if (pattern[i] == ',' && depth <= 0)
            {
                yield return pattern[start..i].Trim();
                start = i + 1;
            }
        }
        yield return pattern[start..].Trim();
    }

    private static List<string> Expand(string pattern)
    {
        var done = new List<string>();
        var pending = new Queue<string>([pattern]);
        while (pending.TryDequeue(out var next))
        {
            var open = next.IndexOf('{', StringComparison.Ordinal);
            var close = open < 0 ? -1 : CloseOf(next, open);
            if (close < 0 || done.Count + pending.Count >= MaxAlternatives)
            {
                done.Add(next);
                continue;
            }
            int depth = 0,
                start = open + 1;
            for (var i = open + 1; i <= close; i++)
            {
                if (next[i] == '{')
                    depth++;
                else if (next[i] == '}' && i < close)
                    depth--;
                else if (i == close || (next[i] == ',' && depth == 0))
                {
                    pending.Enqueue(string.Concat(next.AsSpan(0, open), next.AsSpan(start, i - start), next.AsSpan(close + 1)));
                    start = i + 1;
                }
            }
        }
        return done;
    }

    private static int CloseOf(string text, int open)
    {
        var depth = 0;
        for (var i = open; i < text.Length; i++)
        {
            if (text[i] == '{')
                depth++;
            else if (text[i] == '}' && --depth == 0)
                return i;
        }
        return -1;
    }
}
