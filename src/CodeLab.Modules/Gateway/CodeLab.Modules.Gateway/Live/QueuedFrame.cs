using System.Text;
using CodeLab.Protocol.Frames;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>A frame that waits. Text appended to it while it waits is sent with it.</summary>
internal sealed class QueuedFrame(SessionFrame frame, FramePayload payload, long at)
{
    /// <summary>The frame as it was queued.</summary>
    public SessionFrame Frame => frame;

    /// <summary>Timestamp of queueing.</summary>
    public long At => at;

    /// <summary>Text of the piece and everything appended; null while nothing was.</summary>
    public StringBuilder? Text { get; set; }

    /// <summary>Bytes the queue counts for it.</summary>
    public int Size { get; set; } = payload.Size;

    public FramePayload ToPayload() =>
        Text is null ? payload : FrameJson.Serialize((AssistantMessageFrame)frame with { Token = Text.ToString() });
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
            last.Frame is not AssistantMessageFrame { Seq: null, Token: { } token, Offset: { } offset } head
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
