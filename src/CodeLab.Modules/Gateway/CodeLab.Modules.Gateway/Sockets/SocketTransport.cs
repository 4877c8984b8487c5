using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>
/// Knows the stream under a socket. The framework answers a client that breaks the protocol with a close frame and then resets the
/// connection, and a reset throws away what the other side has not read yet: the close frame with its code. So the end of the client's
/// side is waited for in between.
/// </summary>
internal sealed class SocketTransport(IHttpUpgradeFeature upgrade) : IHttpUpgradeFeature
{
    // Who sends on and on after the close is not waited for.
    private const int Most = 1024 * 1024;
    private const int Piece = 4 * 1024;
    private Stream? _stream;

    public bool IsUpgradableRequest => upgrade.IsUpgradableRequest;

    /// <summary>Puts itself in front of the server's own upgrade.</summary>
    public static Task UseAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Features.Get<IHttpUpgradeFeature>() is { } upgrade)
            context.Features.Set<IHttpUpgradeFeature>(new SocketTransport(upgrade));
        return next(context);
    }

    public async Task<Stream> UpgradeAsync() => _stream = await upgrade.UpgradeAsync();

    /// <summary>Reads, and throws away, until the client has closed its side or the time is over.</summary>
    public async Task DrainAsync(TimeSpan patience, TimeProvider time)
    {
        if (_stream is null)
            return;
        var buffer = ArrayPool<byte>.Shared.Rent(Piece);
        using var limit = new CancellationTokenSource(patience, time);
        try
        {
            for (var left = Most; left > 0; )
            {
                var read = await _stream.ReadAsync(buffer, limit.Token);
                if (read == 0)
                    return;
                left -= read;
            }
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException)
        {
            // It reset the connection itself, or did not go: it has had its time.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
