using System.CommandLine;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Server;

namespace CodeLab.Cli.Run;

/// <summary><c>codelab run TASK</c>: one turn without a screen.</summary>
internal static class RunCommand
{
    public static Command Create(CommonOptions options)
    {
        var task = new Argument<string?>("task")
        {
            Description =
                "What to do. '-' reads it from standard input. Without it, --session names a session whose turn is followed to its end",
            Arity = ArgumentArity.ZeroOrOne,
            HelpName = "TASK",
        };
        var command = new Command("run", "Does one task and ends")
        {
            task,
            options.Server,
            options.Workspace,
            options.Agent,
            options.Model,
            options.Approve,
            options.Session,
            options.Data,
            options.Json,
            options.NoColor,
        };
        CodeLabCommand.SetAction(
            command,
            options,
            async (parsed, settings, console, cancellationToken) =>
            {
                var text = await ReadTaskAsync(parsed.GetValue(task), cancellationToken);
                if (text is null && settings.Session is null)
                    throw new UsageException(
                        "Say what to do: codelab run \"add a line to README\". Or follow a session: codelab run --session ID"
                    );
                var root = settings.WorkspaceRoot();
                using var connection = await ServerConnection.OpenAsync(settings, cancellationToken);
                return await RunLoop.RunAsync(connection, root, settings, text, console, cancellationToken);
            }
        );
        return command;
    }

    private static async Task<string?> ReadTaskAsync(string? task, CancellationToken cancellationToken)
    {
        if (task?.StartsWith("--", StringComparison.Ordinal) == true)
            throw new UsageException($"There is no option {task.Split(' ')[0]}: see 'codelab run --help'.");
        var text = task is "-" ? await Console.In.ReadToEndAsync(cancellationToken) : task;
        return string.IsNullOrWhiteSpace(text) ? null : text;
    }
}
