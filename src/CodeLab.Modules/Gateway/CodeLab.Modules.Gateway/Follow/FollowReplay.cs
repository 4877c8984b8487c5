using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;

namespace CodeLab.Modules.Gateway.Follow;

/// <summary>What a reader is sent before anything live.</summary>
internal static class FollowReplay
{
    /// <summary>Why a reader begins anew: it knows more of the session than there is.</summary>
    public const string Behind = "This place is not in the session's log: what follows is the session from its beginning.";

    /// <summary>The frames it missed, the rest of the text that is being written, and what the session does now.</summary>
    public static List<WireFrame> Frames(AttachResponse answer, FollowPosition from)
    {
        var session = answer.Session.Id;
        var frames = new List<WireFrame>(answer.Frames.Count + 3);
        if (answer.Resync)
            frames.Add(WireFrame.Of(new ResyncFrame { SessionId = session, Reason = Behind }));
        foreach (var frame in answer.Frames)
            frames.Add(WireFrame.Of(frame));
        if (answer.Streaming is { } text)
        {
            // A place behind the end is of a call that was repeated after a crash: its text begins anew.
            var had = text.MessageId == from.MessageId && from.Offset <= text.Text.Length ? from.Offset : 0;
            if (had < text.Text.Length)
            {
                frames.Add(
                    new WireFrame(
                        new AssistantMessageFrame
                        {
                            SessionId = session,
                            MessageId = text.MessageId,
                            Token = text.Text[had..],
                            Offset = had,
                            Agent = text.Agent,
                            IsFinal = false,
                        }
                    )
                );
            }
        }
        frames.Add(
            WireFrame.Of(
                new AgentStatusFrame
                {
                    SessionId = session,
                    Status = answer.Status ?? "idle",
                    Agent = answer.Session.CurrentAgent,
                }
            )
        );
        return frames;
    }
}
