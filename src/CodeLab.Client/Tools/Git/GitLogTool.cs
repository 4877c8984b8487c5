using System.Globalization;
using System.Text.Json;

namespace CodeLab.Client.Tools;

/// <summary>The last commits, of all or of one path.</summary>
internal static class GitLogTool
{
    private const int DefaultCommits = 20;
    private const int MaxCommits = 200;
    private const int MaxMessage = 2_000;

    public static LocalTool Tool { get; } = new(Reads: true, ExecuteAsync);

    private static async Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var count = Math.Clamp(arguments.Integer("limit", "max_count") ?? DefaultCommits, 1, MaxCommits);
        var command = new List<string>
        {
            "log",
            "-z",
            "--no-ext-diff",
            "--format=%H%x1f%an%x1f%ae%x1f%aI%x1f%B",
            "-n",
            count.ToString(CultureInfo.InvariantCulture),
        };
        if (arguments.Text("path") is { Length: > 0 } path && path != ".")
            command.AddRange(["--", GitProgram.Pathspec(context, path)]);
        // Of a workspace deep in a repository only its own history; at the top nothing is left out, merges included.
        else if ((await GitProgram.PrefixAsync(context, cancellationToken)).Length > 0)
            command.AddRange(["--", "."]);

        var answer = await GitProgram.RunAsync(context, context.Root.FullPath, reads: true, command, cancellationToken);
        if (answer.ExitCode != 0 && !answer.Error.Contains("does not have any commits yet", StringComparison.Ordinal))
            throw GitProgram.Failed(answer);

        var commits = new List<GitCommitInfo>();
        foreach (var entry in answer.Output.Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = entry.Split('\u001f', 5);
            if (fields.Length < 5)
                continue;
            var message = fields[4].Trim();
            commits.Add(
                new GitCommitInfo(
                    fields[0].Trim(),
                    fields[1],
                    fields[2],
                    fields[3],
                    message.Length <= MaxMessage ? message : message[..MaxMessage] + "…"
                )
            );
        }
        return ToolJson.Element(new GitLogResult { Commits = commits }, ToolJson.Wire.GitLogResult);
    }
}
