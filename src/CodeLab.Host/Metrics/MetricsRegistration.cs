using System.Diagnostics.Metrics;
using System.Net;
using CodeLab.BuildingBlocks.Modules;
using CodeLab.Modules.Auth.Access;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace CodeLab.Host.Metrics;

/// <summary>Collects what the modules measure, and shows it to Prometheus or sends it to a collector.</summary>
internal static class MetricsRegistration
{
    private const string Path = "/metrics";
    private static readonly double[] _seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

    public static void AddMetrics(this WebApplicationBuilder builder)
    {
        builder.AddModuleOptions<MetricsSettings>(MetricsSettings.Section);
        var collector = Collector(builder.Configuration);
        var telemetry = builder
            .Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("codelab"))
            .WithMetrics(metrics =>
            {
                // By prefix: a module makes its meter, and it is seen here.
                metrics.AddMeter("CodeLab.*", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime");
                metrics.AddView(SecondsInSeconds);
                metrics.AddPrometheusExporter();
                if (collector is not null)
                    metrics.AddOtlpExporter(o => o.Endpoint = collector);
            });
        if (collector is not null)
            telemetry.WithTracing(traces =>
                traces.AddSource("CodeLab.*").AddAspNetCoreInstrumentation().AddOtlpExporter(o => o.Endpoint = collector)
            );
    }

    /// <summary>Maps <c>/metrics</c>, in Prometheus's text format.</summary>
    public static void MapMetrics(this WebApplication app)
    {
        var access = app.Services.GetRequiredService<IOptions<MetricsSettings>>().Value.Access;
        var endpoint = app.MapPrometheusScrapingEndpoint(Path);
        switch (access)
        {
            case MetricsAccess.Anyone:
                endpoint.AllowAnonymous();
                break;
            case MetricsAccess.Loopback:
                endpoint.RequireAuthorization(policy => policy.RequireAssertion(FromThisMachine));
                break;
            default:
                endpoint.RequireAuthorization(Policies.Admin);
                break;
        }
    }

    /// <summary>The library's buckets are meant for milliseconds; an instrument that brings its own keeps them.</summary>
    private static ExplicitBucketHistogramConfiguration? SecondsInSeconds(Instrument instrument) =>
        instrument is Histogram<double> { Advice: null }
        && (instrument.Unit == "s" || instrument.Name.EndsWith("_seconds", StringComparison.Ordinal))
            ? new() { Boundaries = _seconds }
            : null;

    private static bool FromThisMachine(AuthorizationHandlerContext context) =>
        context.Resource is HttpContext { Connection.RemoteIpAddress: { } address } && IPAddress.IsLoopback(address);

    private static Uri? Collector(ConfigurationManager configuration)
    {
        var address = configuration[MetricsSettings.Section + ":OtlpEndpoint"] ?? configuration["OTEL_EXPORTER_OTLP_ENDPOINT"];
        return Uri.TryCreate(address, UriKind.Absolute, out var collector) ? collector : null;
    }
}
