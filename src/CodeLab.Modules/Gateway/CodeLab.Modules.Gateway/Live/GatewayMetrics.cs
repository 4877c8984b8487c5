using System.Diagnostics.Metrics;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>Connections, what waits for them, and what was given up. Labels never hold ids.</summary>
internal sealed class GatewayMetrics
{
    private readonly UpDownCounter<long> _connections;
    private readonly UpDownCounter<long> _queued;
    private readonly Counter<long> _sent;
    private readonly Counter<long> _dropped;

    public GatewayMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("CodeLab.Gateway");
        _connections = meter.CreateUpDownCounter<long>("codelab_gateway_connections", "{connection}", "Live connections");
        _queued = meter.CreateUpDownCounter<long>("codelab_gateway_queued_frames", "{frame}", "Frames waiting for connections");
        _sent = meter.CreateCounter<long>("codelab_gateway_frames", "{frame}", "Frames sent to connections");
        _dropped = meter.CreateCounter<long>("codelab_gateway_drops", "{connection}", "Connections closed because they did not read");
    }

    public void Connected() => _connections.Add(1);

    public void Disconnected() => _connections.Add(-1);

    public void Queued() => _queued.Add(1);

    public void Dequeued(int frames) => _queued.Add(-frames);

    public void Sent() => _sent.Add(1);

    public void Dropped() => _dropped.Add(1);
}
