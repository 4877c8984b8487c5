using CodeLab.BuildingBlocks.Startup;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>
/// Once a second: takes up sessions with work that nobody has, lets approvals expire, renews leases, lets idle sessions leave memory. At
/// the end: stops them all at a commit point.
/// </summary>
internal sealed partial class SessionKeeper(
    SessionDirectory directory,
    SessionRuntime runtime,
    StartupGate gate,
    IOptions<AgentOptions> options,
    TimeProvider time,
    ILogger<SessionKeeper> logger
) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await gate.Opened.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        var renewEvery = Math.Max(1, options.Value.LeaseSeconds / 3);
        for (var second = 0L; !stoppingToken.IsCancellationRequested; second++)
        {
            try
            {
                await RecoverAsync(stoppingToken);
                await TickAsync();
                if (second % 10 == 9)
                {
                    foreach (var actor in directory.Loaded)
                        await actor.RemindTasksAsync();
                }
                if (second % 30 == 29)
                    await runtime.Policies.FlushUsesAsync(stoppingToken);
                if (second % renewEvery == 0)
                    await RenewAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception)
            {
                // The database may be away; the next second tries again (security.md §12, G11).
                KeepingFailed(exception);
            }
            if (!await timer.WaitForNextTickAsync(stoppingToken))
                break;
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await directory.StopAllAsync(cancellationToken);
        await runtime.Policies.FlushUsesAsync(cancellationToken);
    }

    private async Task RecoverAsync(CancellationToken stoppingToken)
    {
        if (runtime.Drain.IsDraining)
            return;
        var open = await runtime.Store.OpenSessionsAsync(directory.Holder, stoppingToken);
        await Parallel.ForEachAsync(
            open,
            new ParallelOptions { MaxDegreeOfParallelism = options.Value.RecoverAtOnce, CancellationToken = stoppingToken },
            async (sessionId, _) =>
            {
                try
                {
                    await directory.RecoverAsync(sessionId);
                }
                catch (Exception exception)
                {
                    // One session that can not be read must not keep the others down.
                    RecoveryFailed(exception, sessionId);
                }
            }
        );
    }

    private async Task TickAsync()
    {
        foreach (var actor in directory.Loaded)
        {
            if (!await actor.TickAsync(TimeSpan.FromMinutes(options.Value.IdleMinutes)))
                continue;
            await actor.StopAsync();
            await runtime.Store.ReleaseLeasesAsync(directory.Holder, [actor.SessionId], CancellationToken.None);
        }
    }

    private async Task RenewAsync(CancellationToken stoppingToken)
    {
        var held = directory.Loaded.ToDictionary(a => a.SessionId);
        if (held.Count == 0)
            return;
        var lost = await runtime.Store.RenewLeasesAsync(
            directory.Holder,
            held.Keys,
            TimeSpan.FromSeconds(options.Value.LeaseSeconds),
            stoppingToken
        );
        foreach (var sessionId in lost)
        {
            LeaseLost(sessionId);
            await held[sessionId].StopAsync();
            await runtime.Publisher.Publish(new SessionClosed(sessionId, "replaced"), stoppingToken);
        }
    }

    [LoggerMessage(3003, LogLevel.Error, "Keeping sessions failed; it is tried again")]
    private partial void KeepingFailed(Exception exception);

    [LoggerMessage(3004, LogLevel.Error, "Session {SessionId} could not go on")]
    private partial void RecoveryFailed(Exception exception, string sessionId);

    [LoggerMessage(3005, LogLevel.Warning, "Lease of session {SessionId} was lost to another node")]
    private partial void LeaseLost(string sessionId);
}
