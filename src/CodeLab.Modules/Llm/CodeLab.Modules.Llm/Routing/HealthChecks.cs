using CodeLab.Modules.Llm.Models;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Routing;

/// <summary>
/// Asks providers that are down whether they are back, so that neither a list of models nor a call has to find out. Providers that are well
/// are left alone: their calls show it.
/// </summary>
internal sealed class HealthChecks(
    ModelCatalogue catalogue,
    CircuitBreakers breakers,
    IOptions<LlmOptions> options,
    IHostApplicationLifetime lifetime,
    TimeProvider time
) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var seconds = options.Value.Breaker.HealthCheckSeconds;
        if (seconds == 0)
            return;
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (lifetime.ApplicationStarted.Register(() => started.TrySetResult()))
            await started.Task.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(seconds), time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await CheckAsync(stoppingToken);
    }

    /// <summary>One round.</summary>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        await catalogue.RefreshAsync(IsDown, cancellationToken);
        foreach (var provider in catalogue.Current.Providers.Where(p => p.Answered))
            breakers.Recovered(provider.Settings.Name);

        // An Ollama that is merely looked for is not missed.
        bool IsDown(ProviderEntry provider) =>
            !provider.Settings.IsProbed
            && provider.Settings.BaseUrl is not null
            && (!provider.Answered || breakers.HasOpen(provider.Settings.Name));
    }
}
