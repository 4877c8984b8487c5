using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace CodeLab.BuildingBlocks.Cluster;

/// <summary>How Redis does, under the published names (protocol.md §2.11): they began in the service for sign-in, and are about the one Redis.</summary>
public sealed class RedisMetrics
{
    private readonly Histogram<double> _operations;
    private long _errors;
    private Func<bool>? _isHealthy;

    /// <summary>Makes the instruments.</summary>
    public RedisMetrics(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        var meter = meters.Create("CodeLab.Redis");
        _operations = meter.CreateHistogram<double>(
            "auth_redis_operation_duration_seconds",
            description: "Time of calls to Redis, failed ones included.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1],
            }
        );
        meter.CreateObservableCounter(
            "auth_redis_connection_errors_total",
            () => Interlocked.Read(ref _errors),
            description: "Connections to Redis that failed or were lost."
        );
        meter.CreateObservableGauge(
            "auth_redis_healthy",
            () => _isHealthy is { } healthy ? [new Measurement<int>(healthy() ? 1 : 0)] : Array.Empty<Measurement<int>>(),
            description: "1 while Redis answers, 0 while it is away; absent when none is configured."
        );
    }

    internal void Watch(Func<bool> isHealthy) => _isHealthy = isHealthy;

    internal void Failed() => Interlocked.Increment(ref _errors);

    internal void Called(string operation, long since) =>
        _operations.Record(Stopwatch.GetElapsedTime(since).TotalSeconds, new KeyValuePair<string, object?>("operation", operation));
}
