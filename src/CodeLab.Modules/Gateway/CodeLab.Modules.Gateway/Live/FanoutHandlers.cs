using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Users;
using CodeLab.Modules.Gateway.Relay;
using CodeLab.Modules.Gateway.Sockets;
using CodeLab.Protocol.Frames;
using MediatR;

namespace CodeLab.Modules.Gateway.Live;

internal sealed class CountConnectionsHandler(SessionFanout fanout) : IRequestHandler<CountConnectionsQuery, int>
{
    public Task<int> Handle(CountConnectionsQuery request, CancellationToken cancellationToken) => Task.FromResult(fanout.Count);
}

internal sealed class SessionFramePublishedHandler(SessionFanout fanout) : INotificationHandler<SessionFramePublished>
{
    public Task Handle(SessionFramePublished notification, CancellationToken cancellationToken)
    {
        fanout.Publish(notification.Frame);
        return Task.CompletedTask;
    }
}

/// <summary>Lets go of a session that was deleted, or that another node took over: a socket is closed, a hub connection is told to attach again.</summary>
internal sealed class SessionClosedHandler(SessionFanout fanout) : INotificationHandler<SessionClosed>
{
    private static readonly Error _deleted = new("SESSION_EXPIRED", "The session was deleted.", 401);
    private static readonly Error _moved = new("SESSION_ELSEWHERE", "Another node serves this session now. Connect again.", 503)
    {
        RetryAfterSeconds = 1,
    };

    public async Task Handle(SessionClosed notification, CancellationToken cancellationToken)
    {
        var deleted = notification.Reason == "deleted";
        foreach (var connection in fanout.CloseSession(notification.SessionId))
        {
            if (connection is NodeConnection node)
                await node.LoseAsync(notification.SessionId, notification.Reason);
            else if (connection is SocketConnection socket)
                socket.Fail(deleted ? _deleted : _moved, deleted ? CloseReason.Deleted : CloseReason.Moved);
            else
                connection.Send(WireFrame.Of(Goodbye(notification.SessionId, deleted)));
        }
    }

    private static SessionFrame Goodbye(string sessionId, bool deleted) =>
        deleted
            ? new ErrorFrame
            {
                SessionId = sessionId,
                ErrorCode = _deleted.Code,
                Content = _deleted.Message,
                IsFinal = true,
            }
            : new ResyncFrame { SessionId = sessionId, Reason = _moved.Message };
}

/// <summary>Takes a session from those who may not see it any more; what they may do is asked anew with every input.</summary>
internal sealed class SessionSharesChangedHandler(SessionFanout fanout, ISender sender) : INotificationHandler<SessionSharesChanged>
{
    private static readonly Error _unshared = new("SESSION_NOT_FOUND", "The session is not shared with you any more.", 404);

    public async Task Handle(SessionSharesChanged notification, CancellationToken cancellationToken)
    {
        var session = notification.SessionId;
        foreach (var connection in fanout.AudienceOf(session))
        {
            // Another node looks at its own clients.
            if (connection is NodeConnection)
                continue;
            var caller = new SessionCaller(connection.UserId, "hub", connection.Id) { IsAdmin = connection.User.IsAdmin };
            if (await sender.Send(new GetSessionRightQuery(caller, session), cancellationToken) >= SessionRight.Watch)
                continue;
            fanout.Leave(connection, session);
            await sender.Send(new DetachSessionCommand(caller, session), cancellationToken);
            if (connection is SocketConnection socket)
                socket.Fail(_unshared, CloseReason.UnknownSession, now: true);
            else
                connection.Send(
                    WireFrame.Of(
                        new ErrorFrame
                        {
                            SessionId = session,
                            ErrorCode = _unshared.Code,
                            Content = _unshared.Message,
                            IsFinal = true,
                        }
                    )
                );
        }
    }
}

/// <summary>
/// Closes what a user has open when the user's rights end or change (security.md G2), or what one sign-in has open when that one ends; a client
/// that still may comes back. What waits for it is not sent any more.
/// </summary>
internal sealed class UserRightsChangedHandler(SessionFanout fanout) : INotificationHandler<UserRightsChanged>
{
    public Task Handle(UserRightsChanged notification, CancellationToken cancellationToken)
    {
        foreach (var connection in fanout.Connections)
        {
            if (connection.UserId != notification.UserId)
                continue;
            if (notification.SignInId is { } signIn && connection.SignInId != signIn)
                continue;
            RightsEnd.Close(connection);
        }
        return Task.CompletedTask;
    }
}

/// <summary>How a connection ends whose rights did.</summary>
internal static class RightsEnd
{
    private static readonly Error _signedOut = new("TOKEN_INVALID", "The sign-in ended or its rights changed. Sign in again.", 401);

    /// <summary>Closes it at once: what waits for it is not sent any more.</summary>
    public static void Close(LiveConnection connection)
    {
        if (connection is SocketConnection socket)
            socket.Fail(_signedOut, CloseReason.SignedOut, now: true);
        else
            connection.Close(CloseReason.SignedOut, now: true);
    }
}
