using CodeLab.BuildingBlocks.Results;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Sessions;

/// <summary>What a person may do in a session. Each includes those before it.</summary>
public enum SessionRight
{
    /// <summary>Nothing: the session looks as if it did not exist.</summary>
    None,

    /// <summary>See it: history, frames, approvals, metrics.</summary>
    Watch,

    /// <summary>Also decide on waiting calls and stop a turn: what a lead may in a team's sessions.</summary>
    Decide,

    /// <summary>Also write, switch agents, change title and model, and run tools.</summary>
    Drive,

    /// <summary>Also delete, clear and share it.</summary>
    Own,
}

/// <summary>What a caller may do in a session, now. <see cref="SessionRight.None"/> for one that is not there.</summary>
public sealed record GetSessionRightQuery(SessionCaller Caller, string SessionId) : IRequest<SessionRight>;

/// <summary>Whom a session is shared with. Whoever may watch it may ask.</summary>
public sealed record ListSharesQuery(SessionCaller Caller, string SessionId) : IRequest<Result<SessionShareList>>;

/// <summary>
/// Shares a session, or changes the role of a share. <c>USER_NOT_FOUND</c>, <c>TEAM_NOT_FOUND</c> (404), <c>INVALID_ROLE</c> (400);
/// <c>PERMISSION_DENIED</c> (403) for those who may watch but not share.
/// </summary>
/// <param name="Caller">Who.</param>
/// <param name="SessionId">The session.</param>
/// <param name="Kind"><c>user</c> or <c>team</c>.</param>
/// <param name="GranteeId">Id of the user or team.</param>
/// <param name="Role"><c>viewer</c>, <c>driver</c> or <c>owner</c>.</param>
public sealed record ShareSessionCommand(SessionCaller Caller, string SessionId, string Kind, string GranteeId, string Role)
    : IRequest<Result<SessionShare>>;

/// <summary>Ends a share; people may also leave by ending their own. <c>SHARE_NOT_FOUND</c> (404).</summary>
public sealed record UnshareSessionCommand(SessionCaller Caller, string SessionId, string Kind, string GranteeId) : IRequest<Result<Unit>>;

/// <summary>Who may see a session changed: doors look again at everybody who is attached to it (security.md G2).</summary>
public sealed record SessionSharesChanged(string SessionId) : INotification;
