using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Audit;
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
    GatewayMetrics metrics,
    IAuditTrail audit
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
    /// <param name="negotiates">The connection itself comes with a later request.</param>
    public async ValueTask<Error?> RefuseAsync(
        HttpContext context,
        string? user,
        bool hasCredentials,
        bool resuming,
        bool negotiates = false
    )
    {
        if (drain.IsDraining)
            return await RefusedAsync(context, _draining);
        if (await JudgeAsync(context, hasCredentials) is { } denied)
            return denied;
        var error = await limits.TakeAsync(context, addresses.Of(context), user, resuming, negotiates);
        return error is null ? null : await RefusedAsync(context, error);
    }

    /// <summary>Only the origin, for requests of a connection that is open already.</summary>
    public async ValueTask<Error?> JudgeAsync(HttpContext context, bool hasCredentials)
    {
        var request = context.Request;
        var error = OriginRule.Judge(
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
        return error is null ? null : await RefusedAsync(context, error);
    }

    private async ValueTask<Error> RefusedAsync(HttpContext context, Error error)
    {
        metrics.Refused(error.Code);
        var (type, reason) = error.Code switch
        {
            "ORIGIN_DENIED" => ("origin.denied", context.Request.Headers.Origin.ToString()),
            "RATE_LIMIT_EXCEEDED" => ("rate_limited", "connections"),
            _ => (null, null),
        };
        if (type is not null)
            await audit.AppendSampledAsync(
                new AuditEvent(type) { Outcome = "denied", Reason = reason },
                addresses.Of(context),
                context.RequestAborted
            );
        return error;
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
        var negotiates = Negotiates(context);
        var error =
            negotiates || !context.Request.Query.ContainsKey("id")
                ? await door.RefuseAsync(context, UserOf(context), hasHeader, context.Request.Query["resume"] == "1", negotiates)
                : await door.JudgeAsync(context, hasHeader);
        if (error is null)
            await next(context);
        else
            await ProblemResults.WriteAsync(context, error);
    }

    public static string? UserOf(HttpContext context) =>
        context.User.Identity?.IsAuthenticated == true ? context.User.FindFirstValue("sub") : null;

    /// <summary>What is no negotiation and names no connection is an upgrade without one.</summary>
    private static bool Negotiates(HttpContext context) =>
        context.Request.Path.Value?.EndsWith("/negotiate", StringComparison.OrdinalIgnoreCase) == true;
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
