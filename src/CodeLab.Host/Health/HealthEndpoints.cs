using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;

namespace CodeLab.Host.Health;

/// <summary>
/// Health and its published aliases (protocol.md §1.6, security.md §12). A middleware before routing: it answers while the house is still
/// being furnished, and takes no part in sign-in, limits or start-up.
/// </summary>
internal sealed class HealthEndpoints(RequestDelegate next, HealthState health, TimeProvider time, IHostEnvironment environment)
{
    private static readonly string _version =
        typeof(HealthEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
        ?? "";

    private readonly long _started = time.GetTimestamp();

    public Task InvokeAsync(HttpContext context)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
            return next(context);
        return context.Request.Path.Value switch
        {
            "/health" or "/api/v1/health" or "/gateway-health" => HealthAsync(context),
            "/health/live" => WriteAsync(context, 200, new StatusBody("alive"), HealthJson.Default.StatusBody),
            "/health/ready" => ReadyAsync(context, named: true),
            "/ready" => ReadyAsync(context, named: false),
            "/auth-health" => WriteAsync(
                context,
                200,
                new AuthHealthBody("healthy", _version, JsonNamingPolicy.CamelCase.ConvertName(environment.EnvironmentName)),
                HealthJson.Default.AuthHealthBody
            ),
            "/nginx-health" => ProxyHealthAsync(context),
            _ => next(context),
        };
    }

    private async Task HealthAsync(HttpContext context)
    {
        var reachable = await health.DatabaseAsync();
        var state = health.IsStarted ? "healthy" : "starting";
        var body = new HealthBody
        {
            Status = reachable ? "healthy" : "unhealthy",
            Service = "gateway",
            Version = _version,
            Uptime = (long)time.GetElapsedTime(_started).TotalSeconds,
            Timestamp = time.GetUtcNow(),
            Services = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["auth"] = state,
                ["agent_runtime"] = state,
                ["llm_proxy"] = state,
            },
            Dependencies = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["database"] =
                    !health.IsStarted ? "starting"
                    : reachable ? "connected"
                    : "unreachable",
                ["agent_runtime"] = health.IsStarted ? "available" : "starting",
            },
        };
        await WriteAsync(context, reachable ? 200 : 503, body, ProtocolJson.Default.HealthBody);
    }

    private async Task ReadyAsync(HttpContext context, bool named)
    {
        var failing = await health.FailingAsync();
        var body = failing.Count == 0 ? new StatusBody("ready") : new StatusBody("not_ready") { Failing = named ? failing : null };
        await WriteAsync(context, failing.Count == 0 ? 200 : 503, body, HealthJson.Default.StatusBody);
    }

    private static Task ProxyHealthAsync(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync("healthy\n", context.RequestAborted);
    }

    private static Task WriteAsync<T>(HttpContext context, int status, T body, JsonTypeInfo<T> type)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsJsonAsync(body, type, cancellationToken: context.RequestAborted);
    }
}

/// <summary>One word of health, and what fails.</summary>
internal sealed record StatusBody(string Status)
{
    /// <summary>Names of failing parts, nothing more: the details are in the log.</summary>
    public IReadOnlyList<string>? Failing { get; init; }
}

/// <summary>Body of <c>/auth-health</c>.</summary>
internal sealed record AuthHealthBody(string Status, string Version, string Environment);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(StatusBody))]
[JsonSerializable(typeof(AuthHealthBody))]
internal sealed partial class HealthJson : JsonSerializerContext;

internal static class HealthRegistration
{
    public static void AddHealth(this IServiceCollection services) => services.AddSingleton<HealthState>();
}
