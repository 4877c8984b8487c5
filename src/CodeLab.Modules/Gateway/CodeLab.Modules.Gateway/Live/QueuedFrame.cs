using System.Text;
using CodeLab.Protocol.Frames;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>What waits for a connection: a frame, a run of frames from the log, or the end.</summary>
internal sealed class QueuedFrame
{
    public QueuedFrame(WireFrame frame, long at) => (Frame, At, Size) = (frame, at, frame.Size);

    public QueuedFrame(IReadOnlyList<WireFrame> run, long at) => (Run, At) = (run, at);

    public QueuedFrame(CloseReason end, long at) => (End, At) = (end, at);

    /// <summary>The frame as it was queued.</summary>
    public WireFrame? Frame { get; }

    /// <summary>
    /// Frames that the client missed. They were read for it on purpose and are bounded by its session, so they count as one; what comes
    /// live behind them is counted as ever.
    /// </summary>
    public IReadOnlyList<WireFrame>? Run { get; }

    /// <summary>The end of the connection.</summary>
    public CloseReason? End { get; }

    /// <summary>Timestamp of queueing.</summary>
    public long At { get; }

    /// <summary>Text of the piece and everything appended; null while nothing was.</summary>
    public StringBuilder? Text { get; set; }

    /// <summary>Bytes the queue counts for it.</summary>
    public int Size { get; set; }

    /// <summary>The frame as it is sent.</summary>
    public WireFrame ToWire() =>
        Text is null ? Frame! : new WireFrame((AssistantMessageFrame)Frame!.Frame with { Token = Text.ToString() });
}

/// <summary>Joins pieces of one streaming message.</summary>
internal static class Coalescing
{
    /// <summary>Waiting frames from which pieces are joined: below it a reader keeps up and sees every piece.</summary>
    public const int From = 16;

    private const int LongestText = 64 * 1024;

    /// <summary>Appends a piece that continues the last one exactly.</summary>
    public static bool TryAppend(QueuedFrame last, SessionFrame next)
    {
        if (
            last.Frame?.Frame is not AssistantMessageFrame { Seq: null, Token: { } token, Offset: { } offset } head
            || next is not AssistantMessageFrame { Seq: null, Token: { } piece, Offset: { } at } tail
            || head.MessageId != tail.MessageId
            || head.SessionId != tail.SessionId
            || tail.IsFinal != head.IsFinal
        )
            return false;
        var length = last.Text?.Length ?? token.Length;
        if (offset + length != at || length + piece.Length > LongestText)
            return false;
        (last.Text ??= new StringBuilder(token)).Append(piece);
        return true;
    }
}
