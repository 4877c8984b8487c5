using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Auth.Setup;

/// <summary>Until the first administrator exists only set-up, health, keys, discovery and static files answer (security.md §5.2).</summary>
internal sealed class SetupGate(RequestDelegate next, SetupState state, StartupGate startup)
{
    private static readonly Error _required = new(
        "SETUP_REQUIRED",
        "This service has no administrator yet. Open the set-up link that it printed on its console, or restart it to print a new one.",
        StatusCodes.Status503ServiceUnavailable
    );
    private static readonly Error _starting = new("STARTING", "The service is starting.", StatusCodes.Status503ServiceUnavailable)
    {
        RetryAfterSeconds = 1,
    };

    private static readonly string[] _open = ["/setup", "/health", "/auth-health", "/gateway-health", "/nginx-health", "/ready"];
    private static readonly string[] _openExactly =
    [
        "/api/v1/health",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        Keys.JwksEndpoint.Path,
    ];
    private static readonly string[] _files = [".css", ".js", ".mjs", ".map", ".png", ".svg", ".ico", ".woff", ".woff2", ".webmanifest"];

    public async Task InvokeAsync(HttpContext context)
    {
        if (IsOpen(context.Request))
            await next(context);
        else if (!startup.IsOpen)
            await ProblemResults.WriteAsync(context, _starting);
        else if (await state.IsClaimedAsync(context.RequestAborted))
            await next(context);
        else
            await ProblemResults.WriteAsync(context, _required);
    }

    private static bool IsOpen(HttpRequest request)
    {
        var path = request.Path;
        if (_open.Any(p => path.StartsWithSegments(p, StringComparison.OrdinalIgnoreCase)))
            return true;
        if (_openExactly.Any(p => path.Equals(p, StringComparison.OrdinalIgnoreCase)))
            return true;
        var isRead = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
        return isRead
            && !path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
            && _files.Any(f => path.Value?.EndsWith(f, StringComparison.OrdinalIgnoreCase) == true);
    }
}
