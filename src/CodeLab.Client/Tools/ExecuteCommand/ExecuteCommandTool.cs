using System.Globalization;
using System.Text.Json;
using CodeLab.Client.Processes;

namespace CodeLab.Client.Tools;

/// <summary>Runs a command line with the rights of the person, in the workspace, to its end or its time-out.</summary>
internal static class ExecuteCommandTool
{
    public static LocalTool Tool { get; } = new(Reads: false, ExecuteAsync);

    private static async Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var command = arguments.RequiredText("command", "cmd");
        if (string.IsNullOrWhiteSpace(command))
            throw new ToolFailure(ToolErrorCodes.InvalidArguments, "The command is empty. Give the command line to run.");
        if (command.Contains('\0', StringComparison.Ordinal))
            throw new ToolFailure(ToolErrorCodes.InvalidArguments, "The command contains a NUL character. Give it without.");
        var directory = context.Root.Resolve(arguments.Text("cwd", "working_directory") is { Length: > 0 } cwd ? cwd : ".");
        if (!Directory.Exists(directory.Full))
            throw new ToolFailure(
                ToolErrorCodes.DirectoryNotFound,
                $"The directory '{directory.Relative}' does not exist. Leave 'cwd' out to run in the workspace, or create it first."
            );

        var timeout = Timeout(context.Options, arguments.Integer("timeout", "timeout_seconds"));
        var stdout = new OutputCapture(
            context.Options.MaxCommandOutputChars,
            text => context.Output(new CommandOutput(context.CallId, "stdout", text))
        );
        var stderr = new OutputCapture(
            context.Options.MaxCommandOutputChars,
            text => context.Output(new CommandOutput(context.CallId, "stderr", text))
        );
        var windows = OperatingSystem.IsWindows();
        var spec = new ProcessSpec
        {
            FileName = windows ? "cmd.exe" : "/bin/sh",
            Arguments = windows ? ["/d", "/s", "/c", command] : ["-c", command],
            WorkingDirectory = directory.Full,
            Environment = CommandEnvironment.Create(context.Options),
            Timeout = timeout,
            Stdout = stdout.Append,
            Stderr = stderr.Append,
        };

        ProcessEnd end;
        try
        {
            end = await context.Processes.RunAsync(spec, cancellationToken);
        }
        catch (ProcessStartException e)
        {
            throw new ToolFailure(ToolErrorCodes.CommandFailed, $"The command could not be started: {e.Message}");
        }

        var result = new CommandResult
        {
            Command = command,
            ExitCode = end.ExitCode ?? -1,
            Stdout = stdout.Complete(),
            Stderr = stderr.Complete(),
            DurationMs = (long)end.Duration.TotalMilliseconds,
            TimedOut = end.TimedOut,
            ErrorCode = end.TimedOut ? ToolErrorCodes.CommandTimeout : null,
            Note = Note(end, timeout, context.Options),
        };
        return ToolJson.Element(result, ToolJson.Wire.CommandResult);
    }

    private static TimeSpan Timeout(LocalToolOptions options, int? seconds)
    {
        if (seconds is null or <= 0)
            return options.CommandTimeout;
        var wanted = TimeSpan.FromSeconds(seconds.Value);
        return wanted < options.MaxCommandTimeout ? wanted : options.MaxCommandTimeout;
    }

    private static string? Note(ProcessEnd end, TimeSpan timeout, LocalToolOptions options)
    {
        if (end.TimedOut)
            return string.Create(
                CultureInfo.InvariantCulture,
                $"The command and everything it started were ended after {timeout.TotalSeconds:0.###} s. Give a larger 'timeout' (at most {options.MaxCommandTimeout.TotalSeconds:0} s), do less at once, or make sure that it neither waits for input nor keeps running."
            );
        if (end.ExitCode is null)
            return "The exit code is unknown.";
        return end.OutputComplete
            ? null
            : "Something the command started still held its output open after the end; output after that is missing.";
    }
}
