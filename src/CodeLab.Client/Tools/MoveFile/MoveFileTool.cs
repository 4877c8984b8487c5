using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text.Json;
using CodeLab.Client.Processes;

namespace CodeLab.Client.Tools;

/// <summary>Moves or renames a file, a link (not what it points to) or a directory. It never overwrites.</summary>
internal static class MoveFileTool
{
    public static LocalTool Tool { get; } = new(Reads: false, ExecuteAsync) { Preview = PreviewAsync, Change = FileChangeKind.Move };

    private static Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var (from, to) = Resolve(context, arguments);
        if (!Directory.Exists(to.Parent))
            CreateDirectoryTool.Create(context.Root, to.Parent);
        using (var source = PinnedDirectory.OpenParent(context.Root, from))
        using (var target = PinnedDirectory.OpenParent(context.Root, to))
        {
            var (old, @new) = (source.PathOf(from.Name), target.PathOf(to.Name));
            var link = new FileInfo(old).LinkTarget is not null;
            if (link && !OperatingSystem.IsWindows())
            {
                if (Libc.Rename(old, @new) != 0)
                    throw new IOException(new Win32Exception(Marshal.GetLastPInvokeError()).Message);
            }
            else if (Directory.Exists(old))
                Directory.Move(old, @new);
            else
                File.Move(old, @new, overwrite: false);
        }
        context.Files.Forget(from);
        context.Files.Forget(to);
        var result = new PathResult { Path = from.Relative, NewPath = to.Relative };
        return Task.FromResult(ToolJson.Element(result, ToolJson.Wire.PathResult));
    }

    private static async Task<FileChangePreview?> PreviewAsync(
        ToolContext context,
        ToolArguments arguments,
        CancellationToken cancellationToken
    )
    {
        var (from, to) = Resolve(context, arguments);
        var text = await ShownText.OfAsync(context, from, cancellationToken);
        return new FileChangePreview
        {
            Kind = FileChangeKind.Move,
            Path = from.Relative,
            NewPath = to.Relative,
            OldText = text,
            NewText = text,
        };
    }

    private static (ResolvedPath From, ResolvedPath To) Resolve(ToolContext context, ToolArguments arguments)
    {
        var from = context.Root.Resolve(arguments.RequiredText("from", "source", "path"), keepLastLink: true);
        var destination = arguments.RequiredText("to", "destination", "new_path");
        var to = context.Root.Resolve(destination, keepLastLink: true);
        if (from.IsRoot || to.IsRoot)
            throw new ToolFailure(
                ToolErrorCodes.InvalidPath,
                "The workspace itself cannot be moved or replaced. Give paths of things in it."
            );
        if (!WorkspaceFiles.Exists(from))
            throw context.Files.NotFound(from);

        // "Move a.txt to src/" means into it, as mv does.
        if (destination[^1] is '/' or '\\' && Directory.Exists(to.Full))
            to = context.Root.Resolve($"{to.Relative}/{from.Name}", keepLastLink: true);
        var sameButCase =
            string.Equals(from.Full, to.Full, StringComparison.OrdinalIgnoreCase)
            && WorkspaceRoot.PathComparison == StringComparison.OrdinalIgnoreCase;
        if (WorkspaceFiles.Exists(to) && !sameButCase)
            throw new ToolFailure(
                ToolErrorCodes.AlreadyExists,
                $"'{to.Relative}' exists already, and move_file does not overwrite. Choose another name, or delete it first."
            );
        if (to.Full.StartsWith(from.Full + Path.DirectorySeparatorChar, WorkspaceRoot.PathComparison))
            throw new ToolFailure(ToolErrorCodes.InvalidPath, $"'{from.Relative}' cannot be moved into itself. Choose a place outside it.");
        return (from, to);
    }
}
