using System.Text.Json;

namespace CodeLab.Client.Tools;

/// <summary>Commits the named files, or what is staged. Hooks run, as they do for a person.</summary>
internal static class GitCommitTool
{
    public static LocalTool Tool { get; } = new(Reads: false, ExecuteAsync);

    private static async Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var message = arguments.RequiredText("message");
        if (string.IsNullOrWhiteSpace(message))
            throw new ToolFailure(ToolErrorCodes.InvalidArguments, "'message' is empty. Say in one line what the commit does.");
        var files = arguments.Texts("files", "paths").Select(f => GitProgram.Pathspec(context, f)).ToList();

        var command = new List<string> { "commit", "-m", message };
        if (files.Count > 0)
        {
            await GitProgram.MustAsync(context, reads: false, ["add", "-A", "--", .. files], cancellationToken);
            // Only these files, whatever else a person has staged.
            command.AddRange(["--only", "--", .. files]);
        }
        else
        {
            var staged = await GitProgram.RunAsync(
                context,
                context.Root.FullPath,
                reads: true,
                ["diff", "--cached", "--quiet", "--no-ext-diff"],
                cancellationToken
            );
            if (staged.ExitCode == 0)
                throw Nothing("Nothing is staged. Name the files to commit in 'files'; git_status lists what has changed.");
        }

        var commit = await GitProgram.RunAsync(context, context.Root.FullPath, reads: false, command, cancellationToken);
        if (commit.ExitCode != 0)
        {
            if (
                commit.Output.Contains("nothing to commit", StringComparison.Ordinal)
                || commit.Output.Contains("nothing added to commit", StringComparison.Ordinal)
                || commit.Output.Contains("no changes added", StringComparison.Ordinal)
            )
                throw Nothing("These files have no changes to commit. git_status lists what has changed.");
            if (
                commit.Error.Contains("Please tell me who you are", StringComparison.Ordinal)
                || commit.Error.Contains("empty ident", StringComparison.Ordinal)
            )
                throw Nothing("Git does not know who commits. Ask the person to set user.name and user.email with 'git config'.");
            throw GitProgram.Failed(commit with { Error = $"{commit.Error}\n{commit.Output}".Trim() });
        }

        var head = (await GitProgram.MustAsync(context, reads: true, ["rev-parse", "HEAD"], cancellationToken)).Output.Trim();
        var branch = await GitProgram.RunAsync(
            context,
            context.Root.FullPath,
            reads: true,
            ["symbolic-ref", "--short", "-q", "HEAD"],
            cancellationToken
        );
        var changed = await GitProgram.MustAsync(
            context,
            reads: true,
            ["diff-tree", "--root", "--no-commit-id", "--name-only", "--relative", "-r", "-z", "HEAD"],
            cancellationToken
        );
        var result = new GitCommitResult
        {
            CommitHash = head,
            Branch = branch.ExitCode == 0 ? branch.Output.Trim() : null,
            Files = changed.Output.Split('\0', StringSplitOptions.RemoveEmptyEntries),
        };
        return ToolJson.Element(result, ToolJson.Wire.GitCommitResult);
    }

    private static ToolFailure Nothing(string message) => new(ToolErrorCodes.GitError, message);
}
