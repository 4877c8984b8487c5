using CodeLab.BuildingBlocks.Limits;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Gateway.Live;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Gateway.Limits;

/// <summary>
/// How many live connections a user and an address may open (security.md §3). One that says it resumes counts by its user only, so that a
/// restart does not lock an office out that shares one address.
/// </summary>
internal sealed class ConnectLimits(IRateCounter counter, SessionFanout fanout, IOptions<RateLimitOptions> options)
{
    private static readonly TimeSpan _minute = TimeSpan.FromMinutes(1);

    /// <summary>Takes one new connection; an error says why not.</summary>
    public async ValueTask<Error?> TakeAsync(string address, string? user, bool resuming, CancellationToken cancellationToken)
    {
        var limits = options.Value;
        if (!limits.Enabled)
            return null;
        if (user is not null && fanout.CountOf(user) >= limits.ConnectionsPerUser)
            return TooMany(5, "You have too many connections open. Close one.");
        var decision =
            resuming && user is not null
                ? await counter.TakeAsync("gateway:resume:" + user, limits.ResumesPerMinute, _minute, cancellationToken)
                : await counter.TakeAsync("gateway:connect:" + address, limits.ConnectsPerMinute, _minute, cancellationToken);
        return decision.Allowed
            ? null
            : TooMany((int)Math.Ceiling(decision.RetryAfter.TotalSeconds), "Too many new connections from this address.");
    }

    /// <summary>Takes one ticket for a browser's socket.</summary>
    public async ValueTask<Error?> TakeTicketAsync(string address, CancellationToken cancellationToken)
    {
        if (!options.Value.Enabled)
            return null;
        var decision = await counter.TakeAsync("gateway:ticket:" + address, options.Value.TicketsPerMinute, _minute, cancellationToken);
        return decision.Allowed ? null : TooMany((int)Math.Ceiling(decision.RetryAfter.TotalSeconds), "Too many tickets.");
    }

    private static Error TooMany(int seconds, string text) =>
        new("RATE_LIMIT_EXCEEDED", $"{text} Try again in {Math.Max(1, seconds)} s.", StatusCodes.Status429TooManyRequests)
        {
            RetryAfterSeconds = Math.Max(1, seconds),
        };
}
