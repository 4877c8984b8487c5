using System.ComponentModel;
using System.Diagnostics;

namespace CodeLab.Client.Processes;

/// <summary>The fallback where there is no posix_spawn. It ends the tree the runtime can see; a job object would see more.</summary>
internal sealed class WindowsProcess : IRunningProcess
{
    private readonly Process _process;

    private WindowsProcess(Process process, ProcessSpec spec)
    {
        _process = process;
        process.StandardInput.Close();
        Exited = WaitAsync();
        OutputRead = Task.WhenAll(
            PumpAsync(process.StandardOutput.BaseStream, spec.Stdout),
            PumpAsync(process.StandardError.BaseStream, spec.Stderr)
        );
    }

    public Task<int?> Exited { get; }

    public Task OutputRead { get; }

    public static WindowsProcess Start(ProcessSpec spec)
    {
        var start = new ProcessStartInfo(spec.FileName, spec.Arguments)
        {
            WorkingDirectory = spec.WorkingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        start.Environment.Clear();
        foreach (var (name, value) in spec.Environment)
            start.Environment[name] = value;
        try
        {
            return new WindowsProcess(Process.Start(start)!, spec);
        }
        catch (Win32Exception e)
        {
            throw new ProcessStartException(e.Message);
        }
    }

    public Task EndTreeAsync(TimeSpan grace, TimeProvider time)
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended meanwhile, or parts of it have: that is what was wanted.
        }
        return Task.CompletedTask;
    }

    // The streams belong to the pumps: closing them under a blocked read hangs.
    public void Dispose() =>
        _ = OutputRead.ContinueWith(
            (_, process) => ((Process)process!).Dispose(),
            _process,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default
        );

    private async Task<int?> WaitAsync()
    {
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    private static async Task PumpAsync(System.IO.Stream stream, Action<ReadOnlyMemory<byte>> sink)
    {
        var buffer = new byte[16 * 1024];
        int count;
        while ((count = await stream.ReadAsync(buffer)) > 0)
            sink(buffer.AsMemory(0, count));
    }
}
