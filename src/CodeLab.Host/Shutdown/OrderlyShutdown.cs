using System.Runtime.InteropServices;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Host.Configuration;
using CodeLab.Modules.Gateway.Live;
using MediatR;
using Microsoft.Extensions.Options;

namespace CodeLab.Host.Shutdown;

/// <summary>
/// Stops the host in the order of security.md §12: readiness goes off, balancers get time to notice, turns reach a commit point,
/// connections are told and closed, then the listener stops. It takes the place of the console's own lifetime because that one starts
/// with the last step: the framework closes hub connections the moment <c>ApplicationStopping</c> is told.
/// </summary>
internal sealed partial class OrderlyShutdown(
    IServiceProvider services,
    IHostApplicationLifetime lifetime,
    IHostEnvironment environment,
    DrainState drain,
    IOptions<HostSettings> settings,
    TimeProvider time,
    ILogger<OrderlyShutdown> logger
) : IHostLifetime, IDisposable
{
    private static readonly TimeSpan _drainTime = TimeSpan.FromSeconds(15);

    private readonly List<PosixSignalRegistration> _signals = [];
    private readonly Lock _lock = new();
    private Task? _sequence;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGQUIT])
            _signals.Add(PosixSignalRegistration.Create(signal, OnSignal));
        // Who stops the application from inside (a failed start) turns readiness off, too.
        lifetime.ApplicationStopping.Register(drain.Begin);
        return Task.CompletedTask;
    }

    /// <summary>Begins to stop; a second request stops at once.</summary>
    /// <param name="patient">False when nobody is left to wait for.</param>
    public void Request(bool patient)
    {
        lock (_lock)
        {
            if (_sequence is null)
            {
                _sequence = RunAsync(patient);
                return;
            }
        }
        lifetime.StopApplication();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach (var signal in _signals)
            signal.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        Request(patient: true);
    }

    private async Task RunAsync(bool patient)
    {
        drain.Begin();
        Draining();
        try
        {
            await Task.Yield();
            if (patient && !environment.IsDevelopment() && settings.Value.Shutdown.BalancerSeconds > 0 && await AnybodyConnectedAsync())
                await Task.Delay(TimeSpan.FromSeconds(settings.Value.Shutdown.BalancerSeconds), time, lifetime.ApplicationStopping);
            using var limit = new CancellationTokenSource(_drainTime, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, lifetime.ApplicationStopping);
            foreach (var task in services.GetServices<IDrainTask>().OrderBy(t => t.Order))
                await RunAsync(task, either.Token);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // Asked a second time: no more waiting.
        }
        finally
        {
            lifetime.StopApplication();
        }
    }

    private async Task RunAsync(IDrainTask task, CancellationToken cancellationToken)
    {
        try
        {
            await task.RunAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            OutOfTime(task.GetType().Name);
        }
        catch (Exception exception)
        {
            // One part that can not say goodbye must not keep the others from it.
            DrainFailed(exception, task.GetType().Name);
        }
    }

    private async Task<bool> AnybodyConnectedAsync()
    {
        await using var scope = services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<ISender>().Send(new CountConnectionsQuery()) > 0;
    }

    [LoggerMessage(5, LogLevel.Information, "Stopping: taking no new work")]
    private partial void Draining();

    [LoggerMessage(6, LogLevel.Warning, "{Task} did not end in time")]
    private partial void OutOfTime(string task);

    [LoggerMessage(7, LogLevel.Error, "{Task} failed while stopping")]
    private partial void DrainFailed(Exception exception, string task);
}

internal static class OrderlyShutdownRegistration
{
    public static void AddOrderlyShutdown(this IServiceCollection services)
    {
        services.AddSingleton<OrderlyShutdown>();
        services.AddSingleton<IHostLifetime>(provider => provider.GetRequiredService<OrderlyShutdown>());
        services.Configure<HostOptions>(options =>
        {
            // 5 s for balancers and 15 s for draining come before: together 30 s (security.md G10).
            options.ShutdownTimeout = TimeSpan.FromSeconds(10);
            // A background fault is logged; it never ends the process (security.md §12).
            options.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.Ignore;
        });
    }
}
