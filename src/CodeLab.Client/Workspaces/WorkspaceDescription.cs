using System.Text;
using CodeLab.Protocol.Hub;

namespace CodeLab.Client.Workspaces;

/// <summary>What the server is told about a folder when a client attaches: its name, branch and the rules of the project.</summary>
public static class WorkspaceDescription
{
    /// <summary>Most bytes of one file of rules that are sent.</summary>
    public const int MaxRuleBytes = 32 * 1024;

    /// <summary>Most bytes of rules that are sent in all.</summary>
    public const int MaxRulesBytes = 128 * 1024;

    private const int MaxRuleFiles = 50;

    /// <summary>Describes a folder. Rules are <c>AGENTS.md</c> and <c>.codelab/rules/*.md</c>, in this order and by name.</summary>
    public static async Task<WorkspaceInfo> OfAsync(string root, CancellationToken cancellationToken = default)
    {
        var rules = new List<WorkspaceRule>();
        var left = MaxRulesBytes;
        foreach (var path in RuleFiles(root))
        {
            if (left <= 0)
                break;
            var text = await ReadAsync(path, Math.Min(left, MaxRuleBytes), cancellationToken);
            if (string.IsNullOrWhiteSpace(text))
                continue;
            left -= Encoding.UTF8.GetByteCount(text);
            rules.Add(new WorkspaceRule { Path = Path.GetRelativePath(root, path).Replace('\\', '/'), Content = text });
        }
        var name = new DirectoryInfo(root).Name;
        return new WorkspaceInfo
        {
            Name = name,
            RootHint = name,
            Branch = GitBranch.Of(root),
            Rules = rules,
        };
    }

    private static IEnumerable<string> RuleFiles(string root)
    {
        var agents = Path.Combine(root, "AGENTS.md");
        if (IsPlainFile(agents))
            yield return agents;

        var folder = new DirectoryInfo(Path.Combine(root, ".codelab", "rules"));
        // A linked folder may lead out of the workspace, whose outside is never sent anywhere.
        if (!folder.Exists || folder.LinkTarget is not null || folder.Parent!.LinkTarget is not null)
            yield break;
        foreach (var file in folder.EnumerateFiles("*.md").OrderBy(f => f.Name, StringComparer.Ordinal).Take(MaxRuleFiles))
            if (file.LinkTarget is null)
                yield return file.FullName;
    }

    private static bool IsPlainFile(string path)
    {
        var file = new FileInfo(path);
        return file.Exists && file.LinkTarget is null;
    }

    private static async Task<string> ReadAsync(string path, int most, CancellationToken cancellationToken)
    {
        var buffer = new byte[most + 1];
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var count = await file.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        if (count <= most)
            return Encoding.UTF8.GetString(buffer, 0, count).TrimStart('\uFEFF');

        // Cut before a character, not inside one.
        var end = most;
        while (end > 0 && (buffer[end] & 0xC0) == 0x80)
            end--;
        return Encoding.UTF8.GetString(buffer, 0, end) + "\n… (cut: the file is longer than what is sent)";
    }
}
