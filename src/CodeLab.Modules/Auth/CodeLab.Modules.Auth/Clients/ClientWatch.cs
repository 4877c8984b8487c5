using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Tokens;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Auth.Clients;

/// <summary>Keeps the registry like the store's: at once when a host says that it changed, and every 4 s in any case.</summary>
internal sealed partial class ClientWatch(
    ClientRegistry clients,
    Database database,
    IClusterBus bus,
    AuthMetrics metrics,
    StartupGate startup,
    TimeProvider time,
    ILogger<ClientWatch> logger
) : BackgroundService
{
    public const string Channel = "auth:clients";
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(4);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await startup.Opened.WaitAsync(stoppingToken);
        using var changes = bus.Subscribe(Channel, async _ => await clients.ReadAsync(database, stoppingToken));
        using var timer = new PeriodicTimer(_interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await clients.ReadAsync(database, stoppingToken);
                metrics.DatabaseAnswers(true);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                // The clients in memory go on; a database that is away answers no grant either.
                metrics.DatabaseAnswers(false);
                ReadFailed(failure);
            }
        }
    }

    [LoggerMessage(2004, LogLevel.Error, "The registered clients could not be read again")]
    private partial void ReadFailed(Exception exception);
}
