using System.Security.Cryptography;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Protocol.Frames;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// Says goodbye when the host stops: every session a connection is attached to gets an <c>error</c> frame <c>SERVER_SHUTTING_DOWN</c> whose
/// <c>retry_after</c> is a random 0 to 5 s, so that a house full of clients does not come back in the same moment; then it is closed.
/// </summary>
internal sealed class CloseConnections(SessionFanout fanout, TimeProvider time) : IDrainTask
{
    private const int LongestRetrySeconds = 5;
    private static readonly TimeSpan _flushTime = TimeSpan.FromSeconds(3);

    public int Order => 200;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var connections = fanout.Connections;
        foreach (var connection in connections)
        {
            var seconds = RandomNumberGenerator.GetInt32(LongestRetrySeconds + 1);
            foreach (var session in connection.Sessions)
            {
                var (frame, payload) = FrameJson.Fit(
                    new ErrorFrame
                    {
                        SessionId = session,
                        ErrorCode = "SERVER_SHUTTING_DOWN",
                        Content = "The server is restarting. The session goes on after reconnecting.",
                        RetryAfter = seconds,
                    }
                );
                connection.Deliver(frame, payload);
            }
        }
        try
        {
            await Task.WhenAll(connections.Select(c => c.Pump)).WaitAsync(_flushTime, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Who does not read misses the goodbye, not the session.
        }
        finally
        {
            foreach (var connection in connections)
                connection.Close();
        }
    }
}
