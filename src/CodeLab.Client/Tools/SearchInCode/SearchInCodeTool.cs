using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace CodeLab.Client.Tools;

/// <summary>Searches the text files of the workspace, without what is ignored.</summary>
internal static class SearchInCodeTool
{
    private const int MaxQueryLength = 1_000;
    private const int DefaultResults = 100;
    private const int WalkDepth = 64;

    public static LocalTool Tool { get; } = new(Reads: true, ExecuteAsync);

    private sealed class Run(int files)
    {
        public readonly IReadOnlyList<SearchMatch>?[] Found = new IReadOnlyList<SearchMatch>?[files];
        public int Matches;
        public int Searched;
        public int Skipped;
        public bool TimedOut;
    }

    private static async Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var query = arguments.RequiredText("query", "pattern");
        if (query.Length is 0 or > MaxQueryLength)
            throw new ToolFailure(
                ToolErrorCodes.InvalidArguments,
                $"'query' must have 1 to {MaxQueryLength} characters. Search for a shorter text."
            );
        var path = context.Root.Resolve(arguments.Text("path", "directory") is { Length: > 0 } text ? text : ".");
        var pattern = arguments.Text("file_pattern") is { Length: > 0 } glob ? glob : null;
        var max = Math.Clamp(arguments.Integer("max_results") ?? DefaultResults, 1, context.Options.MaxSearchMatches);
        var search = new LineSearch(
            query,
            arguments.Flag("regex", false),
            arguments.Flag("case_sensitive", false),
            context.Options.SearchTimeout
        );

        using var timeout = new CancellationTokenSource(context.Options.SearchTimeout, context.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        var run = new Run(0);
        try
        {
            var files = await CandidatesAsync(context, path, either.Token);
            if (pattern is not null)
                files = [.. files.Where(f => Glob.Selects(pattern, f))];
            run = new Run(files.Count);
            await SearchAsync(context, files, search, max, run, either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            run.TimedOut = true;
        }
        return ToolJson.Element(Result(context.Options, query, max, run), ToolJson.Wire.SearchResult);
    }

    private static SearchResult Result(LocalToolOptions options, string query, int max, Run run)
    {
        var matches = run.Found.SelectMany(f => f ?? []).Take(max).ToList();
        if (run.TimedOut && matches.Count == 0)
            throw new ToolFailure(
                ToolErrorCodes.SearchTimeout,
                $"The search found nothing in {options.SearchTimeout.TotalSeconds:0} s and was stopped. Search a subdirectory with 'path', or give a 'file_pattern' such as '*.cs'."
            );
        var truncated = run.TimedOut || run.Matches > matches.Count;
        return new SearchResult
        {
            Query = query,
            Matches = matches,
            TotalMatches = run.Matches,
            Truncated = truncated,
            FilesSearched = run.Searched,
            FilesSkipped = run.Skipped > 0 ? run.Skipped : null,
            Note =
                run.TimedOut ? "The time was up before all files were searched. Search a subdirectory, or give a 'file_pattern'."
                : truncated ? "There are more matches. Search for something more special, in a subdirectory, or give a 'file_pattern'."
                : null,
        };
    }

    private static async Task SearchAsync(
        ToolContext context,
        IReadOnlyList<string> files,
        LineSearch search,
        int max,
        Run run,
        CancellationToken cancellationToken
    )
    {
        var options = new ParallelOptions
        {
            CancellationToken = cancellationToken,
            MaxDegreeOfParallelism = Math.Clamp(Environment.ProcessorCount, 1, 4),
        };
        await Parallel.ForAsync(
            0,
            files.Count,
            options,
            async (index, token) =>
            {
                // One more than asked for shows that there are more.
                if (Volatile.Read(ref run.Matches) > max)
                    return;
                if (await ReadAsync(context, files[index], token) is not { } text)
                {
                    Interlocked.Increment(ref run.Skipped);
                    return;
                }
                Interlocked.Increment(ref run.Searched);
                try
                {
                    var found = search.Find(files[index], text, max + 1, context.Options.MaxSearchLineLength);
                    run.Found[index] = found;
                    Interlocked.Add(ref run.Matches, found.Count);
                }
                catch (RegexMatchTimeoutException)
                {
                    run.TimedOut = true;
                }
            }
        );
    }

    // Null: not text, too large, a link, or gone.
    private static async Task<string?> ReadAsync(ToolContext context, string file, CancellationToken cancellationToken)
    {
        try
        {
            var path = context.Root.Resolve(file, keepLastLink: true);
            if (WorkspaceFiles.IsLink(path))
                return null;
            var bytes = await context.Files.ReadBytesAsync(path, context.Options.MaxSearchFileBytes, cancellationToken);
            if (TextCodec.LooksBinary(bytes))
                return null;
            return TextLines.Normalize(TextCodec.Decode(file, bytes, null, new TextFormat(Guess(bytes), HasBom: false)).Text);
        }
        catch (Exception e) when (e is ToolFailure or UnauthorizedAccessException or IOException)
        {
            // One file that cannot be read must not hide the matches of the others; it is counted as skipped.
            return null;
        }
    }

    private static Encoding Guess(byte[] bytes) => TextCodec.Named(EncodingGuess.For(bytes))!;

    private static async Task<IReadOnlyList<string>> CandidatesAsync(
        ToolContext context,
        ResolvedPath path,
        CancellationToken cancellationToken
    )
    {
        if (File.Exists(path.Full))
            return [path.Relative];
        if (!Directory.Exists(path.Full))
            throw new ToolFailure(
                ToolErrorCodes.DirectoryNotFound,
                $"There is no '{path.Relative}' to search in. Leave 'path' out to search the whole workspace."
            );

        var prefix = context.Root.RelativeOf(path.Full) is var relative && relative == "." ? "" : relative + "/";
        if (await GitFiles.ListAsync(context, path.Full, cancellationToken) is { } listed)
            return [.. listed.Select(f => prefix + f).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return
        [
            .. FileWalk
                .Enumerate(context.Root, path.Full, WalkDepth, includeHidden: true, cancellationToken)
                .Where(e => e is { IsDirectory: false, IsLink: false })
                .Select(e => e.Relative)
                .Order(StringComparer.Ordinal),
        ];
    }
}
