using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using CodeLab.Host.Configuration;
using CodeLab.Host.Shutdown;

namespace CodeLab.Host.Startup;

/// <summary>
/// Stops the host when the process that started it is gone, so that <c>codelab up</c> never leaves one behind. Linux tells at once;
/// elsewhere, and when the parent is not the direct one, a look every second finds out.
/// </summary>
internal sealed partial class ParentWatch(HostSettings settings, OrderlyShutdown shutdown, ILogger<ParentWatch> logger) : BackgroundService
{
    private const int SetParentDeathSignal = 1;
    private const int UserSignal1 = 10;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (settings.ParentProcessId is not { } parent)
            return;
        var startedAt = StartOf(parent);
        using var wake = new SemaphoreSlim(0);
        // The kernel sends the signal when the parent's *thread* ends, and threads of a pool end: so it may not be one that kills, and
        // what it says is looked at before it is believed.
        using var signal = OperatingSystem.IsLinux()
            ? PosixSignalRegistration.Create(
                (PosixSignal)UserSignal1,
                context =>
                {
                    context.Cancel = true;
                    wake.Release();
                }
            )
            : null;
        if (OperatingSystem.IsLinux() && ProcessControl(SetParentDeathSignal, UserSignal1, 0, 0, 0) != 0)
            NoDeathSignal(Marshal.GetLastPInvokeError());
        while (startedAt is not null && StartOf(parent) == startedAt)
            await wake.WaitAsync(TimeSpan.FromSeconds(1), stoppingToken);
        ParentGone(parent);
        shutdown.Request(patient: false);
    }

    /// <summary>When the process started, which tells it from a later one with the same id; null when it is gone.</summary>
    private static DateTime? StartOf(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            return process.HasExited || IsZombie(processId) ? null : process.StartTime.ToUniversalTime();
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or Win32Exception)
        {
            return null;
        }
    }

    /// <summary>A process that ended and whose own parent did not look yet still has its id.</summary>
    private static bool IsZombie(int processId)
    {
        if (!OperatingSystem.IsLinux())
            return false;
        try
        {
            var stat = File.ReadAllText($"/proc/{processId}/stat");
            var state = stat.LastIndexOf(')') + 2;
            return state < stat.Length && stat[state] is 'Z' or 'X';
        }
        catch (IOException)
        {
            return true;
        }
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int ProcessControl(int option, nint argument2, nint argument3, nint argument4, nint argument5);

    [LoggerMessage(3, LogLevel.Information, "The parent process {ProcessId} is gone: stopping")]
    private partial void ParentGone(int processId);

    [LoggerMessage(4, LogLevel.Debug, "No signal at the parent's end (error {Error}); looking every second")]
    private partial void NoDeathSignal(int error);
}
