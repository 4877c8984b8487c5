using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Text;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol.Frames;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Gateway.Follow;

/// <summary>
/// A reader of server-sent events. It has the queue and the limits of every live connection; what is its own is how frames are written: an
/// event a frame, with an id from which the reader goes on after a cut, also in the middle of a text.
/// </summary>
/// <param name="id">Id of the connection.</param>
/// <param name="user">Whose it is.</param>
/// <param name="sessionId">The session.</param>
/// <param name="expires">When the token ends.</param>
/// <param name="http">The request.</param>
/// <param name="form">What it is shown.</param>
/// <param name="delivery">What all connections share.</param>
[SuppressMessage("Reliability", "CA1001", Justification = "The gate has no wait handle, and a late frame may still reach for it")]
internal sealed class FollowConnection(
    string id,
    LiveUser user,
    string sessionId,
    DateTimeOffset? expires,
    HttpContext http,
    FollowForm form,
    Delivery delivery
) : LiveConnection(id, user, delivery)
{
    private const int KeepAliveSeconds = 15;
    private static readonly WireFrame _keepAlive = WireFrame.Raw(": keep-alive\n\n"u8.ToArray());
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly PipeWriter _body = http.Response.BodyWriter;
    private volatile bool _done;
    private long _lastSeq;
    private DateTimeOffset _lastWrite = delivery.Time.GetUtcNow();

    /// <summary>Waits for the write under way; afterwards none begins, and the response may end.</summary>
    public async Task SettleAsync()
    {
        await _writing.WaitAsync();
        _done = true;
        _writing.Release();
    }

    /// <summary>Where the reader stands before the first frame.</summary>
    public void StartAt(long seq) => _lastSeq = seq;

    protected override bool Wants(SessionFrame frame) => form.Wants(frame);

    protected override async ValueTask SendAsync(WireFrame frame)
    {
        await WriteAsync(() => Write(frame));
        if (IsTheEnd(frame.Frame))
            Close(CloseReason.Normal);
    }

    protected override async ValueTask SayGoodbyeAsync(CloseReason reason) =>
        await WriteAsync(() =>
        {
            if (form == FollowForm.Answer && reason == CloseReason.Normal)
                Append("data: [DONE]\n\n"u8);
            else if (CodeOf(reason) is { } code)
                Data(WireFrame.Of(Error(code, reason.Text)).Json);
        });

    // A request that is over may be another one by now.
    protected override void Abort()
    {
        if (!_done)
            http.Abort();
    }

    protected override void OnTick(DateTimeOffset now)
    {
        if (now >= expires)
            Close(CloseReason.Expired);
        else if (now - _lastWrite >= TimeSpan.FromSeconds(KeepAliveSeconds))
            Send(_keepAlive);
    }

    /// <summary>The session is gone or elsewhere, or the turn that was waited for is over.</summary>
    private bool IsTheEnd(SessionFrame frame) =>
        frame is ErrorFrame { Seq: null, IsFinal: true } or ResyncFrame { Reason: not FollowReplay.Behind }
        || (form == FollowForm.Answer && frame is TurnCompletedFrame or TurnFailedFrame or TurnCancelledFrame);

    private static string? CodeOf(CloseReason reason) =>
        reason == CloseReason.SignedOut ? "TOKEN_INVALID"
        : reason == CloseReason.Expired ? "TOKEN_EXPIRED"
        : reason == CloseReason.Slow ? "TOO_SLOW"
        : null;

    private ErrorFrame Error(string code, string text) =>
        new()
        {
            SessionId = sessionId,
            ErrorCode = code,
            Content = text,
            IsFinal = true,
        };

    private async ValueTask WriteAsync(Action write)
    {
        await _writing.WaitAsync();
        try
        {
            if (_done)
                return;
            write();
            _lastWrite = Delivery.Time.GetUtcNow();
            await _body.FlushAsync(http.RequestAborted);
        }
        finally
        {
            _writing.Release();
        }
    }

    private void Write(WireFrame frame)
    {
        if (ReferenceEquals(frame, _keepAlive))
        {
            Append(frame.Json);
            return;
        }
        if (form == FollowForm.Answer)
        {
            // The end of the turn is told by [DONE]; the published set has no frame for it.
            if (frame.Frame is not TurnCompletedFrame)
                Data(frame.Published);
            return;
        }
        if (frame.Frame.Seq is { } seq)
        {
            _lastSeq = seq;
            Append(Encoding.UTF8.GetBytes($"id: {seq}\n"));
        }
        else if (frame.Frame is AssistantMessageFrame { Token: { } token, Offset: { } offset } text)
        {
            Append(Encoding.UTF8.GetBytes($"id: {new FollowPosition(_lastSeq, text.MessageId, offset + token.Length)}\n"));
        }
        Data(frame.Json);
    }

    /// <summary>One line: JSON has no line breaks of its own.</summary>
    private void Data(ReadOnlySpan<byte> json)
    {
        Append("data: "u8);
        Append(json);
        Append("\n\n"u8);
    }

    private void Append(ReadOnlySpan<byte> bytes) => _body.Write(bytes);
}

/// <summary>What a reader of events is shown.</summary>
internal enum FollowForm
{
    /// <summary>Every frame in its own form, as the hub has it.</summary>
    Session,

    /// <summary>The published frames up to the end of the turn.</summary>
    Answer,
}

/// <summary>Which frames a form has.</summary>
internal static class FollowForms
{
    public static bool Wants(this FollowForm form, SessionFrame frame) =>
        form == FollowForm.Session
        || frame
            is AssistantMessageFrame
                or ToolCallFrame
                or AgentSwitchedFrame
                or ErrorFrame
                or TurnCompletedFrame
                or TurnFailedFrame
                or TurnCancelledFrame
                or ResyncFrame;
}

/// <summary>Where a reader is: after a durable frame, and perhaps so many characters into the text that followed.</summary>
/// <param name="Seq">The last durable frame.</param>
/// <param name="MessageId">The text that was streaming.</param>
/// <param name="Offset">Characters of it that were read.</param>
internal readonly record struct FollowPosition(long Seq, string? MessageId = null, int Offset = 0)
{
    /// <summary>Reads <c>SEQ</c> or <c>SEQ;MESSAGE_ID;OFFSET</c>.</summary>
    public static bool TryParse(string text, out FollowPosition position)
    {
        position = default;
        var parts = text.Split(';');
        if (!long.TryParse(parts[0], System.Globalization.CultureInfo.InvariantCulture, out var seq) || seq < 0)
            return false;
        if (parts.Length == 1)
        {
            position = new(seq);
            return true;
        }
        if (
            parts.Length != 3
            || !Ids.IsId(parts[1])
            || !int.TryParse(parts[2], System.Globalization.CultureInfo.InvariantCulture, out var offset)
            || offset < 0
        )
            return false;
        position = new(seq, parts[1], offset);
        return true;
    }

    public override string ToString() => MessageId is null ? $"{Seq}" : $"{Seq};{MessageId};{Offset}";
}
