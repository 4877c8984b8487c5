using System.Net.WebSockets;
using CodeLab.Modules.Gateway.Limits;
using CodeLab.Modules.Gateway.Live;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>
/// Reads a socket to its end. A receive is outstanding at all times, because pings and closes are only seen by one; so what was read is
/// handled beside it, in order. An idle socket holds no buffer.
/// </summary>
internal sealed class SocketReader(
    WebSocket socket,
    SocketConnection connection,
    InFlightBytes inFlight,
    GatewayOptions limits,
    SocketTransport? transport,
    Func<ReadOnlyMemory<byte>, Task> handle
)
{
    private const int FirstBuffer = 4 * 1024;

    private readonly Lock _lock = new();
    private Queue<(byte[] Buffer, int Length)>? _inHand;
    private Task _handling = Task.CompletedTask;
    private TaskCompletionSource? _room;
    private bool _discard;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                // Waits without a buffer: thousands of sockets say nothing most of the time.
                var begin = await socket.ReceiveAsync(Memory<byte>.Empty, cancellationToken);
                if (begin.MessageType == WebSocketMessageType.Close)
                    break;
                if (begin.MessageType == WebSocketMessageType.Binary)
                    Refuse(CloseReason.Binary);
                if (!await ReadMessageAsync(begin.EndOfMessage, cancellationToken))
                    break;
            }
            connection.Close(CloseReason.Normal);
        }
        catch (WebSocketException broken) when (broken.WebSocketErrorCode is WebSocketError.Faulted or WebSocketError.HeaderError)
        {
            // Not WebSocket, or not UTF-8: the framework has answered with 1002 or 1007 already.
            connection.MarkClosed();
            if (transport is not null)
                await transport.DrainAsync(TimeSpan.FromSeconds(limits.CloseSeconds), connection.Time);
        }
        catch (WebSocketException)
        {
            // The network ended.
            connection.MarkClosed();
        }
        catch (OperationCanceledException)
        {
            connection.MarkClosed();
        }
        await _handling;
    }

    private async Task<bool> ReadMessageAsync(bool isEmpty, CancellationToken cancellationToken)
    {
        if (isEmpty)
        {
            await HandAsync([], 0, cancellationToken);
            return true;
        }
        var buffer = MessageBuffers.Rent(FirstBuffer);
        var length = 0;
        var handed = false;
        try
        {
            while (true)
            {
                if (length == buffer.Length)
                    Grow(ref buffer, ref length);
                var part = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
                if (part.MessageType == WebSocketMessageType.Close)
                    return false;
                length = _discard ? 0 : length + part.Count;
                if (length > limits.MessageBytes)
                {
                    Refuse(CloseReason.TooLong);
                    length = 0;
                }
                if (part.EndOfMessage)
                    break;
            }
            if (!_discard)
            {
                handed = true;
                await HandAsync(buffer, length, cancellationToken);
            }
            return true;
        }
        finally
        {
            if (!handed)
                GiveBack(buffer);
        }
    }

    private void Grow(ref byte[] buffer, ref int length)
    {
        var larger = MessageBuffers.Rent(Math.Min(buffer.Length * 2, limits.MessageBytes + FirstBuffer));
        // The smaller one goes back in the same moment: only what is more is taken.
        if (!inFlight.Take(connection.UserId, Counted(larger) - Counted(buffer)))
        {
            MessageBuffers.Return(larger);
            Refuse(CloseReason.Crowded);
            length = 0;
            return;
        }
        buffer.AsSpan(0, length).CopyTo(larger);
        MessageBuffers.Return(buffer);
        buffer = larger;
    }

    // What fits the first buffer is not worth counting.
    private int Counted(byte[] buffer) => buffer.Length <= FirstBuffer ? 0 : Math.Min(buffer.Length, limits.MessageBytes);

    private void GiveBack(byte[] buffer)
    {
        if (buffer.Length == 0)
            return;
        inFlight.Give(connection.UserId, Counted(buffer));
        MessageBuffers.Return(buffer);
    }

    /// <summary>Reads on to the other side's close, but takes nothing any more.</summary>
    private void Refuse(CloseReason reason)
    {
        _discard = true;
        connection.Close(reason);
    }

    private async Task HandAsync(byte[] buffer, int length, CancellationToken cancellationToken)
    {
        Task? wait = null;
        lock (_lock)
        {
            (_inHand ??= new(1)).Enqueue((buffer, length));
            if (_handling.IsCompleted)
                _handling = HandleAllAsync();
            else if (_inHand.Count >= limits.MessagesInHand)
                wait = (_room = new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
        // A client that sends faster than the log can commit is read no further: TCP tells it so.
        if (wait is not null)
            await wait.WaitAsync(cancellationToken);
    }

    private async Task HandleAllAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (true)
        {
            (byte[] Buffer, int Length) next;
            lock (_lock)
            {
                if (!_inHand!.TryDequeue(out next))
                {
                    _handling = Task.CompletedTask;
                    return;
                }
                if (_inHand.Count < limits.MessagesInHand / 2)
                    _room?.TrySetResult();
            }
            try
            {
                await handle(next.Buffer.AsMemory(0, next.Length));
            }
            finally
            {
                GiveBack(next.Buffer);
            }
        }
    }
}
