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
        while (true)
        {
            await WaitAsync(stoppingToken);
            await catalogue.RefreshAsync(stoppingToken);
        }
    }

    /// <summary>Until the time is over or a provider came.</summary>
    private async Task WaitAsync(CancellationToken stoppingToken)
    {
        using var over = new CancellationTokenSource(TimeSpan.FromMinutes(options.Value.ModelRefreshMinutes), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, stoppingToken);
        try
        {
            await catalogue.Changes.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            // Time to look again.
        }
    }
}
