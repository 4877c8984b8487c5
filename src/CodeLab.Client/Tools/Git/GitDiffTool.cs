using System.Text.Json;

namespace CodeLab.Client.Tools;

/// <summary>What has changed against the index, or what is staged.</summary>
internal static class GitDiffTool
{
    public static LocalTool Tool { get; } = new(Reads: true, ExecuteAsync);

    private static async Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var path = GitProgram.Pathspec(context, arguments.Text("path") is { Length: > 0 } text ? text : ".");
        // External diff programs and text filters are commands a repository could name.
        var command = new List<string> { "diff", "--no-ext-diff", "--no-textconv", "--relative" };
        if (arguments.Flag("staged", false))
            command.Add("--cached");
        var answer = await GitProgram.MustAsync(context, reads: true, [.. command, "--", path], cancellationToken);

        var limit = context.Options.MaxGitDiffChars;
        var truncated = answer.Truncated || answer.Output.Length > limit;
        var result = new GitDiffResult
        {
            Diff = truncated
                ? answer.Output[..Math.Min(limit, answer.Output.LastIndexOf('\n', Math.Min(limit, answer.Output.Length) - 1) + 1)]
                : answer.Output,
            Truncated = truncated,
            Note =
                truncated ? $"Only the first {limit} of {answer.Output.Length} characters are shown. Ask for one file with 'path'."
                : answer.Output.Length == 0 ? "There is no difference. Untracked files are not in a diff; git_status lists them."
                : null,
        };
        return ToolJson.Element(result, ToolJson.Wire.GitDiffResult);
    }
}
