using System.Reflection;
using CodeLab.BuildingBlocks.Startup;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.SignalR;

namespace CodeLab.Modules.Auth.Access;

/// <summary>
/// Refuses to start with a route or hub method that says neither which policy it has nor that it is open to all (security.md §6.1). The
/// fallback policy would let everybody in who is signed in: whoever forgot to think about it finds out here.
/// </summary>
internal sealed class DeclaredPolicies(EndpointDataSource endpoints) : IStartupTask
{
    public int Order => 10;

    public Task RunAsync(CancellationToken cancellationToken)
    {
        var undeclared = Undeclared(endpoints.Endpoints).ToArray();
        return undeclared.Length == 0
            ? Task.CompletedTask
            : throw new InvalidOperationException(
                "These declare no authorization policy: "
                    + string.Join(", ", undeclared)
                    + ". Name one of the policies of Auth.Contracts (RequireAuthorization(Policies.…), [Authorize(Policy = Policies.…)]), or "
                    + "AllowAnonymous()."
            );
    }

    /// <summary>Names of routes and hub methods without a declared policy.</summary>
    public static IEnumerable<string> Undeclared(IEnumerable<Endpoint> endpoints)
    {
        var hubs = new HashSet<Type>();
        foreach (var endpoint in endpoints)
        {
            if (!IsDeclared(endpoint.Metadata))
                yield return endpoint.DisplayName ?? endpoint.ToString()!;
            if (endpoint.Metadata.GetMetadata<HubMetadata>()?.HubType is not { } hub || !hubs.Add(hub))
                continue;
            const BindingFlags ownMethods = BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly;
            foreach (var method in hub.GetMethods(ownMethods).Where(m => !m.IsSpecialName && !IsOverride(m) && !IsDeclared(m)))
                yield return $"{hub.Name}.{method.Name}";
        }
    }

    private static bool IsDeclared(EndpointMetadataCollection metadata) =>
        metadata.GetMetadata<IAllowAnonymous>() is not null
        || metadata.GetOrderedMetadata<IAuthorizeData>().Any(a => a.Policy is not null)
        || metadata.GetMetadata<AuthorizationPolicy>() is not null;

    private static bool IsDeclared(MethodInfo method) =>
        method.GetCustomAttributes<AuthorizeAttribute>().Any(a => a.Policy is not null)
        || method.GetCustomAttribute<AllowAnonymousAttribute>() is not null;

    // OnConnectedAsync and the like are called by the framework, not by clients.
    private static bool IsOverride(MethodInfo method) =>
        method.GetBaseDefinition().DeclaringType != method.DeclaringType || method.Name is "Dispose" or "DisposeAsync";
}
