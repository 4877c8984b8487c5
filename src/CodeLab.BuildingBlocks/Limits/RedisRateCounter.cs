using System.Diagnostics;
using System.Globalization;
using CodeLab.BuildingBlocks.Cluster;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace CodeLab.BuildingBlocks.Limits;

/// <summary>
/// Windows shared by all nodes: a sorted set a key, with the times of its events by Redis's own clock. While Redis is away the node counts
/// in memory.
/// </summary>
public sealed partial class RedisRateCounter(RedisLink redis, MemoryRateCounter memory, TimeProvider time, ILogger<RedisRateCounter> logger)
    : IRateCounter
{
    // One script is one step for Redis: nobody counts between our look and our write.
    private const string Script = """
        local now = redis.call('TIME')
        local at = now[1] * 1000000 + now[2]
        local window = tonumber(ARGV[2])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', at - window)
        local used = redis.call('ZCARD', KEYS[1])
        local limit = tonumber(ARGV[1])
        if used >= limit then
          local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
          return {0, 0, oldest[2] + window - at}
        end
        if ARGV[3] == '1' then
          redis.call('ZADD', KEYS[1], at, ARGV[4])
          redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
          used = used + 1
        end
        return {1, limit - used, 0}
        """;

    private static readonly TimeSpan _tellEvery = TimeSpan.FromMinutes(1);
    private long _toldAt;

    /// <inheritdoc/>
    public ValueTask<RateDecision> TakeAsync(string key, int limit, TimeSpan window, CancellationToken cancellationToken) =>
        DecideAsync(key, limit, window, count: true, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<RateDecision> PeekAsync(string key, int limit, TimeSpan window, CancellationToken cancellationToken) =>
        DecideAsync(key, limit, window, count: false, cancellationToken);

    private async ValueTask<RateDecision> DecideAsync(
        string key,
        int limit,
        TimeSpan window,
        bool count,
        CancellationToken cancellationToken
    )
    {
        if (redis.Database is { } database)
        {
            var since = Stopwatch.GetTimestamp();
            try
            {
                RedisValue[] arguments =
                [
                    limit,
                    (long)window.TotalMicroseconds,
                    count ? "1" : "0",
                    count ? Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture) : "",
                ];
                var answer = (RedisResult[])
                    (await database.ScriptEvaluateAsync(Script, [$"{redis.Prefix}rate:{key}"], arguments).WaitAsync(cancellationToken))!;
                return new((int)answer[0] == 1, limit, (int)answer[1], TimeSpan.FromMicroseconds((double)answer[2]));
            }
            catch (RedisException failure)
            {
                Tell(failure);
            }
            catch (TimeoutException failure)
            {
                Tell(failure);
            }
            finally
            {
                redis.Metrics.Called("count", since);
            }
        }
        return count
            ? await memory.TakeAsync(key, limit, window, cancellationToken)
            : await memory.PeekAsync(key, limit, window, cancellationToken);
    }

    private void Tell(Exception failure)
    {
        var told = Interlocked.Read(ref _toldAt);
        if (told != 0 && time.GetElapsedTime(told) < _tellEvery)
            return;
        if (Interlocked.CompareExchange(ref _toldAt, time.GetTimestamp(), told) == told)
            Degraded(failure.GetType().Name);
    }

    [LoggerMessage(41, LogLevel.Warning, "Redis does not answer ({Failure}): this node counts limits by itself until it does")]
    private partial void Degraded(string failure);
}
