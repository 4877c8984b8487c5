using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// What one connection gets of one session. From before the attach is sent until its answer is here it keeps frames; then it drops those
/// that the answer covers, so that the client sees every frame once and in order.
/// </summary>
internal sealed class Subscription
{
    private List<WireFrame>? _kept = [];
    private int _keptBytes;
    private long _lastSeq;
    private string? _streaming;
    private int _streamed;
    private string? _finished;

    public bool IsCollecting => _kept is not null;

    /// <summary>Keeps a frame; false when more came than a queue may hold.</summary>
    public bool TryKeep(WireFrame frame, GatewayOptions limits)
    {
        if (_kept is null)
            throw new InvalidOperationException("The subscription is live");
        _kept.Add(frame);
        _keptBytes += frame.Size;
        return _kept.Count <= limits.QueueFrames && _keptBytes <= limits.QueueBytes;
    }

    /// <summary>Ends collecting; the frames that still have to be sent, in order.</summary>
    public IReadOnlyList<WireFrame> GoLive(AttachResponse answer)
    {
        var kept = _kept ?? [];
        _kept = null;
        _lastSeq = answer.LastSeq;
        _streaming = answer.Streaming?.MessageId;
        _streamed = answer.Streaming?.Text.Length ?? 0;
        _finished = answer.Frames.OfType<AssistantMessageFrame>().LastOrDefault()?.MessageId;
        if (kept.Count == 0)
            return [];
        // Frames are told in order: whatever came before a durable frame that the answer holds is older than the answer.
        var first = kept.FindLastIndex(k => k.Frame.Seq <= _lastSeq) + 1;
        var wanted = new List<WireFrame>(kept.Count - first);
        foreach (var frame in kept.Skip(first))
        {
            if (Uncovered(frame) is { } rest)
                wanted.Add(rest);
        }
        return wanted;
    }

    /// <summary>The frame, the part of it that the answer did not hold, or null when it held all of it.</summary>
    public WireFrame? Uncovered(WireFrame wire)
    {
        var frame = wire.Frame;
        if (frame.Seq is { } seq)
            return seq <= _lastSeq ? null : wire;
        if (frame is not AssistantMessageFrame { Token: { } token, Offset: { } offset } text)
            return wire;
        if (text.MessageId == _finished)
            return null;
        if (text.MessageId != _streaming || offset >= _streamed)
            return wire;
        if (offset + token.Length <= _streamed)
            return null;
        return new WireFrame(text with { Token = token[(_streamed - offset)..], Offset = _streamed });
    }
}
