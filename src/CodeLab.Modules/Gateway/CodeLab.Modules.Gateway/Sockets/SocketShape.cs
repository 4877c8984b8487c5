using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Socket;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>What a socket shows of the frames of its session. Asked by its one writer only.</summary>
internal abstract class SocketShape
{
    /// <summary>Whether a frame of this kind has any effect on what is shown.</summary>
    public abstract bool Wants(SessionFrame frame);

    /// <summary>The one message a frame becomes, or null when it becomes none or several (<see cref="Show"/>).</summary>
    public abstract byte[]? ShowOne(WireFrame frame);

    /// <summary>The messages a frame becomes.</summary>
    public abstract void Show(WireFrame frame, List<byte[]> messages);

    /// <summary>Close code of a reason.</summary>
    public abstract int CodeOf(CloseReason reason);
}

/// <summary><c>codelab.v2</c>: the frames of the hub, as they are.</summary>
internal sealed class OwnShape : SocketShape
{
    public static OwnShape Instance { get; } = new();

    public override bool Wants(SessionFrame frame) => true;

    public override byte[]? ShowOne(WireFrame frame) => frame.Json;

    public override void Show(WireFrame frame, List<byte[]> messages) => messages.Add(frame.Json);

    public override int CodeOf(CloseReason reason) => reason.Own;
}

/// <summary>What a client of the published protocol asked for.</summary>
/// <param name="SessionId">The session.</param>
/// <param name="ClientId">Under which id it is the executor.</param>
/// <param name="Whole">Whole messages instead of streaming text.</param>
/// <param name="Capabilities">Optional messages it understands (§4.6), and <c>approvals</c>: it decides on calls that others run.</param>
internal sealed record PublishedView(string SessionId, string ClientId, bool Whole, IReadOnlySet<string> Capabilities);

/// <summary>
/// The published protocol: four kinds of messages, the text once, and one open tool call at a time. Old clients show every other kind as an
/// empty bubble, and run every call they are sent; so calls of another executor are kept from them.
/// </summary>
internal sealed class PublishedShape(PublishedView view) : SocketShape
{
    private readonly Queue<WireFrame> _waitingCalls = new(0);
    private readonly byte[]? _done = view.Capabilities.Contains("done")
        ? PublishedFrames.Write(new DoneMessage { SessionId = view.SessionId })
        : null;

    private string? _streaming;
    private int _sent;
    private bool _sentWords;
    private string? _openCall;
    private bool _isExecutor;

    public override bool Wants(SessionFrame frame) =>
        frame switch
        {
            AssistantMessageFrame { Seq: null } => !view.Whole,
            AssistantMessageFrame
            or ToolCallFrame
            or ToolResultFrame
            or AgentSwitchedFrame
            or ErrorFrame
            or TurnCompletedFrame
            or TurnFailedFrame
            or TurnCancelledFrame
            or PresenceFrame => true,
            AgentStatusFrame => view.Capabilities.Contains("status"),
            _ => false,
        };

    public override byte[]? ShowOne(WireFrame frame)
    {
        if (view.Whole || frame.Frame is not AssistantMessageFrame { Seq: null, Token: { } token } text)
            return null;
        if (text.MessageId != _streaming)
            (_streaming, _sentWords) = (text.MessageId, false);
        _sent = (text.Offset ?? 0) + token.Length;
        _sentWords = _sentWords || !string.IsNullOrWhiteSpace(token);
        return frame.Published;
    }

    public override void Show(WireFrame frame, List<byte[]> messages)
    {
        switch (frame.Frame)
        {
            case AssistantMessageFrame { Seq: null }:
                if (ShowOne(frame) is { } piece)
                    messages.Add(piece);
                break;
            case AssistantMessageFrame text:
                messages.Add(Finished(frame, text));
                break;
            case ToolCallFrame call:
                Call(frame, call, messages);
                break;
            case ToolResultFrame ended:
                CallEnded(ended.CallId, messages);
                break;
            case PresenceFrame presence:
                _isExecutor = presence.Clients.Any(c => c.Executor && c.ClientId == view.ClientId);
                break;
            case TurnCompletedFrame:
                TurnEnded(messages);
                break;
            case TurnCancelledFrame cancelled:
                // A turn that a new message took the place of goes on with that message: no end is told.
                if (cancelled.Reason is null)
                    messages.Add(frame.Published);
                TurnEnded(messages);
                break;
            case TurnFailedFrame:
                messages.Add(frame.Published);
                TurnEnded(messages);
                break;
            default:
                messages.Add(frame.Published);
                break;
        }
    }

    public override int CodeOf(CloseReason reason) => reason.Published;

    // Joined, the tokens of a message are its text exactly once, whatever of it was streamed.
    private byte[] Finished(WireFrame frame, AssistantMessageFrame text)
    {
        if (view.Whole || text.MessageId != _streaming || !_sentWords)
            return frame.PublishedWhole;
        return text.Content is { } content && _sent < content.Length ? PublishedFrames.Rest(text, _sent) : frame.Published;
    }

    private void Call(WireFrame frame, ToolCallFrame call, List<byte[]> messages)
    {
        var ours = call.RequiresApproval
            ? _isExecutor || view.Capabilities.Contains("approvals")
            : call.Executor is null || call.Executor == view.ClientId;
        if (!ours)
            return;
        if (_openCall is not null && _openCall != call.CallId)
        {
            _waitingCalls.Enqueue(frame);
            return;
        }
        _openCall = call.CallId;
        messages.Add(frame.Published);
    }

    private void CallEnded(string callId, List<byte[]> messages)
    {
        if (callId != _openCall)
        {
            // Decided elsewhere before it was shown here.
            for (var left = _waitingCalls.Count; left > 0; left--)
            {
                var waiting = _waitingCalls.Dequeue();
                if (((ToolCallFrame)waiting.Frame).CallId != callId)
                    _waitingCalls.Enqueue(waiting);
            }
            return;
        }
        _openCall = null;
        if (!_waitingCalls.TryDequeue(out var next))
            return;
        var call = (ToolCallFrame)next.Frame;
        // Approved elsewhere while it waited: only its last form is worth showing.
        while (_waitingCalls.TryPeek(out var later) && ((ToolCallFrame)later.Frame).CallId == call.CallId)
            (next, call) = (_waitingCalls.Dequeue(), (ToolCallFrame)later.Frame);
        Call(next, call, messages);
    }

    private void TurnEnded(List<byte[]> messages)
    {
        _openCall = null;
        _waitingCalls.Clear();
        if (_done is not null)
            messages.Add(_done);
    }
}
