using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Modules.Auth.Access;

/// <summary>What the policies of <see cref="Policies"/> demand. A route that names none still needs a signed-in caller.</summary>
internal static class AccessPolicies
{
    public static void AddAccessPolicies(this IServiceCollection services)
    {
        services
            .AddAuthorizationBuilder()
            .SetDefaultPolicy(Signed(_ => true))
            .SetFallbackPolicy(Signed(_ => true))
            .AddPolicy(Policies.Read, Signed(user => HasScope(user, "api:read")))
            .AddPolicy(Policies.Write, Signed(user => HasScope(user, "api:write") && (IsService(user) || user.GetRoles().Any(MayWrite))))
            .AddPolicy(Policies.Admin, Signed(user => HasScope(user, "api:admin") && (IsService(user) || user.IsInRole(Roles.Admin))))
            .AddPolicy(Policies.Invoke, Signed(user => HasScope(user, "llm:invoke") && (IsService(user) || user.GetRoles().Any(MayWrite))))
            .AddPolicy(Policies.SignedIn, Signed(_ => true))
            .AddPolicy(Policies.Account, Signed(user => HasScope(user, "api:write") && user.FindFirst("sid") is not null));
    }

    /// <summary>True for a registered service, which has no user: its scopes are what the operator gave it.</summary>
    public static bool IsService(ClaimsPrincipal user) => user.FindFirst("sid") is null && user.FindFirst("key_id") is null;

    private static bool HasScope(ClaimsPrincipal user, string scope) =>
        user.FindFirstValue("scope")?.Split(' ').Contains(scope, StringComparer.Ordinal) == true;

    private static bool MayWrite(string role) => role is Roles.Admin or Roles.Lead or Roles.Developer;

    private static AuthorizationPolicy Signed(Func<ClaimsPrincipal, bool> rule) =>
        new AuthorizationPolicyBuilder(BearerHandler.Scheme)
            .RequireAuthenticatedUser()
            .RequireAssertion(context => rule(context.User))
            .Build();
}
