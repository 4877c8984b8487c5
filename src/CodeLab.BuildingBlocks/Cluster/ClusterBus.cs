using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace CodeLab.BuildingBlocks.Cluster;

/// <summary>The bus: straight calls within the node, Redis publish and subscribe between nodes.</summary>
public sealed partial class ClusterBus(RedisLink redis, ILogger<ClusterBus> logger) : IClusterBus
{
    private readonly byte[] _node = Guid.NewGuid().ToByteArray();
    private readonly ConcurrentDictionary<string, Channel> _channels = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public string NodeId => new Guid(_node).ToString();

    /// <inheritdoc/>
    public async ValueTask PublishAsync(string channel, ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        if (_channels.TryGetValue(channel, out var local))
            await DeliverAsync(local, channel, message);
        if (redis.Database is not { } database)
            return;
        var since = Stopwatch.GetTimestamp();
        try
        {
            // The sender's id goes first: Redis gives us our own messages back.
            byte[] sent = [.. _node, .. message.Span];
            await database.PublishAsync(RedisChannel.Literal($"{redis.Prefix}bus:{channel}"), sent).WaitAsync(cancellationToken);
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            NotSent(channel, failure.GetType().Name);
        }
        finally
        {
            redis.Metrics.Called("publish", since);
        }
    }

    /// <inheritdoc/>
    public IDisposable Subscribe(string channel, Func<ReadOnlyMemory<byte>, ValueTask> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        var listeners = _channels.GetOrAdd(channel, static _ => new Channel());
        listeners.Add(handler);
        if (redis.IsConfigured && listeners.BeginListening())
            listeners.Listening = ListenAsync(channel, listeners);
        return new Subscription(listeners, handler);
    }

    private async Task ListenAsync(string channel, Channel listeners)
    {
        try
        {
            var connection = await redis.StartAsync();
            var queue = await connection!.GetSubscriber().SubscribeAsync(RedisChannel.Literal($"{redis.Prefix}bus:{channel}"));
            queue.OnMessage(message => ReceiveAsync(listeners, channel, (byte[])message.Message!));
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            // The multiplexer keeps the subscription and makes it when Redis is back.
            NotListening(channel, failure.GetType().Name);
        }
    }

    private async Task ReceiveAsync(Channel listeners, string channel, byte[] received)
    {
        if (received.Length < _node.Length || received.AsSpan(0, _node.Length).SequenceEqual(_node))
            return;
        await DeliverAsync(listeners, channel, received.AsMemory(_node.Length));
    }

    private async ValueTask DeliverAsync(Channel listeners, string channel, ReadOnlyMemory<byte> message)
    {
        foreach (var handler in listeners.Handlers)
        {
            try
            {
                await handler(message);
            }
            catch (Exception failure)
            {
                HandlerFailed(failure, channel);
            }
        }
    }

    [LoggerMessage(44, LogLevel.Warning, "A message on {Channel} did not reach other nodes ({Failure}); they find out by polling")]
    private partial void NotSent(string channel, string failure);

    [LoggerMessage(45, LogLevel.Warning, "Not listening to other nodes on {Channel} yet ({Failure})")]
    private partial void NotListening(string channel, string failure);

    [LoggerMessage(46, LogLevel.Error, "A handler of {Channel} failed")]
    private partial void HandlerFailed(Exception failure, string channel);

    private sealed class Channel
    {
        private ImmutableArray<Func<ReadOnlyMemory<byte>, ValueTask>> _handlers = [];
        private int _listening;

        public ImmutableArray<Func<ReadOnlyMemory<byte>, ValueTask>> Handlers => _handlers;

        public Task Listening { get; set; } = Task.CompletedTask;

        public void Add(Func<ReadOnlyMemory<byte>, ValueTask> handler) => ImmutableInterlocked.Update(ref _handlers, h => h.Add(handler));

        public void Remove(Func<ReadOnlyMemory<byte>, ValueTask> handler) =>
            ImmutableInterlocked.Update(ref _handlers, h => h.Remove(handler));

        public bool BeginListening() => Interlocked.Exchange(ref _listening, 1) == 0;
    }

    private sealed class Subscription(Channel channel, Func<ReadOnlyMemory<byte>, ValueTask> handler) : IDisposable
    {
        public void Dispose() => channel.Remove(handler);
    }
}
