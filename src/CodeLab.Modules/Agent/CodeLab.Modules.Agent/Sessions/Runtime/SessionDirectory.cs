using System.Collections.Concurrent;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Sharing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>Finds a session's actor, loading the session when nobody has it. At most one actor a session and process.</summary>
internal sealed partial class SessionDirectory
{
    private readonly ConcurrentDictionary<string, Lazy<Task<Opened>>> _sessions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<string, byte>> _connections = new(StringComparer.Ordinal);
    private readonly SessionRuntime _runtime;
    private readonly SessionAccess _access;
    private readonly IOptions<AgentOptions> _options;
    private readonly ILogger<SessionDirectory> _logger;

    public SessionDirectory(SessionRuntime runtime, SessionAccess access, IOptions<AgentOptions> options, ILogger<SessionDirectory> logger)
    {
        (_runtime, _access, _options, _logger) = (runtime, access, options, logger);
        Holder = $"{Environment.MachineName}:{Guid.NewGuid():N}";
        runtime.Forget = Forget;
    }

    /// <summary>This process's name in leases; another one at every start, so that what a dead process held is fenced.</summary>
    public string Holder { get; }

    /// <summary>Actors in memory.</summary>
    public IEnumerable<SessionActor> Loaded =>
        _sessions
            .Values.Where(l => l is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
            .Select(l => l.Value.GetAwaiter().GetResult().Actor)
            .OfType<SessionActor>();

    /// <summary>Lets a caller work on a session in which the caller may do so.</summary>
    /// <param name="caller">Who.</param>
    /// <param name="sessionId">The session.</param>
    /// <param name="create">Whether an unknown id becomes a new session.</param>
    /// <param name="needs">What the caller must be allowed in the session.</param>
    /// <param name="work">What to do; repeated once when the actor stopped before taking it.</param>
    public Task<Result<T>> UseAsync<T>(
        SessionCaller caller,
        string sessionId,
        bool create,
        SessionRight needs,
        Func<SessionActor, Task<Result<T>>> work
    ) => UseAsync(caller, sessionId, create, needs, (actor, _) => work(actor));

    /// <summary>The same, for work that asks how much more the caller may do.</summary>
    public async Task<Result<T>> UseAsync<T>(
        SessionCaller caller,
        string sessionId,
        bool create,
        SessionRight needs,
        Func<SessionActor, SessionRight, Task<Result<T>>> work
    )
    {
        if (!SessionMapping.IsValidId(sessionId))
            return SessionErrors.InvalidId();
        // What is in memory may still reach a commit point; nothing new is taken up.
        if (_runtime.Drain.IsDraining && !_sessions.ContainsKey(sessionId))
            return SessionErrors.Draining();
        for (var attempt = 0; ; attempt++)
        {
            var opened = await OpenAsync(sessionId, create ? caller.UserId : null);
            if (opened.Error is { } error)
                return error;
            var actor = opened.Actor!;
            // The caller may leave while we look; what was asked for is decided all the same.
            var right = actor.IsDeleted
                ? SessionRight.None
                : await _access.RightAsync(caller, sessionId, actor.Owner, CancellationToken.None);
            if (SessionAccess.Refuse(right, needs, sessionId) is { } refused)
                return refused;
            try
            {
                return await work(actor, right);
            }
            catch (ActorStoppedException) when (attempt < 3)
            {
                await actor.Stopped;
            }
            catch (SessionLostException lost) when (lost.Result is AppendResult.Duplicate && attempt < 3)
            {
                // The same input arrived through another session or node first; asked again, it is found and acknowledged.
                await actor.Stopped;
            }
            catch (ActorStoppedException)
            {
                return SessionErrors.Busy();
            }
            catch (SessionLostException)
            {
                return SessionErrors.Elsewhere();
            }
        }
    }

    /// <summary>True while this process has the session in memory.</summary>
    public bool Holds(string sessionId) =>
        _sessions.TryGetValue(sessionId, out var lazy) && lazy is { IsValueCreated: true, Value.IsCompletedSuccessfully: true };

    /// <summary>Whose a session is; null when it is not there.</summary>
    public async Task<string?> OwnerOfAsync(string sessionId, CancellationToken cancellationToken)
    {
        if (!SessionMapping.IsValidId(sessionId))
            return null;
        return await _runtime.Store.FindAsync(sessionId, cancellationToken) is { DeletedAt: null } row ? row.Owner : null;
    }

    /// <summary>Remembers where a connection is attached, so that its end reaches every session.</summary>
    public void Track(string connectionId, string sessionId) =>
        _connections.GetOrAdd(connectionId, static _ => new(StringComparer.Ordinal)).TryAdd(sessionId, 0);

    /// <summary>Detaches a connection from one session, or from all.</summary>
    public async Task DetachAsync(string connectionId, string? sessionId)
    {
        if (!_connections.TryGetValue(connectionId, out var attached))
            return;
        string[] sessions = sessionId is null ? [.. attached.Keys] : [sessionId];
        foreach (var session in sessions)
        {
            attached.TryRemove(session, out _);
            if (_sessions.TryGetValue(session, out var lazy) && (await lazy.Value).Actor is { } actor)
                await actor.DetachAsync(connectionId);
        }
        if (sessionId is null || attached.IsEmpty)
            _connections.TryRemove(connectionId, out _);
    }

    /// <summary>Goes on with a session that has work left; nothing happens when another node has it.</summary>
    public async Task RecoverAsync(string sessionId)
    {
        if (_sessions.ContainsKey(sessionId))
            return;
        await OpenAsync(sessionId, newOwner: null);
    }

    /// <summary>Stops every actor; what they committed is all there is to know.</summary>
    public async Task StopAllAsync(CancellationToken cancellationToken)
    {
        var actors = Loaded.ToArray();
        await Task.WhenAll(actors.Select(a => a.StopAsync())).WaitAsync(cancellationToken);
        await _runtime.Store.ReleaseLeasesAsync(Holder, [.. actors.Select(a => a.SessionId)], cancellationToken);
    }

    private async Task<Opened> OpenAsync(string sessionId, string? newOwner)
    {
        var lazy = _sessions.GetOrAdd(sessionId, id => new(() => LoadAsync(id, newOwner)));
        try
        {
            var opened = await lazy.Value;
            // "Not found" and "elsewhere" hold for this moment only.
            if (opened.Error is not null)
                _sessions.TryRemove(new(sessionId, lazy));
            return opened;
        }
        catch
        {
            _sessions.TryRemove(new(sessionId, lazy));
            throw;
        }
    }

    private async Task<Opened> LoadAsync(string sessionId, string? newOwner)
    {
        var store = _runtime.Store;
        var row = await store.FindAsync(sessionId, CancellationToken.None);
        if (row is null && newOwner is null)
            return new(null, SessionErrors.NotFound(sessionId));
        var lease = await store.AcquireLeaseAsync(
            sessionId,
            Holder,
            TimeSpan.FromSeconds(_options.Value.LeaseSeconds),
            CancellationToken.None
        );
        if (lease is null)
            return new(null, SessionErrors.Elsewhere());
        if (row is null)
            return new(new SessionActor(new() { Id = sessionId, Owner = newOwner! }, 0, lease.Epoch, _runtime), null);
        var loaded = await store.LoadAsync(sessionId, CancellationToken.None);
        if (loaded is null)
            return new(null, SessionErrors.NotFound(sessionId));
        var state = Snapshots.Fold(loaded);
        var actor = new SessionActor(state, loaded.Snapshot?.Seq ?? 0, lease.Epoch, _runtime);
        if (row.HasOpenTurn)
        {
            SessionRecovered(sessionId, state.Status);
            await actor.RecoverAsync();
        }
        return new(actor, null);
    }

    private void Forget(SessionActor actor)
    {
        if (
            _sessions.TryGetValue(actor.SessionId, out var lazy)
            && lazy is { IsValueCreated: true, Value.IsCompletedSuccessfully: true }
            && ReferenceEquals(lazy.Value.GetAwaiter().GetResult().Actor, actor)
        )
            _sessions.TryRemove(new(actor.SessionId, lazy));
    }

    [LoggerMessage(3002, LogLevel.Information, "Session {SessionId} goes on after a stop: {Status}")]
    private partial void SessionRecovered(string sessionId, string status);

    private sealed record Opened(SessionActor? Actor, Error? Error);
}
