using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Frames;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CodeLab.Protocol.Rest;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>
/// The one writer of a session in this process. Inputs are handled one after the other: decide, commit, then perform. Reading inputs never
/// waits for a model or a person; those answers are inputs too.
/// </summary>
internal sealed partial class SessionActor : IAsyncDisposable
{
    private const int _mailboxSize = 1024;
    private readonly Channel<Func<Task>> _mailbox = Channel.CreateBounded<Func<Task>>(
        // Full: a caller is told SESSION_BUSY; the engine's own answers wait for room, because they must not be lost.
        new BoundedChannelOptions(_mailboxSize) { SingleReader = true }
    );
    private readonly SessionState _state;
    private readonly long _epoch;
    private readonly SessionRuntime _runtime;
    private readonly FramePublisher _frames;
    private readonly AttachedClients _clients = new();
    private readonly Task _loop;
    private ModelCall? _model;
    private string _shownStatus;
    private long _snapshotSeq;
    private DateTimeOffset _lastTick;
    private DateTimeOffset _lastUsed;
    private volatile bool _stopped;

    public SessionActor(SessionState state, long snapshotSeq, long epoch, SessionRuntime runtime)
    {
        (_state, _snapshotSeq, _epoch, _runtime) = (state, snapshotSeq, epoch, runtime);
        _frames = new(runtime.Publisher, state.Id);
        _tasks = new(runtime.Tasks);
        _shownStatus = state.Status;
        _lastTick = _lastUsed = runtime.Time.GetUtcNow();
        _loop = Task.Run(RunAsync);
    }

    public string SessionId => _state.Id;

    /// <summary>Set before the first input of a new session, and never changed.</summary>
    public string Owner => _state.Owner;

    public bool IsDeleted => _state.Deleted;

    /// <summary>Completes when the running model call, if any, has been answered and the answer is on its way to the log.</summary>
    public Task ModelAnswer { get; private set; } = Task.CompletedTask;

    /// <summary>Completes when nothing of this actor runs any more.</summary>
    public Task Stopped => _loop;

    /// <summary>A person or client said something.</summary>
    public Task<Result<InputAck>> SayAsync(SessionCaller caller, SessionInput input) =>
        AskAsync<InputAck>(async () =>
        {
            var inputId = (input as SessionInput.Message)?.MessageId is { } messageId ? InputIdOf(caller, messageId) : null;
            if (inputId is not null && await _runtime.Store.FindInputAsync(OwnerFor(caller), inputId, CancellationToken.None) is { } known)
                return new InputAck { Seq = known, Duplicate = true };
            await EnsureCreatedAsync(caller);
            var partial = input switch
            {
                SessionInput.Cancel => await _frames.EndTextAsync(),
                // Only looked at: the message may be refused, and then the text goes on.
                SessionInput.Message { WhenBusy: "interrupt" } => (await _frames.StreamingAsync())?.Text,
                _ => null,
            };
            var outcome = await HandleAsync(new EngineInput.Said(caller, input, partial), inputId);
            if (outcome.Refused is { } refused)
                return refused;
            return outcome.DuplicateOf is { } seq
                ? new InputAck { Seq = seq, Duplicate = true }
                : new InputAck { Seq = _state.LastSeq - outcome.Events.Count + 1 };
        });

    /// <summary>Makes the session if it is new.</summary>
    public Task<Result<SessionInfo>> CreateAsync(SessionCaller caller, CreateSessionBody body) =>
        AskAsync<SessionInfo>(async () =>
        {
            if (!_state.IsNew)
                return SessionErrors.Exists(SessionId);
            await HandleAsync(new EngineInput.Create(caller.UserId, body.Title, body.AgentType, body.Model));
            return _state.ToInfo();
        });

    public Task<Result<SessionInfo>> UpdateAsync(UpdateSessionBody body) =>
        AskAsync<SessionInfo>(async () =>
        {
            await HandleAsync(new EngineInput.Update(body.Title, body.Description, body.Model));
            return _state.ToInfo();
        });

    /// <summary>A person chooses how much the session may do without asking.</summary>
    public Task<Result<MediatR.Unit>> ChooseAutonomyAsync(SessionCaller caller, string level) =>
        AskAsync<MediatR.Unit>(async () =>
        {
            await HandleAsync(new EngineInput.ChooseAutonomy(level, caller.UserId));
            return MediatR.Unit.Value;
        });

    /// <summary>A decision remembered for the session is void from now on.</summary>
    public Task<Result<MediatR.Unit>> RevokeAsync(SessionCaller caller, string ruleId) =>
        AskAsync<MediatR.Unit>(async () =>
        {
            await HandleAsync(new EngineInput.Revoke(ruleId, caller.UserId));
            return MediatR.Unit.Value;
        });

    /// <summary>Level chosen for the session, or null.</summary>
    public Task<Result<string?>> AutonomyAsync() => AskAsync<string?>(() => Task.FromResult<Result<string?>>(_state.Autonomy));

    public Task<Result<MediatR.Unit>> DeleteAsync(SessionCaller caller) =>
        AskAsync<MediatR.Unit>(async () =>
        {
            if (_state.Deleted)
                return SessionErrors.NotFound(SessionId);
            await HandleAsync(new EngineInput.Delete(caller.UserId));
            await _runtime.Publisher.Publish(new SessionClosed(SessionId, "deleted"), CancellationToken.None);
            return MediatR.Unit.Value;
        });

    public Task<Result<MediatR.Unit>> ClearAsync(SessionCaller caller) =>
        AskAsync<MediatR.Unit>(async () =>
        {
            await HandleAsync(new EngineInput.Clear(caller.UserId));
            return MediatR.Unit.Value;
        });

    /// <summary>A connection joins; see <see cref="AttachSessionCommand"/> for how its answer and live frames meet.</summary>
    public Task<Result<AttachResponse>> AttachAsync(SessionCaller caller, AttachRequest request, bool replay = true) =>
        AskAsync<AttachResponse>(async () =>
        {
            await EnsureCreatedAsync(caller);
            var sentBefore = _state.Turn?.Calls.Where(c => c.Stage == CallStage.Dispatched).Select(c => c.CallId).ToHashSet() ?? [];
            var client = _clients.Join(caller, request, _runtime.Now());
            if (client.Profile is not null)
                await HandleAsync(new EngineInput.Executor(client.Profile));
            await ShowPresenceAsync();
            var resync = request.LastSeq > _state.LastSeq;
            var streaming = await _frames.StreamingAsync();
            return new AttachResponse
            {
                Session = _state.ToInfo(),
                LastSeq = _state.LastSeq,
                Frames = replay ? await ReadFramesAsync(resync ? 0 : request.LastSeq ?? 0) : [],
                Streaming = streaming is { } text
                    ? new()
                    {
                        MessageId = text.MessageId,
                        Agent = text.Agent,
                        Text = text.Text,
                    }
                    : null,
                OpenCalls = OpenCallsOf(client.Id, sentBefore),
                Executor = client.Profile is not null && _state.Executor?.Id == client.Id,
                Resync = resync,
                Status = _state.Status,
            };
        });

    /// <summary>A connection left.</summary>
    public Task DetachAsync(string connectionId) =>
        PostAsync(async () =>
        {
            if (_clients.Leave(connectionId) is not { } left)
                return;
            if (left.Profile is not null && _state.Executor?.Id == left.Id && !_clients.Has(left.Id))
                await HandleAsync(new EngineInput.Executor(_clients.NewestExecutor()));
            await ShowPresenceAsync();
        });

    /// <summary>Another attached client runs the tools from now on.</summary>
    public Task<Result<MediatR.Unit>> ChooseExecutorAsync(SessionCaller caller, string? clientId) =>
        AskAsync<MediatR.Unit>(async () =>
        {
            var chosen = _clients.Prefer(c => clientId is null ? c.ConnectionId == caller.ConnectionId : c.Id == clientId);
            if (chosen is null)
                return SessionErrors.NoExecutor(clientId);
            await HandleAsync(new EngineInput.Executor(chosen));
            await ShowPresenceAsync();
            return MediatR.Unit.Value;
        });

    /// <summary>Time passed: approvals expire, lost results are given up, idle sessions leave memory.</summary>
    /// <returns>True when the session may leave memory.</returns>
    public async Task<bool> TickAsync(TimeSpan idleAfter)
    {
        var now = _runtime.Time.GetUtcNow();
        if (_state.Turn is { Phase: TurnPhase.RunningTools })
        {
            var seconds = (now - _lastTick).TotalSeconds;
            await PostAsync(() => HandleAsync(new EngineInput.Tick(seconds, _clients.Any)));
        }
        _lastTick = now;
        return _state.Turn is null && !_clients.Any && now - _lastUsed > idleAfter;
    }

    /// <summary>Goes on with what a stopped process left.</summary>
    public Task RecoverAsync() => PostAsync(() => HandleAsync(new EngineInput.Recover()));

    /// <summary>Takes no more inputs, finishes the one at hand and stops the model call; the log is where it was committed.</summary>
    public async Task StopAsync()
    {
        _mailbox.Writer.TryComplete();
        await _loop;
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private async Task RunAsync()
    {
        try
        {
            await foreach (var work in _mailbox.Reader.ReadAllAsync())
            {
                _lastUsed = _runtime.Time.GetUtcNow();
                await work();
            }
        }
        catch (Exception exception)
        {
            // State and log may differ now: this actor is thrown away, the next input loads the session again.
            SessionBroke(_runtime.Logger, exception, SessionId);
        }
        finally
        {
            _stopped = true;
            _mailbox.Writer.TryComplete();
            while (_mailbox.Reader.TryRead(out var left))
                await IgnoreAsync(left);
            if (_model is not null)
                await _model.CancelAsync();
            _runtime.Forget(this);
        }
    }

    // Work that is still queued answers its caller with SESSION_BUSY, because _stopped is set.
    private static async Task IgnoreAsync(Func<Task> left)
    {
        try
        {
            await left();
        }
        catch (ActorStoppedException)
        {
            // Expected: nobody waits for this one.
        }
    }

    private async Task<Result<T>> AskAsync<T>(Func<Task<Result<T>>> ask)
    {
        var answer = new TaskCompletionSource<Result<T>>(TaskCreationOptions.RunContinuationsAsynchronously);
        var taken = _mailbox.Writer.TryWrite(async () =>
        {
            if (_stopped)
            {
                answer.SetException(new ActorStoppedException());
                return;
            }
            try
            {
                answer.SetResult(await ask());
            }
            catch (Exception exception)
            {
                answer.SetException(exception);
                throw;
            }
        });
        if (taken)
            return await answer.Task;
        return _stopped || _mailbox.Reader.Completion.IsCompleted ? throw new ActorStoppedException() : SessionErrors.Busy();
    }

    private async Task PostAsync(Func<Task> work)
    {
        try
        {
            await _mailbox.Writer.WriteAsync(() => _stopped ? Task.CompletedTask : work());
        }
        catch (ChannelClosedException)
        {
            // Stopped: the log has all that is needed to go on.
        }
    }

    private string OwnerFor(SessionCaller caller) => _state.IsNew ? caller.UserId : _state.Owner;

    /// <summary>Inputs are unique per owner; those of others have a space of ids of their own each.</summary>
    private string InputIdOf(SessionCaller caller, string messageId) =>
        OwnerFor(caller) == caller.UserId
            ? messageId
            : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{caller.UserId}#{messageId}")));

    private async Task EnsureCreatedAsync(SessionCaller caller)
    {
        if (_state.IsNew)
            await HandleAsync(new EngineInput.Create(caller.UserId, null, null, null));
    }

    private async Task<Outcome> HandleAsync(EngineInput input, string? inputId = null)
    {
        var now = _runtime.Now();
        var firstSeq = _state.LastSeq + 1;
        _state.Policy = await _runtime.Policies.ForAsync(_state.Owner, _state.Executor?.WorkspaceName);
        var outcome = _runtime.Engine.Handle(_state, input, now, _epoch, RandomIds.Make);
        if (outcome.Events.Count > 0)
        {
            await CommitAsync(outcome.Events, firstSeq, now, inputId);
            await PublishAsync(outcome.Events, firstSeq, now);
        }
        if (outcome.CancelModel)
            await StopModelAsync();
        if (outcome.CallModel is { } key && !_runtime.Drain.IsDraining)
            StartModel(key);
        _tasks.Follow(_state);
        await ShowStatusAsync();
        return outcome;
    }

    private async Task CommitAsync(List<SessionEvent> events, long firstSeq, DateTimeOffset now, string? inputId)
    {
        var snapshot = Snapshots.IfDue(_state, _snapshotSeq);
        var result = await _runtime.Store.AppendAsync(
            new()
            {
                SessionId = SessionId,
                Epoch = _epoch,
                FirstSeq = firstSeq,
                Events = LogRows.Events(events, firstSeq, now),
                Session = _state.ToRow(),
                InputId = inputId,
                Calls = LogRows.Calls(_state, events, _epoch, now),
                Approvals = LogRows.Approvals(_state, events, now),
                Snapshot = snapshot,
                Also = _runtime.Also(_state, events, now),
            },
            // Whoever waits may leave; what was decided must still be written.
            CancellationToken.None
        );
        if (result is not AppendResult.Committed)
            throw new SessionLostException(SessionId, result);
        if (snapshot is not null)
            _snapshotSeq = snapshot.Seq;
        await _runtime.NoteUsesAsync(events, now);
    }

    private async Task PublishAsync(List<SessionEvent> events, long firstSeq, DateTimeOffset now)
    {
        for (var i = 0; i < events.Count; i++)
        {
            if (events[i] is AssistantWrote { AsksCall: null })
                await _frames.EndTextAsync();
            if (FrameMapper.Map(_state, events[i], firstSeq + i, now) is { } frame)
            {
                await _frames.PublishAsync(frame);
                if (Above(frame) is { } above)
                    await _frames.PublishAsync(above);
            }
            if (events[i] is AssistantWrote { Usage: { } usage, Model: { } model })
            {
                await _frames.PublishAsync(
                    new UsageFrame
                    {
                        SessionId = SessionId,
                        Model = model,
                        Call = usage,
                        Session = _state.Usage,
                        Turn = _state.Turn?.Usage,
                        // The frame is read by others while the session goes on.
                        Agents = new Dictionary<string, TokenUsage>(_state.AgentUsage),
                        ContextWindow = _state.ContextWindow,
                    }
                );
            }
        }
    }

    private async Task ShowStatusAsync()
    {
        var status = _state.Status;
        if (status == _shownStatus)
            return;
        _shownStatus = status;
        await _frames.PublishAsync(
            new AgentStatusFrame
            {
                SessionId = SessionId,
                Status = status,
                Agent = _state.Agent,
            }
        );
    }

    private async Task ShowPresenceAsync()
    {
        if (_clients.Any)
            await _frames.PublishAsync(new PresenceFrame { SessionId = SessionId, Clients = _clients.Describe(_state.Executor?.Id) });
    }

    private void StartModel(ModelCallKey key)
    {
        var call = _runtime.NewModelCall(_state, key, _frames);
        _model = call;
        ModelAnswer = RunModelAsync(call);
    }

    private async Task RunModelAsync(ModelCall call)
    {
        // Off the actor's thread: building the provider's request must not hold up inputs.
        await Task.Yield();
        if (await call.RunAsync() is { } answer)
            await PostAsync(() => HandleAsync(answer));
    }

    private async Task StopModelAsync()
    {
        if (_model is null)
            return;
        await _model.CancelAsync();
        _model = null;
        await _frames.EndTextAsync();
    }

    private async Task<IReadOnlyList<SessionFrame>> ReadFramesAsync(long afterSeq)
    {
        afterSeq = Math.Max(afterSeq, _state.ClearedSeq - 1);
        if (afterSeq >= _state.LastSeq)
            return [];
        var frames = new List<SessionFrame>();
        await foreach (var row in _runtime.Store.ReadAsync(SessionId, afterSeq, _state.LastSeq, CancellationToken.None))
        {
            if (
                EventCodec.Decode(row.Type, row.Payload.Span) is { } happened
                && FrameMapper.Map(_state, happened, row.Seq, row.CreatedAt) is { } frame
            )
                frames.Add(frame);
        }
        return frames;
    }

    private List<ToolCallFrame>? OpenCallsOf(string clientId, HashSet<string> sentBefore)
    {
        if (_state.Turn is not { } turn)
            return null;
        List<ToolCallFrame>? open = null;
        foreach (var call in turn.Calls)
        {
            if (call.Stage == CallStage.Dispatched && call.Executor == clientId)
                (open ??= []).Add(FrameMapper.OpenCall(_state, call, redelivered: sentBefore.Contains(call.CallId)));
        }
        return open;
    }

    [LoggerMessage(3001, LogLevel.Error, "Session {SessionId} stopped and will be loaded again")]
    private static partial void SessionBroke(ILogger logger, Exception exception, string sessionId);
}

/// <summary>The actor stopped before it took the input: ask again, a new one loads the session.</summary>
internal sealed class ActorStoppedException : Exception;

/// <summary>The log took nothing: another writer has the session, or the input was known.</summary>
internal sealed class SessionLostException(string sessionId, AppendResult result)
    : Exception($"Session {sessionId}: append answered {result.GetType().Name}")
{
    public AppendResult Result => result;
}
