using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Gateway.Limits;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>Decides before the upgrade who may open a live connection: origin, limits, and whether the host still takes any.</summary>
internal sealed class LiveDoor(
    ConnectLimits limits,
    DrainState drain,
    IOptions<GatewayOptions> options,
    ClientAddress addresses,
    GatewayMetrics metrics
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

    private static readonly Error _anonymous = new("UNAUTHORIZED", "Send an Authorization header, or open the socket with a ticket.", 401);

    /// <summary>Why a connection is refused; null = it may open.</summary>
    /// <param name="context">The request.</param>
    /// <param name="user">Who; null when nobody is signed in.</param>
    /// <param name="hasCredentials">True when it carries something that a page of somebody else could not add: a header, a ticket, or an address admitted without.</param>
    /// <param name="resuming">It says that it comes back.</param>
    public async ValueTask<Error?> RefuseAsync(HttpContext context, string? user, bool hasCredentials, bool resuming)
    {
        var error = drain.IsDraining ? _draining : Judge(context, hasCredentials);
        error ??= await limits.TakeAsync(addresses.Of(context), user, resuming, context.RequestAborted);
        if (error is not null)
            metrics.Refused(error.Code);
        return error;
    }

    /// <summary>Only the origin, for requests of a connection that is open already.</summary>
    public Error? Judge(HttpContext context, bool hasCredentials)
    {
        var request = context.Request;
        return OriginRule.Judge(
            request.Headers.Origin,
            hasCredentials,
            request.Scheme,
            request.Host.Value,
            options.Value.AllowedOrigins
        ) switch
        {
            OriginVerdict.Allowed => null,
            OriginVerdict.NeedsAuthorization => _anonymous,
            _ => _origin,
        };
    }
}

/// <summary>Stands in front of the hub.</summary>
internal sealed class HubDoor(RequestDelegate next, LiveDoor door)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (!context.Request.Path.StartsWithSegments("/hubs", StringComparison.OrdinalIgnoreCase))
        {
            await next(context);
            return;
        }
        var hasHeader = context.Request.Headers.ContainsKey("Authorization");
        var error = IsNew(context)
            ? await door.RefuseAsync(context, UserOf(context), hasHeader, context.Request.Query["resume"] == "1")
            : door.Judge(context, hasHeader);
        if (error is null)
            await next(context);
        else
            await ProblemResults.WriteAsync(context, error);
    }

    public static string? UserOf(HttpContext context) =>
        context.User.Identity?.IsAuthenticated == true ? context.User.FindFirstValue("sub") : null;

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
