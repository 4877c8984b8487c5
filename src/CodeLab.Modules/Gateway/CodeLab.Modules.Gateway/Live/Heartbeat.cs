using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// Looks at every connection once a second: one clock for all, because a timer for each of thousands costs more than the look.
/// </summary>
internal sealed partial class Heartbeat(SessionFanout fanout, TimeProvider time, ILogger<Heartbeat> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var now = time.GetUtcNow();
            foreach (var connection in fanout.Connections)
            {
                try
                {
                    connection.Tick(now);
                }
                catch (Exception exception)
                {
                    // One transport that fails to close must not keep the clock from the others.
                    TickFailed(exception);
                }
            }
        }
    }

    [LoggerMessage(1003, LogLevel.Error, "A connection could not be looked after")]
    private partial void TickFailed(Exception exception);
}
