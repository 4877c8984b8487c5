using System.Security.Claims;

namespace CodeLab.BuildingBlocks.Http;

/// <summary>Reads the signed-in user from a request.</summary>
public static class UserClaims
{
    /// <summary>Id of the user (claim <c>sub</c>).</summary>
    /// <exception cref="InvalidOperationException">The route let an anonymous request in.</exception>
    public static string GetUserId(this ClaimsPrincipal user)
    {
        ArgumentNullException.ThrowIfNull(user);
        return user.FindFirstValue("sub")
            ?? user.FindFirstValue(ClaimTypes.NameIdentifier)
            ?? throw new InvalidOperationException("The request has no user: the route lacks an authorization policy");
    }

    /// <summary>Roles of the user (claim <c>role</c>).</summary>
    public static IReadOnlyList<string> GetRoles(this ClaimsPrincipal user)
    {
        ArgumentNullException.ThrowIfNull(user);
        return [.. user.FindAll("role").Select(c => c.Value)];
    }
}
