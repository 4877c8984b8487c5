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

    /// <summary>Carries out what one session has to tell another about a task.</summary>
    public async Task CarryOutAsync(TaskOrder order)
    {
        if (_runtime.Drain.IsDraining)
            return;
        switch (order)
        {
            case TaskOrder.Begin begin when (await OpenAsync(begin.ChildId, begin.Owner)).Actor is { } child:
                await child.BeginTaskAsync(begin);
                break;
            case TaskOrder.Stop stop when (await OpenAsync(stop.ChildId, null)).Actor is { } child:
                await child.SayAsync(new SessionCaller(stop.Owner, "server"), new SessionInput.Cancel());
                break;
            case TaskOrder.Report report when (await OpenAsync(report.ParentId, null)).Actor is { } parent:
                await parent.EndTaskAsync(report);
                break;
        }
    }

    /// <summary>The session, of those that do tasks of a session, whose call this is; null when it is none's.</summary>
    public async Task<string?> FindTaskOfCallAsync(string sessionId, string callId)
    {
        foreach (var task in await TasksOfAsync(sessionId))
        {
            if ((await task.HasCallAsync(callId)).Value)
                return task.SessionId;
            if (await FindTaskOfCallAsync(task.SessionId, callId) is { } deeper)
                return deeper;
        }
        return null;
    }

    /// <summary>Calls of the tasks of a session that wait for a person or for a client.</summary>
    public async Task<List<Protocol.Frames.ToolCallFrame>> OpenTaskCallsAsync(string sessionId, string clientId)
    {
        List<Protocol.Frames.ToolCallFrame> calls = [];
        foreach (var task in await TasksOfAsync(sessionId))
        {
            calls.AddRange((await task.OpenCallsAsync(clientId)).Value ?? []);
            calls.AddRange(await OpenTaskCallsAsync(task.SessionId, clientId));
        }
        return calls;
    }

    /// <summary>Lets somebody who may do so in the session above say something to one of its tasks.</summary>
    public async Task<Result<Protocol.Hub.InputAck>> SayToTaskAsync(SessionCaller caller, string taskId, SessionInput input) =>
        (await OpenAsync(taskId, null)) is { Actor: { } actor } ? await actor.SayAsync(caller, input) : SessionErrors.NotFound(taskId);

    private async Task<List<SessionActor>> TasksOfAsync(string sessionId)
    {
        List<SessionActor> tasks = [];
        if (!Holds(sessionId) || (await OpenAsync(sessionId, null)).Actor is not { } actor)
            return tasks;
        foreach (var child in (await actor.OpenTasksAsync()).Value ?? [])
        {
            if ((await OpenAsync(child, null)).Actor is { } task)
                tasks.Add(task);
        }
        return tasks;
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
        // A task works where the session above it is: that one takes it up, and shows its calls to the people it has.
        if (await _runtime.Store.FindAsync(sessionId, CancellationToken.None) is { ParentKind: Log.Origins.Task, ParentId: { } above } task)
        {
            if (await IsAbandonedAsync(above, sessionId))
                _runtime.Tasks.Send(new TaskOrder.Stop(sessionId, task.Owner));
            return;
        }
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

    /// <summary>Whether nobody waits for a task any more: its end was lost with the process that had to tell it.</summary>
    private async Task<bool> IsAbandonedAsync(string above, string taskId)
    {
        if (await _runtime.Store.FindAsync(above, CancellationToken.None) is not { HasOpenTurn: true, DeletedAt: null })
            return true;
        return Holds(above)
            && (await OpenAsync(above, null)).Actor is { } actor
            && (await actor.OpenTasksAsync()).Value?.Contains(taskId) == false;
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
