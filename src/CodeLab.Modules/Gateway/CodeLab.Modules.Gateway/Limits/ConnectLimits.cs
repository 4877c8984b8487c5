using CodeLab.BuildingBlocks.Limits;
using CodeLab.BuildingBlocks.Results;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Gateway.Limits;

/// <summary>
/// How many live connections a user and an address may open (security.md §3). One that says it resumes counts by its user only, so that a
/// restart does not lock an office out that shares one address.
/// </summary>
internal sealed class ConnectLimits(IRateCounter counter, ConnectionSlots slots, IOptions<RateLimitOptions> options)
{
    private static readonly TimeSpan _minute = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Takes one new connection, whose slot lasts as long as its request; an error says why not. A negotiation keeps a slot free for the
    /// connection that follows it.
    /// </summary>
    public async ValueTask<Error?> TakeAsync(HttpContext context, string address, string? user, bool resuming, bool negotiates)
    {
        var limits = options.Value;
        if (!limits.Enabled)
            return null;
        // Reserved first, then looked at: whoever counts first and opens later lets in all that come meanwhile.
        ConnectionSlots.Slot? slot = null;
        if (user is not null && !negotiates && (slot = slots.Take(user, limits.ConnectionsPerUser)) is null)
            return Crowded();
        var decision =
            resuming && user is not null
                ? await counter.TakeAsync("gateway:resume:" + user, limits.ResumesPerMinute, _minute, context.RequestAborted)
                : await counter.TakeAsync("gateway:connect:" + address, limits.ConnectsPerMinute, _minute, context.RequestAborted);
        if (!decision.Allowed)
        {
            slot?.Dispose();
            return TooMany((int)Math.Ceiling(decision.RetryAfter.TotalSeconds), "Too many new connections from this address.");
        }
        if (user is not null && negotiates && !slots.Promise(user, limits.ConnectionsPerUser))
            return Crowded();
        if (slot is not null)
        {
            context.Features.Set(slot);
            context.Response.RegisterForDispose(slot);
        }
        return null;
    }

    /// <summary>The slot of a hub connection that was negotiated; false when its user has too many by now.</summary>
    /// <param name="user">The user.</param>
    /// <param name="slot">Give it back when the connection ends; null when limits are off.</param>
    public bool TryClaim(string user, out IDisposable? slot)
    {
        slot = null;
        if (!options.Value.Enabled)
            return true;
        slot = slots.Claim(user, options.Value.ConnectionsPerUser);
        return slot is not null;
    }

    /// <summary>Takes one ticket for a browser's socket.</summary>
    public async ValueTask<Error?> TakeTicketAsync(string address, CancellationToken cancellationToken)
    {
        if (!options.Value.Enabled)
            return null;
        var decision = await counter.TakeAsync("gateway:ticket:" + address, options.Value.TicketsPerMinute, _minute, cancellationToken);
        return decision.Allowed ? null : TooMany((int)Math.Ceiling(decision.RetryAfter.TotalSeconds), "Too many tickets.");
    }

    private static Error Crowded() => TooMany(5, "You have too many connections open. Close one.");

    private static Error TooMany(int seconds, string text) =>
        new("RATE_LIMIT_EXCEEDED", $"{text} Try again in {Math.Max(1, seconds)} s.", StatusCodes.Status429TooManyRequests)
        {
            RetryAfterSeconds = Math.Max(1, seconds),
        };
}
