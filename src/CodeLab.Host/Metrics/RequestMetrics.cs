using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace CodeLab.Host.Metrics;

/// <summary>
/// Requests by the published names (protocol.md §10.3). The endpoint is the route's pattern, never the path: labels hold no ids, and
/// strangers cannot make new ones.
/// </summary>
internal sealed class RequestMetrics
{
    private readonly RequestDelegate _next;
    private readonly TimeProvider _time;
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _durations;

    public RequestMetrics(RequestDelegate next, IMeterFactory meters, TimeProvider time)
    {
        _next = next;
        _time = time;
        var meter = meters.Create("CodeLab.Http");
        _requests = meter.CreateCounter<long>("http_requests", null, "Requests answered");
        _durations = meter.CreateHistogram<double>("http_request_duration_seconds", null, "Seconds until a request was answered");
    }

    public Task InvokeAsync(HttpContext context) => _requests.Enabled || _durations.Enabled ? MeasureAsync(context) : _next(context);

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
            // A socket lives as long as its client wants: that is no duration of a request.
            if (!context.WebSockets.IsWebSocketRequest)
                _durations.Record(_time.GetElapsedTime(started).TotalSeconds, tags);
        }
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
