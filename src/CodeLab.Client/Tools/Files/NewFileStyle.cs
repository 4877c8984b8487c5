namespace CodeLab.Client.Tools;

/// <summary>Which newline a new file gets: <c>.editorconfig</c> first, then the files beside it, then <c>\n</c>.</summary>
internal static class NewFileStyle
{
    private const int MaxConfigBytes = 64 * 1024;
    private const int MaxNeighbours = 5;
    private const int NeighbourProbe = 4096;

    public static async Task<string> NewLineAsync(WorkspaceRoot root, ResolvedPath path, CancellationToken cancellationToken)
    {
        for (var directory = path.Parent; root.Contains(directory); directory = Path.GetDirectoryName(directory)!)
        {
            var config = new FileInfo(Path.Combine(directory, ".editorconfig"));
            if (config is { Exists: true, LinkTarget: null, Length: < MaxConfigBytes })
            {
                var relative = Path.GetRelativePath(directory, path.Full).Replace(Path.DirectorySeparatorChar, '/');
                var (newLine, top) = Read(await File.ReadAllTextAsync(config.FullName, cancellationToken), relative);
                if (newLine is not null)
                    return newLine;
                if (top)
                    break;
            }
            if (string.Equals(directory, root.FullPath, WorkspaceRoot.PathComparison))
                break;
        }
        return await OfNeighboursAsync(path, cancellationToken) ?? "\n";
    }

    /// <summary>The <c>end_of_line</c> an .editorconfig gives a file, and whether it says <c>root = true</c>. Pure.</summary>
    public static (string? NewLine, bool Top) Read(string config, string relative)
    {
        string? newLine = null;
        bool top = false,
            applies = false,
            preamble = true;
        foreach (var raw in config.Split('\n'))
        {
            var line = raw.Trim();
            if (line.Length == 0 || line[0] is '#' or ';')
                continue;
            if (line[0] == '[' && line[^1] == ']')
            {
                preamble = false;
                var pattern = line[1..^1];
                // Without a slash the pattern is for names in any directory.
                applies = pattern.Contains('/', StringComparison.Ordinal)
                    ? Glob.IsMatch(pattern.TrimStart('/'), relative)
                    : Glob.IsMatch(pattern, relative[(relative.LastIndexOf('/') + 1)..]);
                continue;
            }
            var equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
                continue;
            var key = line[..equals].Trim().ToLowerInvariant();
            var value = line[(equals + 1)..].Trim().ToLowerInvariant();
            if (preamble && key == "root")
                top = value == "true";
            if (applies && key == "end_of_line")
                newLine = value switch
                {
                    "lf" => "\n",
                    "crlf" => "\r\n",
                    "cr" => "\r",
                    _ => newLine,
                };
        }
        return (newLine, top);
    }

    private static async Task<string?> OfNeighboursAsync(ResolvedPath path, CancellationToken cancellationToken)
    {
        var directory = new DirectoryInfo(path.Parent);
        if (!directory.Exists)
            return null;
        int crlf = 0,
            lf = 0;
        var neighbours = directory
            .EnumerateFiles("*" + Path.GetExtension(path.Name), new EnumerationOptions { AttributesToSkip = FileAttributes.ReparsePoint })
            .Where(f => f.Length > 0)
            .Take(MaxNeighbours);
        foreach (var file in neighbours)
        {
            var buffer = new byte[NeighbourProbe];
            await using var stream = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var text = buffer.AsMemory(0, await stream.ReadAsync(buffer, cancellationToken)).Span;
            var end = text.IndexOf((byte)'\n');
            if (end < 0)
                continue;
            if (end > 0 && text[end - 1] == '\r')
                crlf++;
            else
                lf++;
        }
        if (crlf + lf == 0)
            return null;
        return crlf > lf ? "\r\n" : "\n";
    }
}
