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
}
