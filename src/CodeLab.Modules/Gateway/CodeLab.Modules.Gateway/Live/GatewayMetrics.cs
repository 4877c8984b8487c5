using System.Diagnostics.Metrics;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// Connections, what waits for them, how long, and what was given up. The names without prefix are published ones (protocol.md §10.3).
/// Labels never hold ids.
/// </summary>
internal sealed class GatewayMetrics
{
    private readonly UpDownCounter<long> _connections;
    private readonly UpDownCounter<long> _published;
    private readonly UpDownCounter<long> _queued;
    private readonly Counter<long> _sent;
    private readonly Counter<long> _dropped;
    private readonly Counter<long> _resumed;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _messages;
    private readonly Histogram<double> _latency;

    public GatewayMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("CodeLab.Gateway");
        _published = meter.CreateUpDownCounter<long>("websocket_connections_active", "{connection}", "Live connections of all doors");
        _connections = meter.CreateUpDownCounter<long>("codelab_gateway_connections", "{connection}", "Live connections by door");
        _queued = meter.CreateUpDownCounter<long>("codelab_gateway_queued_frames", "{frame}", "Frames waiting for connections");
        _sent = meter.CreateCounter<long>("codelab_gateway_frames", "{frame}", "Frames sent to connections");
        _dropped = meter.CreateCounter<long>("codelab_gateway_drops", "{connection}", "Connections closed because they did not read");
        _resumed = meter.CreateCounter<long>("codelab_gateway_resumes", "{attach}", "Attaches that went on from a position");
        _refused = meter.CreateCounter<long>("codelab_gateway_refusals", "{connection}", "Connections refused, by code");
        _messages = meter.CreateCounter<long>("messages_processed", "{message}", "Messages of clients, by outcome");
        _latency = meter.CreateHistogram<double>(
            "codelab_gateway_delivery",
            "s",
            "From a frame's arrival at a connection's queue to its write",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30],
            }
        );
    }

    public void Connected(string door)
    {
        _published.Add(1);
        _connections.Add(1, new KeyValuePair<string, object?>("door", door));
    }

    public void Disconnected(string door)
    {
        _published.Add(-1);
        _connections.Add(-1, new KeyValuePair<string, object?>("door", door));
    }

    public void Queued() => _queued.Add(1);

    public void Dequeued(int frames) => _queued.Add(-frames);

    public void Sent(int frames) => _sent.Add(frames);

    public void Sent(TimeSpan waited)
    {
        _sent.Add(1);
        _latency.Record(waited.TotalSeconds);
    }

    public void Dropped() => _dropped.Add(1);

    public void Resumed() => _resumed.Add(1);

    public void Refused(string code) => _refused.Add(1, new KeyValuePair<string, object?>("code", code));

    public void Processed(bool ok) =>
        _messages.Add(1, new KeyValuePair<string, object?>("service", "gateway"), new("status", ok ? "success" : "error"));
}
