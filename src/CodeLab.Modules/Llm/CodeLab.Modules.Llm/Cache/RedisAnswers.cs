using System.Buffers;
using System.Text;
using CodeLab.BuildingBlocks.Cluster;
using StackExchange.Redis;

namespace CodeLab.Modules.Llm.Cache;

/// <summary>Answers that all nodes share. While Redis is away there are none.</summary>
internal sealed class RedisAnswers(RedisLink redis)
{
    private const int ClearAtOnce = 500;

    public bool IsConfigured => redis.IsConfigured;

    private string Prefix => $"{redis.Prefix}llm:answer:";

    public async ValueTask<StoredAnswer?> FindAsync(AnswerKey key)
    {
        if (redis.Database is not { } database)
            return null;
        try
        {
            byte[]? found = await database.StringGetAsync(Prefix + key);
            if (found is null || found.Length < 2)
                return null;
            var type = Encoding.ASCII.GetString(found, 1, found[0]);
            return new StoredAnswer(type, new ReadOnlySequence<byte>(found, 1 + found[0], found.Length - 1 - found[0]));
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            // A cache that is away is an empty one (security.md G11); the link tells it once.
            return null;
        }
    }

    public async ValueTask AddAsync(AnswerKey key, StoredAnswer answer, TimeSpan lifetime)
    {
        if (redis.Database is not { } database || answer.ContentType.Length > byte.MaxValue)
            return;
        var bytes = new byte[1 + answer.ContentType.Length + answer.Body.Length];
        bytes[0] = (byte)answer.ContentType.Length;
        Encoding.ASCII.GetBytes(answer.ContentType, bytes.AsSpan(1));
        answer.Body.CopyTo(bytes.AsSpan(1 + answer.ContentType.Length));
        try
        {
            await database.StringSetAsync(Prefix + key, bytes, lifetime);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            // The next one to ask pays for it again.
        }
    }

    /// <summary>Deletes all; tells how many there were.</summary>
    public async Task<long> ClearAsync(CancellationToken cancellationToken)
    {
        if (redis.Database is not { } database || await redis.StartAsync() is not { } connection)
            return 0;
        long count = 0;
        foreach (var server in connection.GetServers().Where(s => s is { IsConnected: true, IsReplica: false }))
        {
            var keys = new List<RedisKey>(ClearAtOnce);
            await foreach (var key in server.KeysAsync(pattern: Prefix + "*", pageSize: ClearAtOnce).WithCancellation(cancellationToken))
            {
                keys.Add(key);
                if (keys.Count == ClearAtOnce)
                    count += await DeleteAsync(database, keys);
            }
            if (keys.Count > 0)
                count += await DeleteAsync(database, keys);
        }
        return count;
    }

    private static async Task<long> DeleteAsync(IDatabase database, List<RedisKey> keys)
    {
        var deleted = await database.KeyDeleteAsync([.. keys]);
        keys.Clear();
        return deleted;
    }
}
