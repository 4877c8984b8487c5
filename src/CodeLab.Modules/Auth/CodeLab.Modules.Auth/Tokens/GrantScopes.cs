using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Clients;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>Arithmetic of scopes.</summary>
internal static class GrantScopes
{
    public static readonly OAuthError Refused = new("invalid_scope", "The client may not use one of these scopes");

    /// <summary>Scopes a text names; null when it names none. False when the client may not have one of them.</summary>
    public static bool TryRead(string? text, Client client, string grant, out IReadOnlyList<string>? asked)
    {
        // Our own clients always get a refresh token, so asking for one changes nothing.
        var named = (text ?? "")
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Where(s => s != Scopes.OfflineAccess || !(client.IsFirstParty || client.MayHave(s, grant)))
            .Distinct()
            .ToArray();
        asked = named.Length == 0 ? null : named;
        return named.All(s => client.MayHave(s, grant));
    }

    /// <summary>True when a client that was asked these scopes is to stay signed in.</summary>
    public static bool StaysSignedIn(string? text, Client client) =>
        client.Grants.Contains(GrantTypes.RefreshToken) && (client.IsFirstParty || (text ?? "").Split(' ').Contains(Scopes.OfflineAccess));

    /// <summary>What a user can give: administration only when they administer (security.md §3.4).</summary>
    public static string Grant(IEnumerable<string> scopes, IReadOnlyList<string> roles) =>
        Join(scopes.Where(s => s != Policies.Admin || roles.Contains(Roles.Admin)));

    public static string Join(IEnumerable<string> scopes) => string.Join(' ', scopes.Distinct().Order(StringComparer.Ordinal));

    /// <summary>
    /// Scopes of a refreshed token: what was granted, less what the client or the user lost, and what it asks for of that; never more.
    /// </summary>
    public static string Narrow(string granted, IReadOnlyList<string>? asked, Client client, IReadOnlyList<string> roles) =>
        Grant(granted.Split(' ').Where(s => client.Scopes.Contains(s) && asked?.Contains(s) != false), roles);
}
