using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace CodeLab.Host.Metrics;

/// <summary>
/// Requests by the published names (protocol.md §10.3). The endpoint is the route's pattern, never the path: labels hold no ids, and
/// strangers cannot make new ones.
/// </summary>
internal sealed class RequestMetrics
{
    private const string Modules = "CodeLab.Modules.";

    private readonly RequestDelegate _next;
    private readonly TimeProvider _time;
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _durations;
    private readonly Histogram<double> _responses;
    private readonly ConditionalWeakTable<Endpoint, string> _services = [];

    public RequestMetrics(RequestDelegate next, IMeterFactory meters, TimeProvider time)
    {
        _next = next;
        _time = time;
        var meter = meters.Create("CodeLab.Http");
        _requests = meter.CreateCounter<long>("http_requests", null, "Requests answered");
        _durations = meter.CreateHistogram<double>("http_request_duration_seconds", null, "Seconds until a request was answered");
        _responses = meter.CreateHistogram<double>("response_time_seconds", null, "Seconds until an answer was whole, by module");
    }

    public Task InvokeAsync(HttpContext context) =>
        _requests.Enabled || _durations.Enabled || _responses.Enabled ? MeasureAsync(context) : _next(context);

    private async Task MeasureAsync(HttpContext context)
    {
        var started = _time.GetTimestamp();
        try
        {
            await _next(context);
        }
        finally
        {
            var endpoint = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "other";
            var tags = new TagList
            {
                { "method", Method(context.Request.Method) },
                { "endpoint", endpoint },
                { "status", context.Response.StatusCode.ToString(CultureInfo.InvariantCulture) },
            };
            _requests.Add(1, tags);
            // A socket lives as long as its client wants: that is no duration of a request. Nor is a stream's that of an answer.
            if (!context.WebSockets.IsWebSocketRequest)
            {
                var seconds = _time.GetElapsedTime(started).TotalSeconds;
                _durations.Record(seconds, tags);
                if (context.Response.ContentType?.StartsWith("text/event-stream", StringComparison.Ordinal) != true)
                    _responses.Record(seconds, new("service", ServiceOf(context)), new("endpoint", endpoint));
            }
        }
    }

    /// <summary>The module whose code answers: the published names have one for each service, which our modules were once.</summary>
    private string ServiceOf(HttpContext context)
    {
        if (context.GetEndpoint() is { } endpoint)
            return _services.GetValue(
                endpoint,
                static e =>
                    e.Metadata.GetMetadata<MethodInfo>()?.DeclaringType?.Assembly.GetName().Name is { } name
                    && name.StartsWith(Modules, StringComparison.Ordinal)
                        ? name[Modules.Length..].ToLowerInvariant()
                        : "host"
            );
        // Answered before routing: the OAuth endpoints are.
        return context.Request.Path.StartsWithSegments("/oauth", StringComparison.OrdinalIgnoreCase) ? "auth" : "host";
    }

    private static string Method(string method) =>
        HttpMethods.IsGet(method)
        || HttpMethods.IsPost(method)
        || HttpMethods.IsDelete(method)
        || HttpMethods.IsPut(method)
        || HttpMethods.IsPatch(method)
        || HttpMethods.IsHead(method)
        || HttpMethods.IsOptions(method)
            ? method
            : "other";
}
