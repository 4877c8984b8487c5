using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Gateway.Live;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Gateway.Relay;

/// <summary>
/// Lets clients of this node work in sessions that another node holds. A call that finds no session here is put to all nodes; the one that
/// holds it answers, and from an attach on sends the session's frames to this node once, however many clients it has here. Redis loses what it
/// can not deliver: frames are numbered, and after a gap, or when the holder falls silent, clients are told to attach again.
/// </summary>
internal sealed partial class SessionRelay(
    IClusterBus bus,
    RedisLink redis,
    SessionFanout fanout,
    Delivery delivery,
    IServiceScopeFactory scopes,
    ILogger<SessionRelay> logger
) : IDisposable
{
    private const string Calls = "gateway:calls";
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan _silence = TimeSpan.FromSeconds(6);

    private readonly ConcurrentDictionary<string, Asked> _open = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, NodeConnection> _watchers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Holder> _holders = new(StringComparer.Ordinal);
    private readonly List<IDisposable> _subscriptions = [];

    /// <summary>Without Redis there is no other node to ask.</summary>
    public bool IsOn => redis.IsConfigured;

    /// <summary>True in a call that came from another node: it is answered here or not at all.</summary>
    public static bool IsRelayed => _relayed.Value;

    private static readonly AsyncLocal<bool> _relayed = new();

    public void Start()
    {
        if (!IsOn)
            return;
        _subscriptions.Add(bus.Subscribe(Calls, HearAsync));
        _subscriptions.Add(bus.Subscribe(ChannelOf(bus.NodeId), HearAsync));
    }

    public void Dispose()
    {
        foreach (var subscription in _subscriptions)
            subscription.Dispose();
    }

    /// <summary>Puts a call to the node that holds the session; null when none answers.</summary>
    public async Task<Result<T>?> AskAsync<T>(RelayCall call, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        var id = Guid.NewGuid().ToString("N");
        var answer = new TaskCompletionSource<RelayMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        _open[id] = new(answer, call.Kind == "attach" ? call.SessionId : null);
        try
        {
            await TellAsync(
                Calls,
                new()
                {
                    From = bus.NodeId,
                    CallId = id,
                    Call = call,
                }
            );
            var told = await answer.Task.WaitAsync(_patience, delivery.Time, cancellationToken);
            if (told.Error is { } error)
                return error;
            return Result<T>.Ok(told.Value is { } value ? value.Deserialize(type)! : default!);
        }
        catch (TimeoutException)
        {
            return null;
        }
        finally
        {
            _open.TryRemove(id, out _);
        }
    }

    /// <summary>Tells the holder that a connection left; nothing to do for sessions that are held here.</summary>
    public async Task DetachAsync(SessionCaller caller, string? sessionId)
    {
        foreach (var (node, holder) in _holders)
        {
            foreach (var session in holder.Sessions.Keys)
            {
                if (sessionId is not null && sessionId != session)
                    continue;
                await TellAsync(ChannelOf(node), new() { From = bus.NodeId, Call = RelayCall.Of("detach", caller, session) });
                if (fanout.AudienceOf(session).Count == 0)
                    holder.Sessions.TryRemove(session, out _);
            }
        }
    }

    /// <summary>Tells the others how far they should be, and finds those that fell silent.</summary>
    public async Task BeatAsync()
    {
        foreach (var (node, watcher) in _watchers)
        {
            watcher.Tick(delivery.Time.GetUtcNow());
            if (watcher.IsClosing || delivery.Time.GetElapsedTime(watcher.HeardAt) > _silence)
                await ForgetAsync(node, watcher);
            else
                watcher.Send(WireFrame.Raw([]));
        }
        foreach (var (node, holder) in _holders)
        {
            if (holder.Sessions.IsEmpty)
                continue;
            if (delivery.Time.GetElapsedTime(holder.HeardAt) > _silence)
                await LoseAsync(node, holder);
            else
                await TellAsync(ChannelOf(node), new() { From = bus.NodeId, Watches = true });
        }
    }

    /// <summary>Says that this node serves a session no more, to those who watch it from elsewhere.</summary>
    public Task TellClosedAsync(string node, string sessionId, string reason) =>
        TellAsync(
            ChannelOf(node),
            new()
            {
                From = bus.NodeId,
                SessionId = sessionId,
                Closed = reason,
            }
        );

    public async Task TellAsync(string channel, RelayMessage message) =>
        await bus.PublishAsync(
            channel,
            JsonSerializer.SerializeToUtf8Bytes(message, RelayJson.Default.RelayMessage),
            CancellationToken.None
        );

    public static string ChannelOf(string node) => "gateway:node:" + node;

    private async ValueTask HearAsync(ReadOnlyMemory<byte> bytes)
    {
        var message = JsonSerializer.Deserialize(bytes.Span, RelayJson.Default.RelayMessage)!;
        // Our own calls come back to us: this node was asked first.
        if (message.From == bus.NodeId)
            return;
        if (message is { Call: { } call })
        {
            if (await HoldsAsync(call.SessionId))
                _ = AnswerAsync(message, call);
            return;
        }
        if (message.Watches == true)
        {
            if (_watchers.TryGetValue(message.From, out var watcher))
                watcher.HeardAt = delivery.Time.GetTimestamp();
            return;
        }
        var holder = _holders.GetOrAdd(message.From, _ => new(delivery.Time.GetTimestamp()));
        holder.HeardAt = delivery.Time.GetTimestamp();
        if (message is { IsAnswer: true, CallId: { } id })
        {
            if (holder.Number < 0 && message.Number is { } begins)
                holder.Number = begins;
            if (!_open.TryGetValue(id, out var waiting))
                return;
            // Known before the frames that come behind the answer.
            if (waiting.Attaches is { } attached && message.Error is null)
                holder.Sessions.TryAdd(attached, 0);
            waiting.Answer.TrySetResult(message);
            return;
        }
        if (message.Number is { } number)
        {
            var whole = holder.Number < 0 || number == (message.Frame is null ? holder.Number : holder.Number + 1);
            holder.Number = number;
            if (!whole)
            {
                await LoseAsync(message.From, holder);
                return;
            }
        }
        if (message.Frame is { } frame && holder.Sessions.ContainsKey(frame.SessionId))
            fanout.Publish(frame);
        if (message is { Closed: { } reason, SessionId: { } session } && holder.Sessions.TryRemove(session, out _))
            await PublishAsync(new SessionClosed(session, reason));
    }

    private async Task LoseAsync(string node, Holder holder)
    {
        HolderLost(node);
        foreach (var session in holder.Sessions.Keys)
        {
            holder.Sessions.TryRemove(session, out _);
            await PublishAsync(new SessionClosed(session, "replaced"));
        }
    }

    /// <summary>Lets a node go that is gone, with all its clients.</summary>
    private async Task ForgetAsync(string node, NodeConnection watcher)
    {
        WatcherLost(node);
        if (!_watchers.TryRemove(new(node, watcher)))
            return;
        _relayed.Value = true;
        await using var scope = scopes.CreateAsyncScope();
        var sender = scope.ServiceProvider.GetRequiredService<ISender>();
        foreach (var (session, connection) in watcher.Clients)
        {
            fanout.Leave(watcher, session);
            await sender.Send(new DetachSessionCommand(new("", "hub", connection), session));
        }
        watcher.MarkClosed();
    }

    private async Task AnswerAsync(RelayMessage message, RelayCall call)
    {
        _relayed.Value = true;
        RelayMessage answer;
        Action live = static () => { };
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var sender = scope.ServiceProvider.GetRequiredService<ISender>();
            (answer, live) = await PerformAsync(sender, message.From, call);
        }
        catch (Exception exception)
        {
            CallFailed(exception, call.Kind);
            answer = new() { From = bus.NodeId, Error = new("INTERNAL_ERROR", "The session's node could not do this.", 500) };
        }
        if (message.CallId is not null)
            await TellAsync(ChannelOf(message.From), answer with { CallId = message.CallId, IsAnswer = true });
        live();
    }

    private async Task<(RelayMessage Answer, Action Live)> PerformAsync(ISender sender, string node, RelayCall call)
    {
        switch (call.Kind)
        {
            case "attach":
                return await AttachAsync(sender, node, call);
            case "detach":
                await sender.Send(new DetachSessionCommand(call.Caller, call.SessionId));
                if (_watchers.TryGetValue(node, out var watcher) && watcher.Left(call.SessionId, call.ConnectionId!))
                    fanout.Leave(watcher, call.SessionId);
                return (new() { From = bus.NodeId }, static () => { });
            case "choose":
                var chosen = await sender.Send(new ChooseExecutorCommand(call.Caller, call.SessionId, call.Id));
                return (new() { From = bus.NodeId, Error = chosen.Error }, static () => { });
            default:
                var ack = await sender.Send(new AcceptInputCommand(call.Caller, call.SessionId, call.ToInput()));
                return (
                    new()
                    {
                        From = bus.NodeId,
                        Error = ack.Error,
                        Value = ack.Value is null ? null : JsonSerializer.SerializeToElement(ack.Value, RelayJson.Default.InputAck),
                    },
                    static () => { }
                );
        }
    }

    private async Task<(RelayMessage, Action)> AttachAsync(ISender sender, string node, RelayCall call)
    {
        var watcher = _watchers.GetOrAdd(node, id => new NodeConnection(this, id, bus.NodeId, delivery));
        var subscription = watcher.Joins(call.SessionId, call.ConnectionId!) ? fanout.BeginAttach(watcher, call.SessionId) : null;
        var command = new AttachSessionCommand(call.Caller, call.Attach!) { Create = call.Create, Replay = call.Replay };
        var attached = await sender.Send(command);
        if (attached.Error is { } error)
        {
            if (watcher.Left(call.SessionId, call.ConnectionId!) && subscription is not null)
                fanout.CancelAttach(watcher, call.SessionId, subscription);
            return (new() { From = bus.NodeId, Error = error }, static () => { });
        }
        var answer = new RelayMessage
        {
            From = bus.NodeId,
            Number = watcher.Number,
            Value = JsonSerializer.SerializeToElement(attached.Value!, RelayJson.Default.AttachResponse),
        };
        return (
            answer,
            () =>
            {
                if (subscription is not null)
                    watcher.GoLive(call.SessionId, subscription, attached.Value!, []);
            }
        );
    }

    private async Task<bool> HoldsAsync(string sessionId)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<ISender>().Send(new HoldsSessionQuery(sessionId));
    }

    private async Task PublishAsync(SessionClosed closed)
    {
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<IPublisher>().Publish(closed);
    }

    [LoggerMessage(1004, LogLevel.Warning, "Node {Node} lost frames or fell silent: its clients here attach again")]
    private partial void HolderLost(string node);

    [LoggerMessage(1006, LogLevel.Warning, "Node {Node} fell silent: its clients are detached here")]
    private partial void WatcherLost(string node);

    [LoggerMessage(1005, LogLevel.Error, "A {Kind} from another node failed")]
    private partial void CallFailed(Exception exception, string kind);

    /// <summary>A call under way; <paramref name="Attaches"/> is the session it attaches to.</summary>
    private sealed record Asked(TaskCompletionSource<RelayMessage> Answer, string? Attaches);

    /// <summary>A node that holds sessions of clients here.</summary>
    private sealed class Holder(long heardAt)
    {
        public ConcurrentDictionary<string, byte> Sessions { get; } = new(StringComparer.Ordinal);
        public long Number { get; set; } = -1;
        public long HeardAt { get; set; } = heardAt;
    }
}
