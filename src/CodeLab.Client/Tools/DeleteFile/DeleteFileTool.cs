using System.Text.Json;

namespace CodeLab.Client.Tools;

/// <summary>Deletes a file, a link (never what it points to) or a directory.</summary>
internal static class DeleteFileTool
{
    public static LocalTool Tool { get; } = new(Reads: false, ExecuteAsync) { Preview = PreviewAsync, Change = FileChangeKind.Delete };

    private static Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var path = Resolve(context, arguments);
        using (var parent = PinnedDirectory.OpenParent(context.Root, path))
        {
            var name = parent.PathOf(path.Name);
            var link = new FileInfo(name).LinkTarget is not null;
            if (!link && Directory.Exists(name))
            {
                // Recursive deleting does not follow links: the runtime removes a link to a directory as a link.
                if (!arguments.Flag("recursive", false) && Directory.EnumerateFileSystemEntries(name).Any())
                    throw new ToolFailure(
                        ToolErrorCodes.DirectoryNotEmpty,
                        $"'{path.Relative}' is a directory that is not empty. Call delete_file with \"recursive\": true if everything in it is to go."
                    );
                Directory.Delete(name, recursive: true);
            }
            else if (link && OperatingSystem.IsWindows() && Directory.Exists(name))
                Directory.Delete(name);
            else
                File.Delete(name);
        }
        context.Files.Forget(path);
        return Task.FromResult(ToolJson.Element(new PathResult { Path = path.Relative }, ToolJson.Wire.PathResult));
    }

    private static async Task<FileChangePreview?> PreviewAsync(
        ToolContext context,
        ToolArguments arguments,
        CancellationToken cancellationToken
    )
    {
        var path = Resolve(context, arguments);
        return new FileChangePreview
        {
            Kind = FileChangeKind.Delete,
            Path = path.Relative,
            OldText = await ShownText.OfAsync(context, path, cancellationToken),
        };
    }

    private static ResolvedPath Resolve(ToolContext context, ToolArguments arguments)
    {
        var path = context.Root.Resolve(arguments.RequiredText("path", "file_path", "file"), keepLastLink: true);
        if (path.IsRoot)
            throw new ToolFailure(ToolErrorCodes.InvalidPath, "The workspace itself cannot be deleted. Give the path of something in it.");
        if (!WorkspaceFiles.Exists(path))
            throw context.Files.NotFound(path);
        return path;
    }
}

/// <summary>The text of a file for a preview, where there is one to show.</summary>
internal static class ShownText
{
    public static async Task<string?> OfAsync(ToolContext context, ResolvedPath path, CancellationToken cancellationToken)
    {
        if (Directory.Exists(path.Full) || WorkspaceFiles.IsLink(path))
            return null;
        try
        {
            return (await context.Files.ReadTextAsync(path, null, remember: false, cancellationToken)).Normalized;
        }
        catch (ToolFailure e)
            when (e.Code
                    is ToolErrorCodes.BinaryFile
                        or ToolErrorCodes.EncodingError
                        or ToolErrorCodes.FileTooLarge
                        or ToolErrorCodes.NotAFile
            )
        {
            // There is nothing to draw, but the call itself would work.
            return null;
        }
    }
}
