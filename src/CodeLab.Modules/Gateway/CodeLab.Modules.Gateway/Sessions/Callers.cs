using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Access;

namespace CodeLab.Modules.Gateway.Sessions;

/// <summary>Makes the caller of every door out of who signed in.</summary>
internal static class Callers
{
    /// <summary>The caller behind a request or connection.</summary>
    public static SessionCaller ToCaller(this ClaimsPrincipal user, string door, string? connectionId = null) =>
        new(user.GetUserId(), door, connectionId) { IsAdmin = user.IsAdministrator() };

    /// <summary>
    /// True for an administrator whose sign-in may use it: role and scope, as the store and the token say now. A token of the password grant
    /// never is (security.md §4); a registered service is by its scope alone.
    /// </summary>
    public static bool IsAdministrator(this ClaimsPrincipal user) =>
        user.FindFirstValue("scope")?.Split(' ').Contains(Policies.Admin, StringComparer.Ordinal) == true
        && (user.IsInRole(Roles.Admin) || (user.FindFirst("sid") is null && user.FindFirst("key_id") is null));
}
