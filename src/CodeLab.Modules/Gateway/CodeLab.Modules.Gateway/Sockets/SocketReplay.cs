using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CodeLab.Protocol.Socket;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>What a socket is sent before anything live.</summary>
internal static class SocketReplay
{
    /// <summary>
    /// For the published protocol: what still means something. A call that has ended, or was decided, is not sent: old clients would run it. One
    /// that runs is sent only to the client it was given to (security.md §11.4).
    /// </summary>
    public static List<WireFrame> Published(AttachResponse answer)
    {
        var over = new HashSet<string>(StringComparer.Ordinal);
        foreach (var frame in answer.Frames)
        {
            if (frame is ToolResultFrame { CallId: var ended })
                over.Add(ended);
            else if (frame is ApprovalResolvedFrame { CallId: var decided })
                over.Add(decided);
        }
        var frames = new List<WireFrame>(answer.Frames.Count + 2);
        foreach (var frame in answer.Frames)
        {
            if (frame is not ToolCallFrame call || (call.RequiresApproval && !over.Contains(call.CallId)))
                frames.Add(WireFrame.Of(frame));
        }
        AddOpen(answer, frames);
        return frames;
    }

    /// <summary>For <c>codelab.v2</c>: the answer, then every frame that was missed.</summary>
    public static List<WireFrame> Own(AttachResponse answer, string? id, string sessionId)
    {
        var frames = new List<WireFrame>(answer.Frames.Count + 3)
        {
            WireFrame.Raw(
                PublishedFrames.Write(
                    new AttachedMessage
                    {
                        Id = id,
                        SessionId = sessionId,
                        Session = answer.Session,
                        LastSeq = answer.LastSeq,
                        Missed = answer.Frames.Count,
                        Executor = answer.Executor,
                        Resync = answer.Resync,
                        Status = answer.Status,
                    }
                )
            ),
        };
        frames.AddRange(answer.Frames.Select(WireFrame.Of));
        AddOpen(answer, frames);
        return frames;
    }

    /// <summary>For a client that comes back without a position: the approvals that wait, which its last connection may not have shown.</summary>
    public static async Task AddPendingAsync(
        SocketServices services,
        SessionCaller caller,
        string clientId,
        SocketWishes wishes,
        AttachResponse answer,
        List<WireFrame> frames
    )
    {
        // Whether it is the executor decides what it is shown; the frame that tells everybody comes behind these.
        if (answer.Executor)
            frames.Insert(0, new WireFrame(Presence(answer, caller, clientId)));
        if (!wishes.Resumes || wishes.LastSeq is not null)
            return;
        var pending = await services.SendAsync(new GetPendingApprovalsQuery(caller, answer.Session.Id));
        foreach (var approval in pending.Value?.PendingApprovals ?? [])
        {
            frames.Add(
                WireFrame.Of(
                    new ToolCallFrame
                    {
                        SessionId = answer.Session.Id,
                        CallId = approval.CallId,
                        ToolName = approval.ToolName,
                        Arguments = approval.Arguments,
                        RequiresApproval = true,
                        Reason = approval.Reason,
                        Redelivered = true,
                    }
                )
            );
        }
    }

    private static PresenceFrame Presence(AttachResponse answer, SessionCaller caller, string clientId) =>
        new()
        {
            SessionId = answer.Session.Id,
            Clients =
            [
                new()
                {
                    ClientId = clientId,
                    UserId = caller.UserId,
                    Door = caller.Door,
                    RunsTools = true,
                    Executor = true,
                },
            ],
        };

    private static void AddOpen(AttachResponse answer, List<WireFrame> frames)
    {
        foreach (var call in answer.OpenCalls ?? [])
            frames.Add(WireFrame.Of(call));
        if (answer.Streaming is { } text)
            frames.Add(
                new WireFrame(
                    new AssistantMessageFrame
                    {
                        SessionId = answer.Session.Id,
                        MessageId = text.MessageId,
                        Token = text.Text,
                        Offset = 0,
                        Agent = text.Agent,
                    }
                )
            );
    }
}
