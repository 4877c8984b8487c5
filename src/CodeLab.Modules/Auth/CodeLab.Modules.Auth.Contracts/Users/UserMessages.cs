using MediatR;

namespace CodeLab.Modules.Auth.Users;

/// <summary>Asks for a user; the answer is null when there is none or it is disabled.</summary>
/// <param name="UserId">Id of the user (claim <c>sub</c>).</param>
public sealed record GetUserQuery(string UserId) : IRequest<UserInfo?>;

/// <summary>A user as other modules see it.</summary>
/// <param name="Id">Id (claim <c>sub</c>).</param>
/// <param name="Username">Sign-in name.</param>
/// <param name="Roles">Roles in the store, re-read at most every 5 s (security.md §6.3).</param>
public sealed record UserInfo(string Id, string Username, IReadOnlyList<string> Roles)
{
    /// <summary>Teams the user is in.</summary>
    public IReadOnlyList<TeamInfo> Teams { get; init; } = [];
}

/// <summary>A team a user is in.</summary>
/// <param name="Id">Id.</param>
/// <param name="Name">Name as people see it.</param>
/// <param name="IsLead">True when the user leads it: sees its members' sessions and approvals.</param>
public sealed record TeamInfo(string Id, string Name, bool IsLead);

/// <summary>Asks for the ids of the enabled members of the teams a user leads; the user is not among them. Empty when they lead none.</summary>
/// <param name="UserId">Id of the user (claim <c>sub</c>).</param>
public sealed record GetLedMembersQuery(string UserId) : IRequest<IReadOnlyList<string>>;

/// <summary>
/// A user's rights ended or changed: disabled, password changed, tokens revoked. Live connections of the user are closed within 5 s
/// (security.md G2).
/// </summary>
/// <param name="UserId">Id of the user.</param>
/// <param name="Reason">Why, as an audit event name.</param>
public sealed record UserRightsChanged(string UserId, string Reason) : INotification
{
    /// <summary>
    /// The one sign-in that ended (claim <c>sid</c> of its access tokens); null when all of the user's are meant. Connections of the
    /// user's other sign-ins stay open.
    /// </summary>
    public string? SignInId { get; init; }
}
