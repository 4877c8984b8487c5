using System.Collections.Concurrent;

namespace CodeLab.Client.Tools;

/// <summary>
/// The directory the tools may touch, and the second gate of the jail: where a path really leads. Every link is followed component by
/// component (a look at the last component alone misses linked directories), and the place where the walk ends is judged.
/// </summary>
public sealed class WorkspaceRoot
{
    private const int MaxLinks = 40;

    // Two sessions on one directory must not write at the same time, so the lock belongs to the directory, not to this object.
    private static readonly ConcurrentDictionary<string, SemaphoreSlim> WriteGates = new(StringComparer.Ordinal);

    private readonly string _prefix;

    private WorkspaceRoot(string path)
    {
        FullPath = path;
        _prefix = Path.EndsInDirectorySeparator(path) ? path : path + Path.DirectorySeparatorChar;
        WriteGate = WriteGates.GetOrAdd(path, _ => new SemaphoreSlim(1, 1));
    }

    /// <summary>The directory with all links resolved.</summary>
    public string FullPath { get; }

    internal SemaphoreSlim WriteGate { get; }

    // macOS and Windows file systems usually ignore case; there, two spellings are one place.
    internal static StringComparison PathComparison { get; } =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    /// <summary>Opens a directory as a workspace.</summary>
    /// <param name="directory">Any spelling of it; links are resolved once, here.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    /// <exception cref="IOException">Its links cannot be resolved.</exception>
    public static WorkspaceRoot Open(string directory)
    {
        var full = Path.GetFullPath(directory);
        var top = Path.GetPathRoot(full)!;
        var resolved = Follow(
            top,
            full[top.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries),
            keepLastLink: false
        );
        if (resolved is null)
            throw new IOException($"The links of '{directory}' form a loop.");
        if (!Directory.Exists(resolved))
            throw new DirectoryNotFoundException($"There is no directory '{directory}'.");
        return new WorkspaceRoot(resolved);
    }

    /// <summary>Resolves a path of the model. Missing tails are fine.</summary>
    /// <param name="path">Relative, without <c>..</c>.</param>
    /// <param name="keepLastLink">Whether a link at the end stays itself, as deleting and moving want it.</param>
    /// <exception cref="ToolFailure">INVALID_PATH or PATH_OUTSIDE_WORKSPACE.</exception>
    internal ResolvedPath Resolve(string path, bool keepLastLink = false)
    {
        var components = WorkspacePath.Split(path, OperatingSystem.IsWindows());
        var full =
            Walk(components, keepLastLink)
            // A name typed in another Unicode form is the same name to a person: fall back to the composed form, in which new names are made.
            ?? throw new ToolFailure(
                ToolErrorCodes.InvalidPath,
                $"The links on the way to '{WorkspacePath.Shown(path)}' form a loop, or are more than {MaxLinks}. Use the path of a real file."
            );
        if (!Exists(full) && components.Any(c => !c.IsNormalized()))
            full = Walk([.. components.Select(c => c.Normalize())], keepLastLink) ?? full;

        if (!Contains(full))
            throw new ToolFailure(
                ToolErrorCodes.PathOutsideWorkspace,
                $"'{WorkspacePath.Shown(path)}' leads out of the workspace through a link. Only files of the workspace can be read or changed; use a path inside it."
            );
        var relative = components.Count == 0 ? "." : string.Join('/', components);
        return new ResolvedPath(relative, full, string.Equals(full, FullPath, PathComparison));
    }

    /// <summary>Whether a fully resolved path is the workspace or lies in it.</summary>
    internal bool Contains(string resolved) =>
        string.Equals(resolved, FullPath, PathComparison) || resolved.StartsWith(_prefix, PathComparison);

    /// <summary>The way from the root to a resolved path, with <c>/</c>.</summary>
    internal string RelativeOf(string resolved) =>
        string.Equals(resolved, FullPath, PathComparison) ? "." : resolved[_prefix.Length..].Replace(Path.DirectorySeparatorChar, '/');

    private string? Walk(IReadOnlyList<string> components, bool keepLastLink) => Follow(FullPath, components, keepLastLink);

    private static bool Exists(string path) => Path.Exists(path) || new FileInfo(path).LinkTarget is not null;

    // Null: too many links.
    private static string? Follow(string start, IReadOnlyList<string> components, bool keepLastLink)
    {
        var current = start;
        var links = 0;
        var pending = new Stack<string>(components.Reverse());
        while (pending.TryPop(out var component))
        {
            if (component is "" or ".")
                continue;
            if (component == "..")
            {
                // Only the target of a link brings '..' in; its parent is meant after resolving, as the kernel does it.
                current = Path.GetDirectoryName(current) ?? current;
                continue;
            }

            var candidate = Path.Combine(current, component);
            if ((keepLastLink && pending.Count == 0) || new FileInfo(candidate).LinkTarget is not { } target)
            {
                current = candidate;
                continue;
            }

            if (++links > MaxLinks)
                return null;
            if (Path.IsPathRooted(target))
            {
                current = Path.GetPathRoot(target) is { Length: > 0 } top ? Path.GetFullPath(top) : current;
                target = target[Path.GetPathRoot(target)!.Length..];
            }
            foreach (var part in target.Split(Separators).Reverse())
                pending.Push(part);
        }
        return current;
    }

    private static readonly char[] Separators = OperatingSystem.IsWindows() ? ['/', '\\'] : ['/'];
}
