using System.Collections.Concurrent;
using CodeLab.Modules.Gateway.Live;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Protocol;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Gateway.Hubs;

/// <summary>
/// Knows the framework's connections, so that a frame written once is given to each of them as it is: the hub's own client proxies would
/// write it once more for every connection.
/// </summary>
internal sealed class HubConnections(ILogger<DefaultHubLifetimeManager<SessionHub>> logger) : DefaultHubLifetimeManager<SessionHub>(logger)
{
    private readonly ConcurrentDictionary<string, HubConnectionContext> _connections = new(StringComparer.Ordinal);

    public HubConnectionContext this[string connectionId] => _connections[connectionId];

    public override Task OnConnectedAsync(HubConnectionContext connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        _connections[connection.ConnectionId] = connection;
        return base.OnConnectedAsync(connection);
    }

    public override Task OnDisconnectedAsync(HubConnectionContext connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        _connections.TryRemove(connection.ConnectionId, out _);
        return base.OnDisconnectedAsync(connection);
    }
}

/// <summary>A connection of the hub.</summary>
internal sealed class HubLiveConnection(HubConnectionContext connection, LiveUser user, Delivery delivery)
    : LiveConnection(connection.ConnectionId, user, delivery)
{
    protected override ValueTask SendAsync(WireFrame frame) => connection.WriteAsync(frame.HubMessage);

    // Not every client reads the reason, but every one comes back when it may.
    protected override async ValueTask SayGoodbyeAsync(CloseReason reason)
    {
        await connection.WriteAsync(new CloseMessage(reason.Text, allowReconnect: true));
        connection.Abort();
    }

    protected override void Abort() => connection.Abort();
}
