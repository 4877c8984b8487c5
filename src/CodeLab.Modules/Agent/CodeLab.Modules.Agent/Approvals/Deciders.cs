using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Users;
using MediatR;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>In which roles somebody decides. Whether they may decide in a session at all is said by its access rules.</summary>
internal static class Deciders
{
    /// <summary>Roles that count for second-person rules, as the user store knows them now: leading a team is being a lead.</summary>
    public static async Task<IReadOnlyList<string>> RolesAsync(
        ISender sender,
        Sessions.SessionCaller caller,
        CancellationToken cancellationToken
    )
    {
        if (await sender.Send(new GetUserQuery(caller.UserId), cancellationToken) is not { } user)
            return caller.IsAdmin ? [Roles.Admin] : [];
        return user.Teams.Any(t => t.IsLead) && !user.Roles.Contains(Roles.Lead) ? [.. user.Roles, Roles.Lead] : user.Roles;
    }
}
