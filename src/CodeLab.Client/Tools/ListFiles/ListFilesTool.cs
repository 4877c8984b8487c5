using System.Globalization;
using System.Text.Json;

namespace CodeLab.Client.Tools;

/// <summary>Lists a directory, or all below it, folders first, without what is ignored.</summary>
internal static class ListFilesTool
{
    // Counting goes on after the list is full, so that the model learns how much there is; it has to end somewhere.
    private const int MaxCounted = 50_000;

    public static LocalTool Tool { get; } = new(Reads: true, ExecuteAsync);

    private static Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken) =>
        Task.Run(() => ToolJson.Element(List(context, arguments, cancellationToken), ToolJson.Wire.ListFilesResult), cancellationToken);

    private static ListFilesResult List(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var path = context.Root.Resolve(arguments.Text("path", "directory") is { Length: > 0 } text ? text : ".");
        if (!Directory.Exists(path.Full))
        {
            if (File.Exists(path.Full))
                throw new ToolFailure(
                    ToolErrorCodes.DirectoryNotFound,
                    $"'{path.Relative}' is a file. Read it with read_file, or list the directory it is in."
                );
            throw new ToolFailure(
                ToolErrorCodes.DirectoryNotFound,
                $"There is no directory '{path.Relative}'. List '.' to see what there is."
            );
        }

        var depth = arguments.Flag("recursive", false) ? context.Options.MaxListDepth : 1;
        var pattern = arguments.Text("pattern", "file_pattern") is { Length: > 0 } glob ? glob : null;
        var items = new List<ListedItem>();
        var total = 0;
        foreach (
            var entry in FileWalk.Enumerate(context.Root, path.Full, depth, arguments.Flag("include_hidden", false), cancellationToken)
        )
        {
            if (pattern is not null && !Glob.Selects(pattern, entry.Relative))
                continue;
            if (++total > MaxCounted)
                break;
            if (items.Count < context.Options.MaxListEntries)
                items.Add(Item(entry));
        }
        var truncated = total > items.Count;
        return new ListFilesResult
        {
            Path = path.Relative,
            TotalCount = total,
            Truncated = truncated,
            Items = items,
            Note = truncated
                ? $"Only {items.Count} of {(total > MaxCounted ? "more than " : "")}{Math.Min(total, MaxCounted)} entries are listed. List a subdirectory, or give a 'pattern'."
                : null,
        };
    }

    private static ListedItem Item(WalkEntry entry)
    {
        if (entry.IsLink)
            return new ListedItem(entry.Info.Name, entry.Relative, "link", null, null);
        if (entry.Info is not FileInfo file)
            return new ListedItem(entry.Info.Name, entry.Relative, "directory", null, null);
        var modified = file.LastWriteTimeUtc.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        return new ListedItem(file.Name, entry.Relative, "file", file.Exists ? file.Length : null, modified);
    }
}
