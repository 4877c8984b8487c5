using System.Net.WebSockets;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Socket;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>A WebSocket, of either protocol.</summary>
internal sealed class SocketConnection(
    string id,
    LiveUser user,
    string sessionId,
    SocketShape shape,
    WebSocket socket,
    Action abort,
    Delivery delivery
) : LiveConnection(id, user, delivery)
{
    private static readonly Error _expired = new("TOKEN_EXPIRED", "The access token has expired. Refresh it and connect again.", 401);

    private List<byte[]>? _messages;
    private DateTimeOffset? _expires;
    private bool _toldExpiry;

    public string SessionId => sessionId;

    public TimeProvider Time => Delivery.Time;

    public bool IsPublished => shape is PublishedShape;

    /// <summary>True from the end of its token until it is closed or gets a new one: only results of open calls are taken.</summary>
    public bool IsExpired => Volatile.Read(ref _toldExpiry);

    public void Renew(DateTimeOffset? expires)
    {
        _expires = expires;
        Volatile.Write(ref _toldExpiry, false);
    }

    /// <summary>Tells the sender that its message, or its turn, failed.</summary>
    public void Fail(Error error, bool isFinal = false, string? messageId = null) => Send(Message(Failure(error, isFinal, messageId)));

    public void Reply(ServerMessage message) => Send(Message(message));

    /// <summary>Tells why, then closes.</summary>
    public void Fail(Error error, CloseReason reason, bool now = false, bool isFinal = true) =>
        Close(reason, Message(Failure(error, isFinal, null)), now);

    private ErrorMessage Failure(Error error, bool isFinal, string? messageId) =>
        PublishedFrames.ErrorOf(error, sessionId, isFinal, IsPublished ? null : messageId);

    private static WireFrame Message(ServerMessage message) => WireFrame.Raw(PublishedFrames.Write(message));

    protected override bool Wants(SessionFrame frame) => shape.Wants(frame);

    protected override ValueTask SendAsync(WireFrame frame)
    {
        if ((frame.IsRaw ? frame.Json : shape.ShowOne(frame)) is { } one)
            return socket.SendAsync(one, WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, CancellationToken.None);
        var messages = _messages ??= new(1);
        messages.Clear();
        shape.Show(frame, messages);
        return messages.Count switch
        {
            0 => default,
            1 => socket.SendAsync(messages[0], WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, CancellationToken.None),
            _ => SendAllAsync(messages),
        };
    }

    protected override async ValueTask SayGoodbyeAsync(CloseReason reason)
    {
        if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            await socket.CloseOutputAsync((WebSocketCloseStatus)shape.CodeOf(reason), reason.Text, CancellationToken.None);
    }

    protected override void Abort()
    {
        socket.Abort();
        abort();
    }

    protected override void OnTick(DateTimeOffset now)
    {
        if (_expires is not { } expires || now < expires)
            return;
        if (!_toldExpiry)
        {
            Volatile.Write(ref _toldExpiry, true);
            Fail(_expired, isFinal: true);
        }
        else if (now >= expires.AddSeconds(Delivery.Limits.ExpiryGraceSeconds))
        {
            Close(CloseReason.Expired);
        }
    }

    private async ValueTask SendAllAsync(List<byte[]> messages)
    {
        foreach (var message in messages)
            await socket.SendAsync(message, WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, CancellationToken.None);
    }
}
