using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Gateway.Limits;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>Decides before the upgrade who may open a live connection: origin, limits, and whether the host still takes any.</summary>
internal sealed class HubDoor(
    RequestDelegate next,
    HubLimits limits,
    SessionFanout fanout,
    DrainState drain,
    IOptions<GatewayOptions> options,
    IOptions<RateLimitOptions> rates,
    ClientAddress addresses
)
{
    private static readonly Error _draining = new("SERVER_SHUTTING_DOWN", "The server is restarting. Reconnect in a few seconds.", 503)
    {
        RetryAfterSeconds = 5,
    };

    private static readonly Error _origin = new(
        "ORIGIN_DENIED",
        "Pages of this origin may not connect. Add it to CodeLab:Gateway:AllowedOrigins.",
        403
    );
    private static readonly Error _anonymous = new("UNAUTHORIZED", "Send an Authorization header.", 401);
    private static readonly Error _tooMany = new("RATE_LIMIT_EXCEEDED", "Too many connections. Close one, or wait a minute.", 429)
    {
        RetryAfterSeconds = 60,
    };

    public Task InvokeAsync(HttpContext context)
    {
        if (!context.Request.Path.StartsWithSegments("/hubs", StringComparison.OrdinalIgnoreCase))
            return next(context);
        return Refusal(context) is { } error ? ProblemResults.WriteAsync(context, error) : next(context);
    }

    private Error? Refusal(HttpContext context)
    {
        if (drain.IsDraining && IsNew(context))
            return _draining;
        var request = context.Request;
        var origin = OriginRule.Judge(
            request.Headers.Origin,
            request.Headers.ContainsKey("Authorization"),
            request.Scheme,
            request.Host.Value,
            options.Value.AllowedOrigins
        );
        if (origin != OriginVerdict.Allowed)
            return origin == OriginVerdict.NeedsAuthorization ? _anonymous : _origin;
        if (!rates.Value.Enabled || !IsNew(context))
            return null;
        var user = context.User.Identity?.IsAuthenticated == true ? context.User.FindFirstValue("sub") : null;
        if (user is not null && fanout.CountOf(user) >= rates.Value.ConnectionsPerUser)
            return _tooMany;
        return limits.TakeConnect(addresses.Of(context), user, resuming: request.Query["resume"] == "1") ? null : _tooMany;
    }

    /// <summary>A negotiation, or an upgrade without one; what follows a negotiation names its connection.</summary>
    private static bool IsNew(HttpContext context) =>
        context.Request.Path.Value?.EndsWith("/negotiate", StringComparison.OrdinalIgnoreCase) == true
        || !context.Request.Query.ContainsKey("id");
}

internal enum OriginVerdict
{
    Allowed,
    NeedsAuthorization,
    Denied,
}

/// <summary>Keeps other people's pages from using a signed-in browser (security.md §7.1): CORS does not protect sockets.</summary>
internal static class OriginRule
{
    public static OriginVerdict Judge(
        string? origin,
        bool hasAuthorization,
        string scheme,
        string? host,
        IReadOnlyList<string> allowedOrigins
    )
    {
        if (string.IsNullOrEmpty(origin))
            return hasAuthorization ? OriginVerdict.Allowed : OriginVerdict.NeedsAuthorization;
        if (string.Equals(origin, $"{scheme}://{host}", StringComparison.OrdinalIgnoreCase))
            return OriginVerdict.Allowed;
        return allowedOrigins.Any(a => string.Equals(a.TrimEnd('/'), origin, StringComparison.OrdinalIgnoreCase))
            ? OriginVerdict.Allowed
            : OriginVerdict.Denied;
    }
}
