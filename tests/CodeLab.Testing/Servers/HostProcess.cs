using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace CodeLab.Testing.Servers;

/// <summary>One run of the host program, and all it said.</summary>
public sealed class HostProcess : IAsyncDisposable
{
    /// <summary>Long enough for a busy machine: nothing in a good run comes near it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private static readonly string[] _foreign =
    [
        "CODELAB",
        "ASPNETCORE_",
        "DOTNET_ENVIRONMENT",
        "OPENAI_",
        "ANTHROPIC_",
        "OLLAMA_",
        "AZURE_OPENAI",
        "AUTH_SERVICE__",
        "AGENT_RUNTIME__",
        "LLM_PROXY__",
        "GATEWAY__",
        "ConnectionStrings__",
    ];

    private readonly Process _process;
    private readonly Lock _lock = new();
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _errors = new();
    private readonly List<(string Text, TaskCompletionSource Seen)> _awaited = [];

    private HostProcess(Process process) => _process = process;

    /// <summary>Path of the host program; <c>CODELAB_TEST_HOST</c> names another build, e.g. a published one.</summary>
    public static string Program { get; } =
        Environment.GetEnvironmentVariable("CODELAB_TEST_HOST")
        ?? typeof(HostProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "CodeLab.Host").Value!;

    /// <summary>Process id.</summary>
    public int Id => _process.Id;

    /// <summary>Exit code, once it ended.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>True once it ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Standard output so far: the log, one JSON object a line.</summary>
    public string Output
    {
        get
        {
            lock (_lock)
                return _output.ToString();
        }
    }

    /// <summary>Standard error so far.</summary>
    public string Errors
    {
        get
        {
            lock (_lock)
                return _errors.ToString();
        }
    }

    /// <summary>Starts the program; of this process's environment it gets nothing that would change what it does.</summary>
    public static HostProcess Start(
        IReadOnlyDictionary<string, string?> environment,
        IReadOnlyList<string>? arguments = null,
        string? workingDirectory = null
    )
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
            WorkingDirectory = workingDirectory ?? "",
        };
        start.ArgumentList.Add(Path.GetFullPath(Program));
        foreach (var argument in arguments ?? [])
            start.ArgumentList.Add(argument);
        foreach (var name in start.Environment.Keys.Where(IsForeign).ToList())
            start.Environment.Remove(name);
        foreach (var (name, value) in environment)
        {
            if (value is null)
                start.Environment.Remove(name);
            else
                start.Environment[name] = value;
        }
        var host = new HostProcess(new Process { StartInfo = start });
        host._process.OutputDataReceived += (_, line) => host.Heard(host._output, line.Data);
        host._process.ErrorDataReceived += (_, line) => host.Heard(host._errors, line.Data);
        host._process.Start();
        host._process.BeginOutputReadLine();
        host._process.BeginErrorReadLine();
        return host;
    }

    /// <summary>Waits until output or errors hold a text.</summary>
    public async Task WaitForOutputAsync(string text, CancellationToken cancellationToken = default)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (Holds(text))
                return;
            _awaited.Add((text, seen));
        }
        await OrExitAsync(seen.Task, $"\"{text}\" was not said", () => Holds(text), cancellationToken);
    }

    /// <summary>Waits until a file appears, and returns its text.</summary>
    public async Task<string> WaitForFileAsync(string path, CancellationToken cancellationToken = default)
    {
        var appeared = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(Path.GetDirectoryName(path)!);
        void Look(object? sender, FileSystemEventArgs change)
        {
            if (File.Exists(path))
                appeared.TrySetResult();
        }
        watcher.Created += Look;
        watcher.Renamed += Look;
        watcher.EnableRaisingEvents = true;
        if (File.Exists(path))
            appeared.TrySetResult();
        await OrExitAsync(appeared.Task, "it did not become ready", () => File.Exists(path), cancellationToken);
        return (await File.ReadAllTextAsync(path, cancellationToken)).Trim();
    }

    /// <summary>Waits for the end; returns the exit code.</summary>
    public async Task<int> WaitForExitAsync(CancellationToken cancellationToken = default)
    {
        await _process.WaitForExitAsync(cancellationToken).WaitAsync(Patience, cancellationToken);
        return _process.ExitCode;
    }

    /// <summary>Asks it to stop, as an orchestrator does (SIGTERM); returns the exit code.</summary>
    public Task<int> StopAsync(CancellationToken cancellationToken = default)
    {
        if (!_process.HasExited)
            Signal(15);
        return WaitForExitAsync(cancellationToken);
    }

    /// <summary>Sends a POSIX signal.</summary>
    public void Signal(int signal)
    {
        if (SendSignal(_process.Id, signal) != 0)
            throw new InvalidOperationException($"Signal {signal} could not be sent: error {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Ends it at once (SIGKILL).</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private async Task OrExitAsync(Task wanted, string otherwise, Func<bool> holds, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        var exit = _process.WaitForExitAsync(limit.Token);
        var first = await Task.WhenAny(wanted, exit);
        if (first == wanted || holds())
            return;
        var how = exit.IsCompletedSuccessfully ? $"The host ended with code {_process.ExitCode}" : "The host said nothing for too long";
        throw new InvalidOperationException($"{how}: {otherwise}.\n{Errors}\n{Output}");
    }

    private void Heard(StringBuilder text, string? line)
    {
        if (line is null)
            return;
        lock (_lock)
        {
            text.Append(line).Append('\n');
            foreach (var (_, seen) in _awaited.Where(a => Holds(a.Text)))
                seen.TrySetResult();
        }
    }

    private bool Holds(string text) => Output.Contains(text, StringComparison.Ordinal) || Errors.Contains(text, StringComparison.Ordinal);

    private static bool IsForeign(string name) => _foreign.Any(f => name.StartsWith(f, StringComparison.OrdinalIgnoreCase));

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int processId, int signal);
}
