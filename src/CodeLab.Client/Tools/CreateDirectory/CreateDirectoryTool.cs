using System.Text.Json;

namespace CodeLab.Client.Tools;

/// <summary>Makes a directory and what is missing above it.</summary>
internal static class CreateDirectoryTool
{
    public static LocalTool Tool { get; } = new(Reads: false, ExecuteAsync);

    private static Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var path = context.Root.Resolve(arguments.RequiredText("path", "directory"));
        var exists = Directory.Exists(path.Full);
        if (!exists)
        {
            if (Path.Exists(path.Full))
                throw new ToolFailure(
                    ToolErrorCodes.AlreadyExists,
                    $"'{path.Relative}' exists and is a file. Choose another name, or move the file first."
                );
            if (!arguments.Flag("recursive", true) && !Directory.Exists(path.Parent))
                throw new ToolFailure(
                    ToolErrorCodes.DirectoryNotFound,
                    $"The directory above '{path.Relative}' does not exist. Call create_directory with \"recursive\": true to make it too."
                );
            Create(context.Root, path.Full);
        }
        var result = new PathResult
        {
            Path = path.Relative,
            Created = !exists,
            AlreadyExists = exists,
        };
        return Task.FromResult(ToolJson.Element(result, ToolJson.Wire.PathResult));
    }

    /// <summary>Makes the missing directories one by one, each in a parent that is held open, so that none can be swapped for a link on the way.</summary>
    /// <param name="root">The workspace.</param>
    /// <param name="resolved">A resolved path inside it.</param>
    public static void Create(WorkspaceRoot root, string resolved)
    {
        var current = root.FullPath;
        foreach (var name in root.RelativeOf(resolved).Split('/'))
        {
            if (name == ".")
                continue;
            var path = new ResolvedPath(root.RelativeOf(Path.Combine(current, name)), Path.Combine(current, name), IsRoot: false);
            using var parent = PinnedDirectory.OpenParent(root, path);
            if (File.Exists(parent.PathOf(name)))
                throw new ToolFailure(
                    ToolErrorCodes.AlreadyExists,
                    $"'{path.Relative}' is a file, so no directory can be made there. Choose another path."
                );
            Directory.CreateDirectory(parent.PathOf(name));
            current = path.Full;
        }
    }
}
