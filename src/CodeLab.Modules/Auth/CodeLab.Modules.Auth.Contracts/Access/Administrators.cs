using System.Security.Claims;

namespace CodeLab.Modules.Auth.Access;

/// <summary>Says of a signed-in caller whether they may act as an administrator.</summary>
public static class Administrators
{
    /// <summary>
    /// True for an administrator whose sign-in may use it: role and scope, as the store and the token say now. A token of the password grant
    /// never is (security.md §4); a registered service is by its scope alone.
    /// </summary>
    public static bool IsAdministrator(this ClaimsPrincipal user)
    {
        ArgumentNullException.ThrowIfNull(user);
        return user.FindFirst("scope")?.Value.Split(' ').Contains(Policies.Admin, StringComparer.Ordinal) == true
            && (user.IsInRole(Roles.Admin) || (user.FindFirst("sid") is null && user.FindFirst("key_id") is null));
    }
}
