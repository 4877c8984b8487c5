using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Models;

/// <summary>Asks the providers for their models once the host is up, and again from time to time.</summary>
internal sealed class RefreshModels(
    ModelCatalogue catalogue,
    IOptions<LlmOptions> options,
    IHostApplicationLifetime lifetime,
    TimeProvider time
) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Never in the way of the listener.
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (lifetime.ApplicationStarted.Register(() => started.TrySetResult()))
            await started.Task.WaitAsync(stoppingToken);
        await catalogue.GetAsync(stoppingToken);
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(options.Value.ModelRefreshMinutes), time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await catalogue.RefreshAsync(stoppingToken);
    }
}
