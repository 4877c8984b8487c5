using System.Threading.RateLimiting;
using CodeLab.BuildingBlocks.Results;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Gateway.Limits;

/// <summary>Limits of what clients start on live connections (security.md §3).</summary>
internal sealed class MessageLimits(IOptions<RateLimitOptions> options) : IDisposable
{
    private readonly PartitionedRateLimiter<string> _messages = PerMinute(options.Value.MessagesPerMinute);
    private readonly PartitionedRateLimiter<string> _floods = PerMinute(options.Value.MessagesBeforeClosing);

    /// <summary>Takes one message that a client starts; null = go on.</summary>
    public Refused? Take(string connectionId, string sessionId)
    {
        if (!options.Value.Enabled)
            return null;
        using var flood = _floods.AttemptAcquire(connectionId);
        using var lease = _messages.AttemptAcquire(sessionId);
        if (lease.IsAcquired && flood.IsAcquired)
            return null;
        var seconds = lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? (int)Math.Ceiling(wait.TotalSeconds) : 60;
        return new(
            new("RATE_LIMIT_EXCEEDED", $"Too many messages in this session. Try again in {seconds} s.", 429)
            {
                RetryAfterSeconds = seconds,
            },
            Close: !flood.IsAcquired
        );
    }

    public void Dispose()
    {
        _messages.Dispose();
        _floods.Dispose();
    }

    private static PartitionedRateLimiter<string> PerMinute(int permits) =>
        PartitionedRateLimiter.Create<string, string>(key => Windows.Of(key, permits), StringComparer.Ordinal);

    /// <summary>Why a message is not taken, and whether the connection is to be closed.</summary>
    internal sealed record Refused(Error Error, bool Close);
}

internal static class Windows
{
    public static readonly TimeSpan Length = TimeSpan.FromMinutes(1);

    public static RateLimitPartition<string> Of(string key, int permits) =>
        RateLimitPartition.GetFixedWindowLimiter(
            key,
            _ => new FixedWindowRateLimiterOptions
            {
                PermitLimit = permits,
                Window = Length,
                QueueLimit = 0,
            }
        );
}
