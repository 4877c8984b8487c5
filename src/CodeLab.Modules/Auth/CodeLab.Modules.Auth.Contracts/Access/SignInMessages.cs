using MediatR;

namespace CodeLab.Modules.Auth.Access;

/// <summary>
/// Asks the store, past every cache, which of these sign-ins live: not revoked, not expired, their user enabled and with the password they
/// signed in with. The answer has the living ones with the roles of their user now, as <see cref="SignInRoles"/> writes them.
/// </summary>
/// <param name="SignInIds">Claims <c>sid</c>; at most 1,000.</param>
public sealed record GetSignInsQuery(IReadOnlyCollection<string> SignInIds) : IRequest<IReadOnlyDictionary<string, string>>;

/// <summary>Roles as one text that can be compared.</summary>
public static class SignInRoles
{
    /// <summary>The roles, sorted and separated by spaces.</summary>
    public static string Write(IEnumerable<string> roles)
    {
        ArgumentNullException.ThrowIfNull(roles);
        return string.Join(' ', roles.Order(StringComparer.Ordinal));
    }
}
