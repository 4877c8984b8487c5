using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Users;
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

internal sealed class SessionClosedHandler(SessionFanout fanout) : INotificationHandler<SessionClosed>
{
    public Task Handle(SessionClosed notification, CancellationToken cancellationToken)
    {
        fanout.CloseSession(notification.SessionId);
        return Task.CompletedTask;
    }
}

/// <summary>Closes what a user has open when the user's rights end or change (security.md G2); a client that still may comes back.</summary>
internal sealed class UserRightsChangedHandler(SessionFanout fanout) : INotificationHandler<UserRightsChanged>
{
    public Task Handle(UserRightsChanged notification, CancellationToken cancellationToken)
    {
        foreach (var connection in fanout.Connections.Where(c => c.UserId == notification.UserId))
            connection.Close();
        return Task.CompletedTask;
    }
}
