using System.Text;
using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Users;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace CodeLab.Modules.Agent.Sessions.Sharing;

internal sealed class ListSharesHandler(SessionAccess access, SessionShares shares, ISender sender)
    : IRequestHandler<ListSharesQuery, Result<SessionShareList>>
{
    public async Task<Result<SessionShareList>> Handle(ListSharesQuery query, CancellationToken cancellationToken)
    {
        var found = await access.FindAsync(query.Caller, query.SessionId, SessionRight.Watch, cancellationToken);
        if (!found.IsOk)
            return found.Error;
        var list = await shares.ReadAsync(query.SessionId, cancellationToken);
        var caller = await sender.Send(new GetUserQuery(query.Caller.UserId), cancellationToken);
        var named = new List<SessionShare>(list.Count);
        foreach (var share in list)
            named.Add(share with { Name = await NameOfAsync(share, caller, cancellationToken) });
        return new SessionShareList
        {
            SessionId = query.SessionId,
            OwnerId = found.Value.Owner,
            Shares = named,
            Count = named.Count,
        };
    }

    private async Task<string?> NameOfAsync(SessionShare share, UserInfo? caller, CancellationToken cancellationToken) =>
        share.Kind == "user"
            ? (await sender.Send(new GetUserQuery(share.Id), cancellationToken))?.Username
            : caller?.Teams.FirstOrDefault(t => t.Id == share.Id)?.Name;
}

internal sealed class ShareSessionHandler(
    SessionAccess access,
    SessionShares shares,
    ISender sender,
    SharesNotice notice,
    TimeProvider time
) : IRequestHandler<ShareSessionCommand, Result<SessionShare>>
{
    public async Task<Result<SessionShare>> Handle(ShareSessionCommand command, CancellationToken cancellationToken)
    {
        var found = await access.FindAsync(command.Caller, command.SessionId, SessionRight.Own, cancellationToken);
        if (!found.IsOk)
            return found.Error;
        if (SessionShares.RightOf(command.Role) is null)
            return SessionErrors.InvalidRole(command.Role);
        string? name;
        if (command.Kind == "user")
        {
            // Nothing to share with the owner, and a user who is disabled can not come in.
            if (await sender.Send(new GetUserQuery(command.GranteeId), cancellationToken) is not { } user || user.Id == found.Value.Owner)
                return SessionErrors.UnknownGrantee(command.Kind);
            name = user.Username;
        }
        else
        {
            // One shares with teams one is in; administrators with any.
            var caller = await sender.Send(new GetUserQuery(command.Caller.UserId), cancellationToken);
            name = caller?.Teams.FirstOrDefault(t => t.Id == command.GranteeId)?.Name;
            if (name is null && !command.Caller.IsAdmin)
                return SessionErrors.UnknownGrantee(command.Kind);
        }
        var share = new SessionShare
        {
            Kind = command.Kind,
            Id = command.GranteeId,
            Name = name,
            Role = command.Role,
            AddedBy = command.Caller.UserId,
            AddedAt = time.GetUtcNow(),
        };
        await shares.PutAsync(command.SessionId, share, cancellationToken);
        // Committed: whoever may see less now must hear of it, even if the caller has left.
        await notice.TellAsync(command.SessionId);
        return share;
    }
}

internal sealed class UnshareSessionHandler(SessionAccess access, SessionShares shares, SharesNotice notice)
    : IRequestHandler<UnshareSessionCommand, Result<Unit>>
{
    public async Task<Result<Unit>> Handle(UnshareSessionCommand command, CancellationToken cancellationToken)
    {
        var leaves = command.Kind == "user" && command.GranteeId == command.Caller.UserId;
        var needs = leaves ? SessionRight.Watch : SessionRight.Own;
        var found = await access.FindAsync(command.Caller, command.SessionId, needs, cancellationToken);
        if (!found.IsOk)
            return found.Error;
        if (!await shares.RemoveAsync(command.SessionId, command.Kind, command.GranteeId, command.Caller.UserId, cancellationToken))
            return SessionErrors.NotShared();
        await notice.TellAsync(command.SessionId);
        return Unit.Value;
    }
}

/// <summary>Tells the doors of every host that a session's shares changed.</summary>
internal sealed class SharesNotice(IClusterBus bus, IServiceScopeFactory scopes) : IHostedService
{
    private const string Channel = "agent:shares";
    private IDisposable? _listening;

    /// <summary>Tells it; complete when the doors of this host have acted.</summary>
    public ValueTask TellAsync(string sessionId) => bus.PublishAsync(Channel, Encoding.UTF8.GetBytes(sessionId), CancellationToken.None);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _listening = bus.Subscribe(Channel, message => PublishAsync(Encoding.UTF8.GetString(message.Span)));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _listening?.Dispose();
        return Task.CompletedTask;
    }

    private async ValueTask PublishAsync(string sessionId)
    {
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<IPublisher>().Publish(new SessionSharesChanged(sessionId), CancellationToken.None);
    }
}
