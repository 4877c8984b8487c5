using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Rest;
using CodeLab.Client.SignIn;
using Spectre.Console;

namespace CodeLab.Cli.Doctor;

/// <summary><c>codelab doctor</c>: looks at everything a session needs and says what to do about what is missing.</summary>
internal static class DoctorCommand
{
    private const long EnoughDisk = 500L * 1024 * 1024;

    public static Command Create(CommonOptions options)
    {
        var command = new Command("doctor", "Checks server, sign-in, model, git, shell and disk")
        {
            options.Server,
            options.Workspace,
            options.Data,
            options.Json,
            options.NoColor,
        };
        CodeLabCommand.SetAction(
            command,
            options,
            async (_, settings, console, cancellationToken) =>
            {
                var checks = await CheckAsync(settings, cancellationToken);
                if (settings.Json)
                    await console.Out.WriteLineAsync(ToJson(checks));
                else
                    foreach (var check in checks)
                        console.Write(Draw(check));
                return checks.Any(check => check.State == CheckState.Bad) ? ExitCodes.Failed : ExitCodes.Done;
            }
        );
        return command;
    }

    internal enum CheckState
    {
        Good,
        Weak,
        Bad,
    }

    internal sealed record Check(string Name, CheckState State, string Finding);

    private static async Task<List<Check>> CheckAsync(CommonSettings settings, CancellationToken cancellationToken)
    {
        var root = settings.WorkspaceRoot();
        using var connection = await ServerConnection.OpenAsync(settings, cancellationToken);
        var checks = new List<Check> { await ServerAsync(connection, cancellationToken) };
        if (checks[0].State != CheckState.Bad)
        {
            checks.Add(await SignInAsync(connection, cancellationToken));
            if (checks[^1].State == CheckState.Good)
                checks.Add(await ModelAsync(connection, cancellationToken));
        }
        checks.Add(await GitAsync(root, cancellationToken));
        checks.Add(Shell());
        checks.Add(Disk("workspace", root));
        checks.Add(Disk("client data", connection.Data.Path));
        return checks;
    }

    private static async Task<Check> ServerAsync(ServerConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            var health = await connection.Api.HealthAsync(cancellationToken);
            return health.Status == "healthy"
                ? new Check("server", CheckState.Good, $"{connection.Server} is healthy, version {health.Version}")
                : new Check("server", CheckState.Bad, $"{connection.Server} says it is {health.Status}: look at its log");
        }
        catch (Exception fault) when (fault is ServerUnreachableException or ServerException)
        {
            return new Check("server", CheckState.Bad, $"{fault.Message} Start one with 'codelab up', or name one with --server URL.");
        }
    }

    private static async Task<Check> SignInAsync(ServerConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await connection.Api.SessionsAsync(1, cancellationToken: cancellationToken);
            var stored = await connection.Store.FindAsync(connection.Server.Text, cancellationToken);
            return new Check("sign-in", CheckState.Good, $"signed in{(stored?.Username is { } name ? $" as {name}" : "")}");
        }
        catch (Exception fault) when (fault is NotSignedInException or SignInRefusedException)
        {
            return new Check("sign-in", CheckState.Bad, $"{fault.Message} Sign in: codelab login --server {connection.Server}");
        }
        catch (Exception fault)
            when (fault is ServerException or ServerUnreachableException or InvalidDataException or HttpRequestException)
        {
            return new Check("sign-in", CheckState.Bad, fault.Message);
        }
    }

    private static async Task<Check> ModelAsync(ServerConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            var list = await connection.Api.ModelsAsync(cancellationToken);
            var used = list.Models.FirstOrDefault(model => model.IsDefault);
            if (used is null)
                return new Check("model", CheckState.Bad, "the server has no model: configure a provider there");
            return used.Id == "codelab-demo"
                ? new Check(
                    "model",
                    CheckState.Weak,
                    "only the demonstration model: set OPENAI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_BASE_URL for the server"
                )
                : new Check("model", CheckState.Good, $"{used.Id} of {used.Provider}, {list.Models.Count} in all");
        }
        catch (Exception fault) when (fault is ServerException or ServerUnreachableException or NotSignedInException)
        {
            return new Check("model", CheckState.Bad, fault.Message);
        }
    }

    private static async Task<Check> GitAsync(string root, CancellationToken cancellationToken)
    {
        try
        {
            var start = new ProcessStartInfo("git", ["-C", root, "rev-parse", "--is-inside-work-tree"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            };
            using var git = Process.Start(start)!;
            var output = git.StandardOutput.ReadToEndAsync(cancellationToken);
            await git.StandardError.ReadToEndAsync(cancellationToken);
            await git.WaitForExitAsync(cancellationToken);
            return (await output).Trim() == "true"
                ? new Check("git", CheckState.Good, "the workspace is a repository")
                : new Check("git", CheckState.Weak, "the workspace is no repository: the git tools will say so, the others work");
        }
        catch (Win32Exception)
        {
            return new Check("git", CheckState.Weak, "git is not installed: the git tools cannot work, the others do");
        }
    }

    private static Check Shell()
    {
        if (OperatingSystem.IsWindows())
            return new Check("shell", CheckState.Good, "cmd");
        return File.Exists("/bin/sh")
            ? new Check("shell", CheckState.Good, "/bin/sh")
            : new Check("shell", CheckState.Bad, "there is no /bin/sh: commands cannot run");
    }

    private static Check Disk(string name, string path)
    {
        var probe = Path.Combine(path, $".codelab-{Guid.NewGuid():N}.tmp");
        try
        {
            using (File.Create(probe, 1, FileOptions.DeleteOnClose)) { }
            var free = new DriveInfo(path).AvailableFreeSpace;
            var text = $"{path}: {free / (1024 * 1024):N0} MiB free";
            return free >= EnoughDisk
                ? new Check(name, CheckState.Good, text)
                : new Check(name, CheckState.Weak, text + ", which is little");
        }
        catch (UnauthorizedAccessException)
        {
            return new Check(name, CheckState.Bad, $"{path} cannot be written to");
        }
        catch (IOException fault)
        {
            return new Check(name, CheckState.Bad, $"{path}: {fault.Message}");
        }
    }

    private static Paragraph Draw(Check check)
    {
        var (mark, color) = check.State switch
        {
            CheckState.Good => ("✓", Color.Green),
            CheckState.Weak => ("!", Color.Yellow),
            _ => ("✗", Color.Red),
        };
        return new Paragraph(mark + " ", new Style(color))
            .Append(check.Name.PadRight(12), new Style(decoration: Decoration.Bold))
            .Append(SafeText.Plain(check.Finding));
    }

    private static string ToJson(List<Check> checks)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("checks");
            foreach (var check in checks)
            {
                writer.WriteStartObject();
                writer.WriteString("name", check.Name);
                writer.WriteString(
                    "state",
                    check.State switch
                    {
                        CheckState.Good => "good",
                        CheckState.Weak => "weak",
                        _ => "bad",
                    }
                );
                writer.WriteString("finding", check.Finding);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(buffer.ToArray());
    }
}
