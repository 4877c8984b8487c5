using CodeLab.Modules.Gateway.Live;

namespace CodeLab.Modules.Gateway.Relay;

/// <summary>Another node, as a connection of this one: one queue, bounded as every queue, for all its clients.</summary>
internal sealed class NodeConnection(SessionRelay relay, string node, string self, Delivery delivery)
    : LiveConnection("node:" + node, new LiveUser("", null), delivery)
{
    private readonly Dictionary<string, HashSet<string>> _clients = new(StringComparer.Ordinal);
    private long _number;

    /// <summary>When the node last said that it is there.</summary>
    public long HeardAt { get; set; } = delivery.Time.GetTimestamp();

    /// <summary>Its clients, by session.</summary>
    public IReadOnlyList<(string SessionId, string ConnectionId)> Clients
    {
        get
        {
            lock (_clients)
                return [.. _clients.SelectMany(s => s.Value.Select(c => (s.Key, c)))];
        }
    }

    /// <summary>Number of the last frame sent.</summary>
    public long Number => Interlocked.Read(ref _number);

    /// <summary>Counts a client in; true for the first of its session.</summary>
    public bool Joins(string sessionId, string connectionId)
    {
        lock (_clients)
        {
            if (_clients.TryGetValue(sessionId, out var clients))
                return clients.Add(connectionId) && clients.Count == 1;
            _clients[sessionId] = new(StringComparer.Ordinal) { connectionId };
            return true;
        }
    }

    /// <summary>Counts a client out; true for the last of its session.</summary>
    public bool Left(string sessionId, string connectionId)
    {
        lock (_clients)
        {
            if (!_clients.TryGetValue(sessionId, out var clients) || !clients.Remove(connectionId) || clients.Count > 0)
                return false;
            return _clients.Remove(sessionId);
        }
    }

    /// <summary>The session is not served here any more.</summary>
    public Task LoseAsync(string sessionId, string reason)
    {
        lock (_clients)
            _clients.Remove(sessionId);
        return relay.TellClosedAsync(node, sessionId, reason);
    }

    // Number is what was sent, never more: the other node has it, or has lost it.
    protected override async ValueTask SendAsync(WireFrame frame)
    {
        // A beat goes the way of the frames, so that it can not overtake one.
        var number = frame.IsRaw ? Number : Number + 1;
        await relay.TellAsync(
            SessionRelay.ChannelOf(node),
            new()
            {
                From = self,
                Number = number,
                Frame = frame.IsRaw ? null : frame.Frame,
            }
        );
        Interlocked.Exchange(ref _number, number);
    }

    // Silence says it: the other node finds it out within seconds.
    protected override ValueTask SayGoodbyeAsync(CloseReason reason) => default;

    protected override void Abort() { }
}
