using System.Security.Cryptography;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Gateway.Sockets;
using CodeLab.Protocol.Frames;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// Says goodbye when the host stops: every connection gets an <c>error</c> <c>SERVER_SHUTTING_DOWN</c> whose <c>retry_after</c> is a random 0
/// to 5 s, so that a house full of clients does not come back in the same moment; then it is closed. The server itself does not close
/// upgraded connections.
/// </summary>
internal sealed class CloseConnections(SessionFanout fanout, TimeProvider time) : IDrainTask
{
    private const int LongestRetrySeconds = 5;
    private const string Text = "The server is restarting. The session goes on after reconnecting.";
    private static readonly TimeSpan _flushTime = TimeSpan.FromSeconds(3);

    public int Order => 200;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var connections = fanout.Connections;
        foreach (var connection in connections)
        {
            var seconds = RandomNumberGenerator.GetInt32(LongestRetrySeconds + 1);
            if (connection is SocketConnection socket)
            {
                var error = new Error("SERVER_SHUTTING_DOWN", Text, 503) { RetryAfterSeconds = seconds };
                socket.Fail(error, CloseReason.Restart, isFinal: false);
                continue;
            }
            foreach (var session in connection.Sessions)
            {
                var goodbye = new ErrorFrame
                {
                    SessionId = session,
                    ErrorCode = "SERVER_SHUTTING_DOWN",
                    Content = Text,
                    RetryAfter = seconds,
                };
                connection.Send(WireFrame.Of(goodbye));
            }
            connection.Close(CloseReason.Restart);
        }
        try
        {
            await Task.WhenAll(connections.Select(c => c.Ended)).WaitAsync(_flushTime, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Who does not read misses the goodbye, not the session.
            foreach (var connection in connections)
                connection.Break();
        }
    }
}
