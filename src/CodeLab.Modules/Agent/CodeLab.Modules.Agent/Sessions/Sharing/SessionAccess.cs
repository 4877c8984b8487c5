using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Auth.Users;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Modules.Agent.Sessions.Sharing;

/// <summary>
/// The one place that says what a person may do in a session: every reading and every input comes through here. Nothing is remembered
/// between two questions, so that an ended share counts with the next one.
/// </summary>
internal sealed class SessionAccess(ISessionStore store, SessionShares shares, IServiceScopeFactory scopes)
{
    /// <summary>A session the caller may use so; any other, a deleted and an unknown one are the same.</summary>
    public async Task<Result<SessionRow>> FindAsync(
        SessionCaller caller,
        string sessionId,
        SessionRight needs,
        CancellationToken cancellationToken
    )
    {
        if (!SessionMapping.IsValidId(sessionId))
            return SessionErrors.NotFound(sessionId);
        var row = await store.FindAsync(sessionId, cancellationToken);
        if (row is null || row.DeletedAt is not null)
            return SessionErrors.NotFound(sessionId);
        var right = await RightAsync(caller, sessionId, row.Owner, cancellationToken);
        return Refuse(right, needs, sessionId) is { } error ? error : row;
    }

    /// <summary>What a caller may do in a session of an owner.</summary>
    public async ValueTask<SessionRight> RightAsync(
        SessionCaller caller,
        string sessionId,
        string owner,
        CancellationToken cancellationToken
    )
    {
        if (owner == caller.UserId || caller.IsAdmin)
            return SessionRight.Own;
        await using var scope = scopes.CreateAsyncScope();
        var sender = scope.ServiceProvider.GetRequiredService<ISender>();
        // A disabled user has no rights, whatever is shared; a service is nobody one can share with.
        if (await sender.Send(new GetUserQuery(caller.UserId), cancellationToken) is not { } person)
            return SessionRight.None;
        var right = await shares.RightAsync(sessionId, caller.UserId, [.. person.Teams.Select(t => t.Id)], cancellationToken);
        if (right >= SessionRight.Decide || !person.Teams.Any(t => t.IsLead))
            return right;
        var led = person.Teams.Where(t => t.IsLead).Select(t => t.Id).ToHashSet(StringComparer.Ordinal);
        var member = await sender.Send(new GetUserQuery(owner), cancellationToken);
        return member?.Teams.Any(t => led.Contains(t.Id)) == true ? SessionRight.Decide : right;
    }

    /// <summary>Why a caller with a right may not do what needs another; null when they may.</summary>
    public static Error? Refuse(SessionRight right, SessionRight needs, string sessionId) =>
        right >= needs ? null
        : right == SessionRight.None ? SessionErrors.NotFound(sessionId)
        : SessionErrors.NotPermitted(right);

    /// <summary>The name of a right for people.</summary>
    public static string RoleOf(SessionRight right) =>
        right switch
        {
            SessionRight.Own => "owner",
            SessionRight.Drive => "driver",
            SessionRight.Decide => "lead",
            _ => "viewer",
        };
}

internal sealed class GetSessionRightHandler(ISessionStore store, SessionAccess access)
    : IRequestHandler<GetSessionRightQuery, SessionRight>
{
    public async Task<SessionRight> Handle(GetSessionRightQuery query, CancellationToken cancellationToken)
    {
        if (!SessionMapping.IsValidId(query.SessionId))
            return SessionRight.None;
        return await store.FindAsync(query.SessionId, cancellationToken) is { DeletedAt: null } row
            ? await access.RightAsync(query.Caller, query.SessionId, row.Owner, cancellationToken)
            : SessionRight.None;
    }
}
