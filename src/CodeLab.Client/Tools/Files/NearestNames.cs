namespace CodeLab.Client.Tools;

/// <summary>Finds what a model may have meant by a path that does not exist.</summary>
internal static class NearestNames
{
    private const int MaxVisited = 5_000;
    private const int MaxAnswers = 3;

    /// <summary>Up to three existing paths: the same name elsewhere first, then similar names.</summary>
    public static IReadOnlyList<string> For(WorkspaceRoot root, ResolvedPath missing)
    {
        var wanted = missing.Relative.Split('/')[^1];
        var ranked = new List<(int Rank, string Path)>();
        var visited = 0;
        var pending = new Queue<string>([root.FullPath]);
        while (pending.TryDequeue(out var directory) && visited < MaxVisited)
        {
            IEnumerable<FileSystemInfo> entries;
            try
            {
                entries = new DirectoryInfo(directory).GetFileSystemInfos();
            }
            catch (Exception e) when (e is UnauthorizedAccessException or IOException)
            {
                // A hint is worth no error: what cannot be listed holds no hint.
                continue;
            }
            foreach (var entry in entries)
            {
                if (++visited >= MaxVisited)
                    break;
                if (entry is DirectoryInfo)
                {
                    if (entry.LinkTarget is null && entry.Name is not (".git" or "node_modules" or "bin" or "obj"))
                        pending.Enqueue(entry.FullName);
                    continue;
                }
                if (Rank(wanted, entry.Name) is { } rank)
                    ranked.Add((rank, root.RelativeOf(entry.FullName)));
            }
        }
        return [.. ranked.OrderBy(r => r.Rank).ThenBy(r => Distance(missing.Relative, r.Path)).Take(MaxAnswers).Select(r => r.Path)];
    }

    private static int? Rank(string wanted, string name)
    {
        if (string.Equals(wanted, name, StringComparison.Ordinal))
            return 0;
        if (string.Equals(wanted, name, StringComparison.OrdinalIgnoreCase))
            return 1;
        var allowed = Math.Max(1, wanted.Length / 4);
        if (Math.Abs(wanted.Length - name.Length) > allowed)
            return null;
        var distance = Distance(wanted.ToLowerInvariant(), name.ToLowerInvariant());
        return distance <= allowed ? 1 + distance : null;
    }

    /// <summary>Levenshtein's distance.</summary>
    public static int Distance(string a, string b)
    {
        var previous = new int[b.Length + 1];
        var current = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++)
            previous[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (var j = 1; j <= b.Length; j++)
                current[j] = Math.Min(Math.Min(previous[j] + 1, current[j - 1] + 1), previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            (previous, current) = (current, previous);
        }
        return previous[b.Length];
    }
}
