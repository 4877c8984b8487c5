using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Gateway.Limits;

/// <summary>Bytes of messages that are being read or handled, by user and in sum (security.md §7.2).</summary>
internal sealed class InFlightBytes(IOptions<GatewayOptions> options)
{
    private readonly ConcurrentDictionary<string, long> _users = new(StringComparer.Ordinal);
    private long _all;

    /// <summary>Takes room; false when the user or the host has too much in flight.</summary>
    public bool Take(string userId, int bytes)
    {
        if (bytes == 0)
            return true;
        var all = Interlocked.Add(ref _all, bytes);
        var users = _users.AddOrUpdate(userId, static (_, b) => b, static (_, had, b) => had + b, (long)bytes);
        if (all <= options.Value.InFlightBytesPerNode && users <= options.Value.InFlightBytesPerUser)
            return true;
        Give(userId, bytes);
        return false;
    }

    /// <summary>Gives room back.</summary>
    public void Give(string userId, int bytes)
    {
        if (bytes == 0)
            return;
        Interlocked.Add(ref _all, -bytes);
        if (_users.AddOrUpdate(userId, static (_, b) => -b, static (_, had, b) => had - b, (long)bytes) == 0)
            _users.TryRemove(new(userId, 0));
    }
}
