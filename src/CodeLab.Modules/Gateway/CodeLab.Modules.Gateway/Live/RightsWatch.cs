using CodeLab.Modules.Auth.Access;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// Asks the store now and then whether the sign-ins and keys of this node's open connections live and have the roles they had (security.md
/// G2). What ends on this node is told at once; what ends on another one is told by Redis, which loses messages and may not be there at all.
/// </summary>
internal sealed partial class RightsWatch(
    SessionFanout fanout,
    IServiceScopeFactory scopes,
    IOptions<GatewayOptions> options,
    TimeProvider time,
    ILogger<RightsWatch> logger
) : BackgroundService
{
    private const int Group = 1_000;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(options.Value.RightsSeconds), time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                // The database is away: nobody can be asked, and no request of these connections gets through either.
                NotAsked(failure.GetType().Name);
            }
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        var connections = fanout.Connections;
        await using var scope = scopes.CreateAsyncScope();
        var sender = scope.ServiceProvider.GetRequiredService<ISender>();
        foreach (var group in connections.Where(c => c.SignInId is not null).GroupBy(c => c.SignInId!).Chunk(Group))
        {
            var living = await sender.Send(new GetSignInsQuery([.. group.Select(g => g.Key)]), cancellationToken);
            foreach (var connection in group.SelectMany(g => g))
            {
                if (!living.TryGetValue(connection.SignInId!, out var roles) || roles != connection.User.Roles)
                    RightsEnd.Close(connection);
            }
        }
        foreach (var key in connections.Where(c => c.User.KeyId is not null).GroupBy(c => c.User.KeyId!))
        {
            if (await sender.Send(new GetAccessKeyQuery(key.Key), cancellationToken) is not null)
                continue;
            foreach (var connection in key)
                RightsEnd.Close(connection);
        }
    }

    [LoggerMessage(1012, LogLevel.Warning, "Whether the sign-ins of open connections still live could not be asked ({Failure})")]
    private partial void NotAsked(string failure);
}
