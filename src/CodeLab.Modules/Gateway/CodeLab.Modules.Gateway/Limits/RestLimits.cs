using System.Globalization;
using System.Security.Claims;
using System.Threading.RateLimiting;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Gateway.Limits;

/// <summary>Requests to <c>/api/v1</c>, a minute (protocol.md §3.5).</summary>
internal sealed class RestLimits(IOptions<RateLimitOptions> options, ClientAddress addresses) : IDisposable
{
    private readonly PartitionedRateLimiter<string> _limiter = PartitionedRateLimiter.Create<string, string>(
        key => Windows.Of(key, options.Value.RestPerMinute),
        StringComparer.Ordinal
    );

    public bool Covers(HttpContext context) =>
        options.Value.Enabled
        && context.Request.Path.StartsWithSegments("/api/v1", StringComparison.OrdinalIgnoreCase)
        // Sockets have limits of their own.
        && !context.Request.Path.StartsWithSegments("/api/v1/ws", StringComparison.OrdinalIgnoreCase);

    public long Left(string key) => _limiter.GetStatistics(key)?.CurrentAvailablePermits ?? options.Value.RestPerMinute;

    /// <summary>Takes one request; the seconds to wait, or null to go on.</summary>
    public int? Take(string key)
    {
        using var lease = _limiter.AttemptAcquire(key);
        if (lease.IsAcquired)
            return null;
        return lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)) : 60;
    }

    public void WriteHeaders(HttpContext context, string key, int resetSeconds)
    {
        var headers = context.Response.Headers;
        headers["X-RateLimit-Limit"] = options.Value.RestPerMinute.ToString(CultureInfo.InvariantCulture);
        headers["X-RateLimit-Remaining"] = Left(key).ToString(CultureInfo.InvariantCulture);
        headers["X-RateLimit-Reset"] = resetSeconds.ToString(CultureInfo.InvariantCulture);
    }

    public Task RefuseAsync(HttpContext context, string key, int seconds)
    {
        WriteHeaders(context, key, seconds);
        return ProblemResults.WriteAsync(
            context,
            new Error("RATE_LIMIT_EXCEEDED", $"Too many requests. Try again in {seconds} s.", StatusCodes.Status429TooManyRequests)
            {
                RetryAfterSeconds = seconds,
                Details = new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    ["limit"] = options.Value.RestPerMinute.ToString(CultureInfo.InvariantCulture),
                    ["window"] = "1 minute",
                },
            }
        );
    }

    public void Dispose() => _limiter.Dispose();

    public string AddressKey(HttpContext context) => "ip:" + addresses.Of(context);
}

/// <summary>Slows down addresses whose requests are not signed in: only refused requests count, so that an office behind one address is not one user.</summary>
internal sealed class AnonymousLimit(RequestDelegate next, RestLimits limits)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (!limits.Covers(context))
        {
            await next(context);
            return;
        }
        var key = limits.AddressKey(context);
        if (limits.Left(key) <= 0)
        {
            await limits.RefuseAsync(context, key, limits.Take(key) ?? 1);
            return;
        }
        await next(context);
        if (context.Response.StatusCode == StatusCodes.Status401Unauthorized)
            limits.Take(key);
    }
}

/// <summary>Counts the requests of a signed-in user, and says in every answer how many are left.</summary>
internal sealed class RestLimit(RequestDelegate next, RestLimits limits)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (!limits.Covers(context))
            return next(context);
        var user = context.User.Identity?.IsAuthenticated == true ? context.User.FindFirstValue("sub") : null;
        var key = user is null ? limits.AddressKey(context) : "user:" + user;
        if (limits.Take(key) is { } seconds)
            return limits.RefuseAsync(context, key, seconds);
        limits.WriteHeaders(context, key, (int)Windows.Length.TotalSeconds);
        return next(context);
    }
}
