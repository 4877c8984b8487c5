namespace CodeLab.Client.Workspaces;

/// <summary>The branch a folder is on, read from <c>.git/HEAD</c>: starting git for one line costs more than the line.</summary>
internal static class GitBranch
{
    private const string Prefix = "ref: refs/heads/";

    public static string? Of(string root)
    {
        for (var folder = new DirectoryInfo(root); folder is not null; folder = folder.Parent)
        {
            var git = Path.Combine(folder.FullName, ".git");
            if (Directory.Exists(git))
                return FromHead(Path.Combine(git, "HEAD"));
            // A worktree or submodule has a file that names the folder.
            if (File.Exists(git))
                return FromHead(Path.Combine(folder.FullName, Target(git), "HEAD"));
        }
        return null;
    }

    private static string Target(string file)
    {
        var text = File.ReadAllText(file).Trim();
        return text.StartsWith("gitdir: ", StringComparison.Ordinal) ? text["gitdir: ".Length..] : ".git";
    }

    private static string? FromHead(string head)
    {
        if (!File.Exists(head))
            return null;
        var text = File.ReadAllText(head).Trim();
        if (text.StartsWith(Prefix, StringComparison.Ordinal))
            return text[Prefix.Length..];
        return text.Length >= 7 ? text[..7] : null;
    }
}
