using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Terminal;
using CodeLab.Client.SignIn;

namespace CodeLab.Cli.Up;

/// <summary>The host as a child of this program: it is told whose child it is and ends when the parent is gone, however that ends.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(10);
    private readonly Process _process;

    private HostProcess(Process process, ServerAddress address)
    {
        _process = process;
        Address = address;
    }

    public ServerAddress Address { get; }

    /// <summary>Completes when the host ends by itself.</summary>
    public Task Ended => _process.WaitForExitAsync();

    /// <summary>Starts the host and waits until it serves.</summary>
    /// <exception cref="CommandFailedException">It ended or did not get ready; the message holds what it said and where its log is.</exception>
    public static async Task<HostProcess> StartAsync(
        HostProgram program,
        UpFolder folder,
        string administrator,
        CliConsole console,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        Client.Storage.OwnerOnlyFiles.CreateDirectory(folder.Database);
        File.Delete(folder.ReadyFile);
        var process =
            Process.Start(StartInfo(program, folder, administrator)) ?? throw new CommandFailedException("The host did not start.");
        try
        {
            var begun = time.GetTimestamp();
            while (true)
            {
                if (await folder.AddressAsync(cancellationToken) is { } address)
                {
                    if (console.ErrorIsTerminal)
                        await console.Error.WriteAsync("\r\u001b[K");
                    return new HostProcess(process, ServerAddress.Parse(address));
                }
                var elapsed = time.GetElapsedTime(begun);
                if (process.HasExited)
                    throw new CommandFailedException(
                        $"The host ended with code {process.ExitCode} before it was ready.\n{Said(folder.Log)}"
                    );
                if (elapsed > Patience)
                    throw new CommandFailedException(
                        $"The host was not ready after {Patience.TotalSeconds:0} seconds.\n{Said(folder.Log)}"
                    );
                if (console.ErrorIsTerminal)
                    await console.Error.WriteAsync(
                        $"\r\u001b[K{Spinner.At(elapsed)} Starting the server here … {elapsed.TotalSeconds:0.0} s"
                    );
                await Task.Delay(TimeSpan.FromMilliseconds(60), time, cancellationToken);
            }
        }
        catch
        {
            if (console.ErrorIsTerminal)
                await console.Error.WriteAsync("\r\u001b[K");
            await StopAsync(process);
            throw;
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync(_process);

    /// <summary>The last lines of the log, for a person: the host's own sentences, or the messages of its log entries.</summary>
    internal static string Said(string log)
    {
        var lines = File.Exists(log) ? File.ReadLines(log).TakeLast(400).Select(Sentence).OfType<string>().TakeLast(12) : [];
        return string.Join('\n', lines.Select(line => "  " + SafeText.Plain(line)).Append($"Its log: {log}"));
    }

    private static string? Sentence(string line)
    {
        if (line.Length == 0 || line[0] != '{')
            return string.IsNullOrWhiteSpace(line) ? null : line;
        try
        {
            using var entry = JsonDocument.Parse(line);
            var root = entry.RootElement;
            if (!root.TryGetProperty("@l", out var level) || level.GetString() is not ("Warning" or "Error" or "Fatal"))
                return null;
            var message = root.TryGetProperty("@m", out var text) || root.TryGetProperty("@mt", out text) ? text.GetString() : null;
            var cause = root.TryGetProperty("@x", out var fault) ? fault.GetString()?.Split('\n')[0] : null;
            return $"{level.GetString()}: {message}{(cause is null ? "" : $" ({cause})")}";
        }
        catch (JsonException)
        {
            return line;
        }
    }

    private static ProcessStartInfo StartInfo(HostProgram program, UpFolder folder, string administrator)
    {
        ProcessStartInfo start;
        if (OperatingSystem.IsWindows())
        {
            start = new ProcessStartInfo(program.FileName, program.Arguments) { CreateNoWindow = true };
        }
        else
        {
            // The shell makes the log the host's own output, so that it needs no pipe to this program, and lets it ignore the Ctrl-C
            // that the terminal sends to everything started from it: that one means "cancel the turn".
            start = new ProcessStartInfo(
                "/bin/sh",
                [
                    "-c",
                    """trap '' INT QUIT; log="$1"; shift; umask 077; exec "$@" </dev/null >"$log" 2>&1""",
                    "sh",
                    folder.Log,
                    program.FileName,
                    .. program.Arguments,
                ]
            );
        }
        start.WorkingDirectory = folder.Database;
        var environment = start.Environment;
        environment.Remove("CODELAB_ADMIN_PASSWORD");
        environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        environment["CodeLab__DataDirectory"] = folder.Database;
        environment["CODELAB_ADMIN_USERNAME"] = administrator;
        environment["CODELAB_ADMIN_PASSWORD_FILE"] = folder.PasswordFile;
        environment["CodeLab__ReadyFile"] = folder.ReadyFile;
        environment["CodeLab__ParentProcessId"] = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        return start;
    }

    private static async Task StopAsync(Process process)
    {
        using (process)
        {
            if (process.HasExited)
                return;
            if (!OperatingSystem.IsWindows() && Signals.Terminate(process.Id))
            {
                using var limit = new CancellationTokenSource(Farewell);
                try
                {
                    await process.WaitForExitAsync(limit.Token);
                    return;
                }
                catch (OperationCanceledException)
                {
                    // It does not end by itself.
                }
            }
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }
    }
}
