using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Startup;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Auth.Keys;

/// <summary>
/// Keeps the key ring of this host like the store's: at once when another host says that it changed, and twice a minute in any case. Rotates
/// on schedule and deletes keys that have retired.
/// </summary>
internal sealed partial class KeyWatch(KeyRing keys, IClusterBus bus, StartupGate startup, TimeProvider time, ILogger<KeyWatch> logger)
    : BackgroundService
{
    public const string Channel = "auth:keys";
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await startup.Opened.WaitAsync(stoppingToken);
        using var changes = bus.Subscribe(Channel, async _ => await keys.ReloadAsync(stoppingToken));
        using var timer = new PeriodicTimer(_interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                // The keys in memory go on; the next look may work.
                LookFailed(failure);
            }
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        await keys.ReloadAsync(cancellationToken);
        if (keys.IsRotationDue)
        {
            await keys.RotateAsync(actor: null, isCompromised: false, cancellationToken);
            await bus.PublishAsync(Channel, default, cancellationToken);
        }
        if (await keys.DeleteRetiredAsync(cancellationToken) > 0)
            await keys.ReloadAsync(cancellationToken);
    }

    [LoggerMessage(2003, LogLevel.Error, "The signing keys could not be looked after")]
    private partial void LookFailed(Exception exception);
}
