using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Gateway.Limits;
using CodeLab.Modules.Gateway.Live;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>What every socket works with.</summary>
internal sealed class SocketServices(
    IServiceScopeFactory scopes,
    SessionFanout fanout,
    MessageLimits rates,
    DrainState drain,
    Delivery delivery,
    SocketCredentials credentials,
    ILogger<SocketSession> logger
)
{
    public SessionFanout Fanout => fanout;
    public MessageLimits Rates => rates;
    public DrainState Drain => drain;
    public Delivery Delivery => delivery;
    public SocketCredentials Credentials => credentials;
    public ILogger<SocketSession> Logger => logger;

    public async Task<T> SendAsync<T>(IRequest<T> request)
    {
        await using var scope = scopes.CreateAsyncScope();
        // What was read is committed whether or not the socket lives on: its sender may come back and ask.
        return await scope.ServiceProvider.GetRequiredService<ISender>().Send(request, CancellationToken.None);
    }
}

/// <summary>Who is on the socket and what it may do.</summary>
/// <param name="User">The user; the session's owner for a socket without credentials.</param>
/// <param name="MayWrite">False for a viewer.</param>
/// <param name="IsAnonymous">True for the released IDE, which sends no credentials.</param>
internal sealed record SocketHolder(LiveUser User, bool MayWrite, bool IsAnonymous);
