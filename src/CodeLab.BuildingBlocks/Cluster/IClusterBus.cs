namespace CodeLab.BuildingBlocks.Cluster;

/// <summary>
/// Tells all nodes something small, such as "user 7 changed". Delivery to other nodes is best effort, at most once: whoever listens also polls
/// or expires what it keeps, within the time its guarantee allows. Within the node it always arrives.
/// </summary>
public interface IClusterBus
{
    /// <summary>Random id of this node, new at every start.</summary>
    string NodeId { get; }

    /// <summary>
    /// Runs the handlers of this node and sends to the others. Completes when the handlers here are done; a failing handler is logged and
    /// hurts nobody else.
    /// </summary>
    /// <param name="channel">Name of the channel, by module: <c>auth:rights</c>.</param>
    /// <param name="message">What to tell; a few KiB at most.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    ValueTask PublishAsync(string channel, ReadOnlyMemory<byte> message, CancellationToken cancellationToken);

    /// <summary>Listens until the answer is disposed. Messages of one channel come one after the other; a handler that is slow delays them.</summary>
    /// <param name="channel">Name of the channel.</param>
    /// <param name="handler">What to do.</param>
    IDisposable Subscribe(string channel, Func<ReadOnlyMemory<byte>, ValueTask> handler);
}
