using System.Buffers;
using Microsoft.Net.Http.Headers;

namespace CodeLab.Host.Http;

/// <summary>Headers of every response (security.md §10), and the id under which a request is found in the log.</summary>
internal sealed class ResponseHeaders(RequestDelegate next)
{
    private const string CorrelationId = "X-Correlation-ID";
    private const string ApiPolicy = "default-src 'none'; frame-ancestors 'none'";
    private const string NoPermissions =
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), microphone=(), midi=(), payment=(), serial=(), usb=()";

    private static readonly SearchValues<char> _idCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-"
    );

    public Task InvokeAsync(HttpContext context)
    {
        string? asked = context.Request.Headers[CorrelationId];
        if (asked is { Length: > 0 and <= 128 } && !asked.AsSpan().ContainsAnyExcept(_idCharacters))
            context.TraceIdentifier = asked;
        // As the response begins: an error clears what was set before it.
        context.Response.OnStarting(
            static state =>
            {
                Write((HttpContext)state);
                return Task.CompletedTask;
            },
            context
        );
        return next(context);
    }

    private static void Write(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers[CorrelationId] = context.TraceIdentifier;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Permissions-Policy"] = NoPermissions;
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (context.Request.IsHttps)
            headers.StrictTransportSecurity = "max-age=31536000; includeSubDomains";
        // Pages set their own policy; what sets none shows nothing.
        headers.TryAdd(HeaderNames.ContentSecurityPolicy, ApiPolicy);
        if (RequestPaths.IsApi(context.Request.Path))
            headers.TryAdd(HeaderNames.CacheControl, "no-store");
    }
}
