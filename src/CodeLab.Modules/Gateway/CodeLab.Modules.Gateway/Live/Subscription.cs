using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// What one connection gets of one session. From before the attach is sent until its answer is here it keeps frames; then it drops those
/// that the answer covers, so that the client sees every frame once and in order.
/// </summary>
internal sealed class Subscription
{
    private List<(SessionFrame Frame, FramePayload Payload)>? _kept = [];
    private int _keptBytes;
    private long _lastSeq;
    private string? _streaming;
    private int _streamed;
    private string? _finished;

    public bool IsCollecting => _kept is not null;

    /// <summary>Keeps a frame; false when more came than a queue may hold.</summary>
    public bool TryKeep(SessionFrame frame, FramePayload payload, GatewayOptions limits)
    {
        if (_kept is null)
            throw new InvalidOperationException("The subscription is live");
        _kept.Add((frame, payload));
        _keptBytes += payload.Size;
        return _kept.Count <= limits.QueueFrames && _keptBytes <= limits.QueueBytes;
    }

    /// <summary>Ends collecting; the frames that still have to be sent, in order.</summary>
    public IReadOnlyList<(SessionFrame Frame, FramePayload Payload)> GoLive(AttachResponse answer)
    {
        var kept = _kept ?? [];
        _kept = null;
        _lastSeq = answer.LastSeq;
        _streaming = answer.Streaming?.MessageId;
        _streamed = answer.Streaming?.Text.Length ?? 0;
        _finished = answer.Frames.OfType<AssistantMessageFrame>().LastOrDefault()?.MessageId;
        // Frames are told in order: whatever came before a durable frame that the answer holds is older than the answer.
        var first = kept.FindLastIndex(k => k.Frame.Seq <= _lastSeq) + 1;
        var wanted = new List<(SessionFrame, FramePayload)>(kept.Count - first);
        foreach (var (frame, payload) in kept.Skip(first))
        {
            if (Uncovered(frame) is { } rest)
                wanted.Add((rest, ReferenceEquals(rest, frame) ? payload : FrameJson.Serialize(rest)));
        }
        return wanted;
    }

    /// <summary>The frame, the part of it that the answer did not hold, or null when it held all of it.</summary>
    public SessionFrame? Uncovered(SessionFrame frame)
    {
        if (frame.Seq is { } seq)
            return seq <= _lastSeq ? null : frame;
        if (frame is not AssistantMessageFrame { Token: { } token, Offset: { } offset } text)
            return frame;
        if (text.MessageId == _finished)
            return null;
        if (text.MessageId != _streaming || offset >= _streamed)
            return frame;
        if (offset + token.Length <= _streamed)
            return null;
        return text with { Token = token[(_streamed - offset)..], Offset = _streamed };
    }
}
