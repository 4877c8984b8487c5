using System.Collections.Concurrent;
using CodeLab.BuildingBlocks.Cluster;
using CodeLab.Modules.Llm.Calls;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Cache;

/// <summary>
/// Answers of earlier identical calls (security.md §9.7), in memory and, where there is one, in Redis. Of identical calls under way one asks
/// the provider; the others wait for its answer, and ask themselves when it failed.
/// </summary>
internal sealed class AnswerCache : IDisposable
{
    private const string Channel = "llm:cache";
    private readonly ConcurrentDictionary<AnswerKey, Flight> _flights = new();
    private readonly MemoryAnswers _memory;
    private readonly RedisAnswers? _redis;
    private readonly IClusterBus? _bus;
    private readonly CacheOptions _options;
    private readonly IDisposable? _subscription;
    private long _hits;
    private long _misses;

    public AnswerCache(IOptions<LlmOptions> options, TimeProvider time, RedisLink? redis = null, IClusterBus? bus = null)
    {
        _options = options.Value.Cache;
        _memory = new MemoryAnswers(time);
        _redis = redis is { IsConfigured: true } ? new RedisAnswers(redis) : null;
        _bus = bus;
        _subscription = bus?.Subscribe(
            Channel,
            _ =>
            {
                _memory.Clear();
                return ValueTask.CompletedTask;
            }
        );
    }

    /// <summary>True when the rules let the call be answered from here.</summary>
    public bool MayUse(CallRequest request)
    {
        if (!_options.Enabled || request.CacheWish == CacheWish.Off || request.Body.IsEmpty || request.HasTools)
            return false;
        if (request.Kind == CallKind.CountTokens)
            return false;
        if (request.CacheWish == CacheWish.On)
            return true;
        // Unless asked: what is the same every time anyway.
        return request.Kind == CallKind.Embeddings || (request.Temperature is 0 && !request.Stream);
    }

    /// <summary>
    /// An earlier answer, or the right to ask. Who gets the right must give it back by <see cref="LandAsync"/>.
    /// </summary>
    public async ValueTask<(StoredAnswer? Answer, Flight? Flight)> FindAsync(AnswerKey key, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await LookAsync(key) is { } found)
            {
                Interlocked.Increment(ref _hits);
                return (found, null);
            }
            var mine = new Flight(key, _options.EntryBytes);
            var flight = _flights.GetOrAdd(key, mine);
            if (ReferenceEquals(flight, mine))
            {
                Interlocked.Increment(ref _misses);
                return (null, mine);
            }
            if (await flight.Landed.WaitAsync(cancellationToken) is { } landed)
            {
                Interlocked.Increment(ref _hits);
                return (landed, null);
            }
        }
    }

    /// <summary>Ends a flight: keeps the answer when it is a good one, and tells those who wait.</summary>
    public async ValueTask LandAsync(Flight flight, bool keep)
    {
        var answer = keep ? flight.Buffer.ToAnswer() : null;
        var lifetime = TimeSpan.FromSeconds(_options.TtlSeconds);
        if (answer is not null)
            _memory.Add(flight.Key, answer, lifetime, _options.MemoryBytes);
        _flights.TryRemove(new(flight.Key, flight));
        flight.Land(answer);
        if (answer is not null && _redis is not null)
            await _redis.AddAsync(flight.Key, answer, lifetime);
    }

    /// <summary>Forgets everything on all nodes; tells how many answers there were here and in Redis.</summary>
    public async Task<long> ClearAsync(CancellationToken cancellationToken)
    {
        long count = _memory.Clear();
        if (_redis is not null)
            count = Math.Max(count, await _redis.ClearAsync(cancellationToken));
        if (_bus is not null)
            await _bus.PublishAsync(Channel, ReadOnlyMemory<byte>.Empty, cancellationToken);
        return count;
    }

    /// <summary>Answers kept on this node, their bytes, and how often one was found.</summary>
    public (int Count, long Bytes, long Hits, long Misses) Stats
    {
        get
        {
            var (count, bytes) = _memory.Size;
            return (count, bytes, Interlocked.Read(ref _hits), Interlocked.Read(ref _misses));
        }
    }

    public void Dispose() => _subscription?.Dispose();

    private async ValueTask<StoredAnswer?> LookAsync(AnswerKey key)
    {
        if (_memory.Find(key) is { } near)
            return near;
        if (_redis is null || await _redis.FindAsync(key) is not { } far)
            return null;
        _memory.Add(key, far, TimeSpan.FromSeconds(Math.Min(60, _options.TtlSeconds)), _options.MemoryBytes);
        return far;
    }
}

/// <summary>A call under way whose answer others may be waiting for.</summary>
internal sealed class Flight(AnswerKey key, int mostBytes)
{
    private readonly TaskCompletionSource<StoredAnswer?> _landed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public AnswerKey Key => key;

    public AnswerBuffer Buffer { get; } = new(mostBytes);

    public Task<StoredAnswer?> Landed => _landed.Task;

    public void Land(StoredAnswer? answer) => _landed.TrySetResult(answer);
}
