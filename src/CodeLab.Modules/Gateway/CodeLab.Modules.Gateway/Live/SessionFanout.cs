using System.Collections.Concurrent;
using CodeLab.Protocol.Frames;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// Who is attached to what on this host. Publishing costs a look-up when nobody is, and one serialization however many are.
/// </summary>
internal sealed class SessionFanout
{
    private readonly ConcurrentDictionary<string, LiveConnection> _connections = new(StringComparer.Ordinal);

    // Audiences are replaced, never changed: the publisher reads them without a lock.
    private readonly ConcurrentDictionary<string, LiveConnection[]> _audiences = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    public int Count => _connections.Count;

    public IReadOnlyCollection<LiveConnection> Connections => [.. _connections.Values];

    public LiveConnection? Find(string connectionId) => _connections.GetValueOrDefault(connectionId);

    /// <summary>Who is attached to a session now, in the order of attaching.</summary>
    public IReadOnlyList<LiveConnection> AudienceOf(string sessionId) => _audiences.GetValueOrDefault(sessionId) ?? [];

    public void Add(LiveConnection connection) => _connections.TryAdd(connection.Id, connection);

    /// <summary>Removes a connection; true when it was there.</summary>
    public bool Remove(string connectionId)
    {
        if (!_connections.TryRemove(connectionId, out var connection))
            return false;
        lock (_lock)
        {
            foreach (var session in connection.Audiences)
                RemoveFromAudience(connection, session);
            connection.Audiences.Clear();
        }
        connection.MarkClosed();
        return true;
    }

    /// <summary>Begins an attach: from now on the session's frames are kept for the connection.</summary>
    public Subscription BeginAttach(LiveConnection connection, string sessionId)
    {
        lock (_lock)
        {
            var subscription = connection.Collect(sessionId);
            _audiences.AddOrUpdate(
                sessionId,
                static (_, joining) => [joining],
                static (_, audience, joining) => audience.Contains(joining) ? audience : [.. audience, joining],
                connection
            );
            if (!connection.Audiences.Contains(sessionId))
                connection.Audiences.Add(sessionId);
            return subscription;
        }
    }

    /// <summary>Undoes an attach that was refused.</summary>
    public void CancelAttach(LiveConnection connection, string sessionId, Subscription subscription)
    {
        lock (_lock)
        {
            if (connection.Forget(sessionId, subscription))
                LeaveAudience(connection, sessionId);
        }
    }

    public void Leave(LiveConnection connection, string sessionId)
    {
        lock (_lock)
        {
            connection.Leave(sessionId);
            LeaveAudience(connection, sessionId);
        }
    }

    /// <summary>Takes everybody out of a session's audience, and says who was in it.</summary>
    public IReadOnlyList<LiveConnection> CloseSession(string sessionId)
    {
        lock (_lock)
        {
            if (!_audiences.TryRemove(sessionId, out var audience))
                return [];
            foreach (var connection in audience)
            {
                connection.Leave(sessionId);
                connection.Audiences.Remove(sessionId);
            }
            return audience;
        }
    }

    /// <summary>Gives a frame to everybody attached. Never waits for a reader.</summary>
    public void Publish(SessionFrame frame)
    {
        if (!_audiences.TryGetValue(frame.SessionId, out var audience))
            return;
        var wire = WireFrame.Of(frame);
        foreach (var connection in audience)
            connection.Deliver(wire);
    }

    private void LeaveAudience(LiveConnection connection, string sessionId)
    {
        connection.Audiences.Remove(sessionId);
        RemoveFromAudience(connection, sessionId);
    }

    private void RemoveFromAudience(LiveConnection connection, string sessionId)
    {
        if (!_audiences.TryGetValue(sessionId, out var audience))
            return;
        var rest = Array.FindAll(audience, c => c != connection);
        if (rest.Length == 0)
            _audiences.TryRemove(sessionId, out _);
        else
            _audiences[sessionId] = rest;
    }
}
