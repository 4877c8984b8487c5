namespace CodeLab.Client.Tools;

/// <summary>An entry of a directory. Links are not followed.</summary>
internal sealed record WalkEntry(string Relative, FileSystemInfo Info, bool IsLink)
{
    public bool IsDirectory => Info is DirectoryInfo && !IsLink;
}

/// <summary>Walks a workspace level by level, honouring <c>.gitignore</c> files, without following links.</summary>
internal static class FileWalk
{
    private const int MaxIgnoreFileBytes = 512 * 1024;
    private static readonly string[] Repositories = [".git", ".hg", ".svn"];

    /// <summary>The entries below a directory: of each directory first its folders, then its files, by name.</summary>
    /// <param name="root">The workspace.</param>
    /// <param name="start">A resolved directory in it; it is walked even when it is ignored itself.</param>
    /// <param name="maxDepth">1 for its own entries only.</param>
    /// <param name="includeHidden">Whether names that begin with a dot count.</param>
    /// <param name="cancellationToken">Stops the walk.</param>
    public static IEnumerable<WalkEntry> Enumerate(
        WorkspaceRoot root,
        string start,
        int maxDepth,
        bool includeHidden,
        CancellationToken cancellationToken
    )
    {
        var pending = new Queue<(string Path, int Depth, IReadOnlyList<IgnoreFile> Rules)>();
        pending.Enqueue((start, 1, RulesAbove(root, start)));
        while (pending.TryDequeue(out var directory))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var rules = Extend(root, directory.Rules, directory.Path);
            foreach (var entry in Entries(root, directory.Path))
            {
                if (!includeHidden && entry.Info.Name[0] == '.')
                    continue;
                if (Ignored(rules, entry))
                    continue;
                yield return entry;
                if (entry.IsDirectory && directory.Depth < maxDepth && !Repositories.Contains(entry.Info.Name, StringComparer.Ordinal))
                    pending.Enqueue((entry.Info.FullName, directory.Depth + 1, rules));
            }
        }
    }

    private static List<WalkEntry> Entries(WorkspaceRoot root, string directory)
    {
        try
        {
            return
            [
                .. new DirectoryInfo(directory)
                    .EnumerateFileSystemInfos()
                    .Select(info => new WalkEntry(root.RelativeOf(info.FullName), info, info.LinkTarget is not null))
                    .OrderBy(e => e.IsDirectory ? 0 : 1)
                    .ThenBy(e => e.Info.Name, StringComparer.OrdinalIgnoreCase)
                    .ThenBy(e => e.Info.Name, StringComparer.Ordinal),
            ];
        }
        catch (Exception e) when (e is UnauthorizedAccessException or DirectoryNotFoundException)
        {
            // A directory that may not be read, or has just gone, is shown without its entries; the rest of the walk still helps.
            return [];
        }
    }

    // The deepest file that speaks of an entry decides.
    private static bool Ignored(IReadOnlyList<IgnoreFile> rules, WalkEntry entry)
    {
        for (var i = rules.Count - 1; i >= 0; i--)
            if (rules[i].Ignores(entry.Relative, entry.IsDirectory) is { } ignored)
                return ignored;
        return false;
    }

    private static IReadOnlyList<IgnoreFile> RulesAbove(WorkspaceRoot root, string start)
    {
        IReadOnlyList<IgnoreFile> rules = [];
        if (string.Equals(start, root.FullPath, WorkspaceRoot.PathComparison))
            return rules;
        if (ReadRules(Path.Combine(root.FullPath, ".git", "info", "exclude"), "") is { } exclude)
            rules = [exclude];
        var current = root.FullPath;
        foreach (var name in root.RelativeOf(start).Split('/')[..^1])
        {
            rules = Extend(root, rules, current);
            current = Path.Combine(current, name);
        }
        return Extend(root, rules, current);
    }

    private static IReadOnlyList<IgnoreFile> Extend(WorkspaceRoot root, IReadOnlyList<IgnoreFile> rules, string directory)
    {
        var relative = root.RelativeOf(directory);
        var top = relative == ".";
        if (top && rules.Count == 0 && ReadRules(Path.Combine(directory, ".git", "info", "exclude"), "") is { } exclude)
            rules = [exclude];
        return ReadRules(Path.Combine(directory, ".gitignore"), top ? "" : relative) is { } file ? [.. rules, file] : rules;
    }

    private static IgnoreFile? ReadRules(string path, string directory)
    {
        var file = new FileInfo(path);
        // A link could lead out of the workspace, and Git does not follow it either.
        if (!file.Exists || file.LinkTarget is not null || file.Length > MaxIgnoreFileBytes)
            return null;
        try
        {
            return IgnoreFile.Parse(directory, File.ReadAllText(path));
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            // Without its rules more is shown, never less.
            return null;
        }
    }
}
