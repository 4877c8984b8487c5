using System.Globalization;
using System.Text.Json;

namespace CodeLab.Client.Tools;

/// <summary>Writes a whole text file: a new one, or an existing one in its own encoding, newlines and mode.</summary>
internal static class WriteFileTool
{
    public static LocalTool Tool { get; } = new(Reads: false, ExecuteAsync) { Preview = PreviewAsync, Change = FileChangeKind.Modify };

    private sealed record Plan(ResolvedPath Path, LoadedText? Old, string Raw, byte[] Bytes, TextFormat Format);

    private static async Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var plan = await PlanAsync(context, arguments, cancellationToken);
        var directory = plan.Path.Parent;
        if (!Directory.Exists(directory))
        {
            if (!arguments.Flag("create_dirs", true))
                throw new ToolFailure(
                    ToolErrorCodes.DirectoryNotFound,
                    $"The directory of '{plan.Path.Relative}' does not exist. Call write_file with \"create_dirs\": true, or create it with create_directory."
                );
            CreateDirectoryTool.Create(context.Root, directory);
        }

        var backup = plan.Old is not null && arguments.Flag("backup", false) ? await BackUpAsync(context, plan, cancellationToken) : null;
        await context.Files.WriteAsync(plan.Path, plan.Bytes, plan.Format, plan.Old?.Hash, cancellationToken);
        var (added, removed) = TextLines.Changed(plan.Old?.Normalized ?? "", TextLines.Normalize(plan.Raw));
        var result = new WriteFileResult
        {
            Path = plan.Path.Relative,
            Created = plan.Old is null,
            BytesWritten = plan.Bytes.Length,
            LinesAdded = added,
            LinesRemoved = removed,
            BackupPath = backup,
        };
        return ToolJson.Element(result, ToolJson.Wire.WriteFileResult);
    }

    private static async Task<FileChangePreview?> PreviewAsync(
        ToolContext context,
        ToolArguments arguments,
        CancellationToken cancellationToken
    )
    {
        var plan = await PlanAsync(context, arguments, cancellationToken);
        return new FileChangePreview
        {
            Kind = plan.Old is null ? FileChangeKind.Create : FileChangeKind.Modify,
            Path = plan.Path.Relative,
            OldText = plan.Old?.Normalized,
            NewText = TextLines.Normalize(plan.Raw),
        };
    }

    private static async Task<Plan> PlanAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var path = context.Root.Resolve(arguments.RequiredText("path", "file_path", "file"));
        var content = TextLines.Normalize(arguments.RequiredText("content"));
        var encoding = arguments.Text("encoding");
        if (path.IsRoot || Directory.Exists(path.Full))
            throw new ToolFailure(ToolErrorCodes.NotAFile, $"'{path.Relative}' is a directory. Give the path of a file in it.");

        if (await context.Files.TryReadTextAsync(path, encoding, cancellationToken) is not { } old)
        {
            var format = TextCodec.Named(encoding) is { } named
                ? new TextFormat(named, HasBom: named.WebName.StartsWith("utf-", StringComparison.Ordinal))
                : TextFormat.Utf8;
            var raw = WithNewLine(content, await NewFileStyle.NewLineAsync(context.Root, path, cancellationToken));
            return new Plan(path, null, raw, context.Files.Encode(path, raw, format), format);
        }

        if (context.Files.ChangedSinceSeen(old))
            throw WorkspaceFiles.Changed(path);
        // Models forget the last newline more often than they mean to remove it.
        if (content.Length > 0 && content[^1] != '\n' && old.Normalized.EndsWith('\n'))
            content += "\n";
        var kept = WithNewLine(
            content,
            TextLines.Majority(old.Raw) ?? await NewFileStyle.NewLineAsync(context.Root, path, cancellationToken)
        );
        return new Plan(path, old, kept, context.Files.Encode(path, kept, old.Format), old.Format);
    }

    private static string WithNewLine(string normalized, string newLine) =>
        newLine == "\n" ? normalized : normalized.Replace("\n", newLine, StringComparison.Ordinal);

    private static async Task<string> BackUpAsync(ToolContext context, Plan plan, CancellationToken cancellationToken)
    {
        var stamp = context.Time.GetUtcNow().ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        var backup = context.Root.Resolve($"{plan.Path.Relative}.backup.{stamp}");
        var bytes = await context.Files.ReadBytesAsync(plan.Path, context.Options.MaxReadFileBytes, cancellationToken);
        await context.Files.WriteAsync(backup, bytes, plan.Old!.Format, expectedHash: null, cancellationToken);
        return backup.Relative;
    }
}
