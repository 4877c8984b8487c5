using System.Threading.Channels;
using CodeLab.BuildingBlocks.Startup;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>Carries orders from the sessions that give tasks to those that do them, and back.</summary>
internal sealed partial class TaskRunner(TaskOrders orders, SessionDirectory sessions, StartupGate gate, ILogger<TaskRunner> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await gate.Opened.WaitAsync(stoppingToken);
        await Task.WhenAll(orders.Lanes.Select(lane => RunAsync(lane, stoppingToken)));
    }

    private async Task RunAsync(ChannelReader<TaskOrder> lane, CancellationToken stoppingToken)
    {
        await foreach (var order in lane.ReadAllAsync(stoppingToken))
        {
            try
            {
                await sessions.CarryOutAsync(order);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // The keeper sends it again; other tasks must not wait for it.
                OrderFailed(exception, order.ChildId);
            }
        }
    }

    [LoggerMessage(3006, LogLevel.Error, "An order about task {ChildId} failed; it is tried again")]
    private partial void OrderFailed(Exception exception, string childId);
}
