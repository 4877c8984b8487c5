using CodeLab.BuildingBlocks.Startup;
using CodeLab.Host.Configuration;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace CodeLab.Host.Startup;

/// <summary>
/// Does the work that must be done before requests are served, after the listener opened: health answers from the first moment, and a
/// client that comes early waits instead of being refused.
/// </summary>
internal sealed partial class StartupRunner(
    IServiceProvider services,
    StartupGate gate,
    HostSettings settings,
    IHostApplicationLifetime lifetime,
    ILogger<StartupRunner> logger
) : BackgroundService
{
    private string? _readyFile;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var listening = lifetime.ApplicationStarted.Register(() => started.TrySetResult());
        await using var stopped = stoppingToken.Register(() => started.TrySetCanceled(stoppingToken));
        var name = "";
        try
        {
            await started.Task;
            foreach (var task in services.GetServices<IStartupTask>().OrderBy(t => t.Order))
            {
                name = task.GetType().Name;
                await task.RunAsync(stoppingToken);
            }
            gate.Open();
            if (!string.IsNullOrWhiteSpace(settings.ReadyFile))
                WriteReadyFile(settings.ReadyFile);
            Serving();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Stopped while starting: nothing to tell.
        }
        catch (Exception exception)
        {
            StartupFailed(exception, name);
            await Console.Error.WriteLineAsync($"CodeLab can not start: {exception.Message} (step {name}; the log has the details)");
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_readyFile is not null)
            File.Delete(_readyFile);
        await base.StopAsync(cancellationToken);
    }

    /// <summary>Written beside and renamed, so that who waits for the file never reads half an address.</summary>
    private void WriteReadyFile(string path)
    {
        var full = Path.GetFullPath(path);
        var part = $"{full}.{Environment.ProcessId}.part";
        File.WriteAllText(part, ListeningAddress() + "\n");
        File.Move(part, full, overwrite: true);
        _readyFile = full;
    }

    private string ListeningAddress()
    {
        var addresses = services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
        var address = addresses.FirstOrDefault() ?? "";
        // An address that means "every interface" can not be connected to everywhere.
        return address
            .Replace("//0.0.0.0", "//127.0.0.1", StringComparison.Ordinal)
            .Replace("//[::]", "//localhost", StringComparison.Ordinal)
            .Replace("//+", "//localhost", StringComparison.Ordinal)
            .Replace("//*", "//localhost", StringComparison.Ordinal);
    }

    [LoggerMessage(1, LogLevel.Information, "Serving requests")]
    private partial void Serving();

    [LoggerMessage(2, LogLevel.Critical, "Start-up step {Step} failed")]
    private partial void StartupFailed(Exception exception, string step);
}
