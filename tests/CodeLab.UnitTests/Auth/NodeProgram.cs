using System.Diagnostics;
using System.Net;
using Xunit;

namespace CodeLab.UnitTests.Auth;

/// <summary>A program of Node with its pinned packages, in a folder of its own.</summary>
internal sealed class NodeProgram : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(3);
    private readonly DirectoryInfo _folder;
    private Process? _running;

    private NodeProgram(DirectoryInfo folder) => _folder = folder;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Copies a folder beside this file and installs its packages.</summary>
    public static async Task<NodeProgram> InstallAsync(string name)
    {
        var program = new NodeProgram(Directory.CreateTempSubdirectory("codelab-node-"));
        try
        {
            foreach (var file in Directory.GetFiles(Path.Combine(Root(), "tests", "CodeLab.UnitTests", "Auth", name)))
                File.Copy(file, Path.Combine(program._folder.FullName, Path.GetFileName(file)));
            await program.RunAsync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], null);
            return program;
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    /// <summary>A port that was free a moment ago.</summary>
    public static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Runs a script to its end; what it said.</summary>
    public Task<string> RunAsync(string script, string input) => RunAsync("node", [script], input);

    /// <summary>Starts a script that goes on until this is disposed, and waits for its first line.</summary>
    public async Task StartAsync(string script, string input)
    {
        _running = Start("node", [script], input);
        var errors = _running.StandardError.ReadToEndAsync(Cancel);
        var line = await _running.StandardOutput.ReadLineAsync(Cancel).AsTask().WaitAsync(_patience, Cancel);
        if (line is null)
            Assert.Fail($"{script} ended:\n{await errors}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_running is not null)
        {
            if (!_running.HasExited)
                _running.Kill(entireProcessTree: true);
            _running.WaitForExit();
            _running.Dispose();
        }
        _folder.Delete(recursive: true);
    }

    private async Task<string> RunAsync(string program, string[] arguments, string? input)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        patience.CancelAfter(_patience);
        using var process = Start(program, arguments, input);
        var output = process.StandardOutput.ReadToEndAsync(patience.Token);
        var errors = process.StandardError.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}:\n{await output}\n{await errors}");
        return await output;
    }

    private Process Start(string program, string[] arguments, string? input)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = _folder.FullName,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["CODELAB_TEST"] = input;
        return Process.Start(start)!;
    }

    // The compiler's own path of this file is not one of this machine in a reproducible build.
    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "CodeLab.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside the repository");
        return folder;
    }
}
