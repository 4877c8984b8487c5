using static OpenIddict.Abstractions.OpenIddictConstants;

namespace CodeLab.Modules.Auth.Clients;

/// <summary>What a registered client may look like, wherever it is registered: it lists what it needs and nothing more (security.md §3.10).</summary>
internal static class ClientRules
{
    private const int MostRedirectUris = 20;

    public static IEnumerable<string> Faults(
        string id,
        bool hasSecret,
        IReadOnlyList<string> grants,
        IReadOnlyList<string> scopes,
        IReadOnlyList<string> redirectUris
    )
    {
        if (id.Length is < 3 or > 255 || !id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
            yield return "ClientId must be 3 to 255 characters of A-Z, a-z, 0-9, _ and -.";
        foreach (var grant in grants.Where(g => !ClientRegistry.AllGrants.Contains(g)))
            yield return $"grant '{grant}' is not available to a registered client; there are {string.Join(", ", ClientRegistry.AllGrants)}.";
        foreach (var scope in scopes.Where(s => !ClientRegistry.AllScopes.Contains(s)))
            yield return $"scope '{scope}' is unknown; there are {string.Join(", ", ClientRegistry.AllScopes)}.";
        if (!hasSecret && (grants.Count == 0 || grants.Contains(GrantTypes.ClientCredentials)))
            yield return "client_credentials needs a secret: give the client one, or name its other grants.";
        if (grants.Contains(GrantTypes.RefreshToken) && !grants.Any(g => g is GrantTypes.AuthorizationCode or ClientRegistry.DeviceGrant))
            yield return "refresh_token goes with authorization_code or the device grant.";
        var usesCode = grants.Contains(GrantTypes.AuthorizationCode);
        if (usesCode && redirectUris.Count == 0)
            yield return "authorization_code needs at least one redirect address.";
        if (!usesCode && redirectUris.Count > 0)
            yield return "redirect addresses go with authorization_code.";
        if (redirectUris.Count > MostRedirectUris)
            yield return $"at most {MostRedirectUris} redirect addresses.";
        foreach (var fault in redirectUris.Select(RedirectUris.Fault).OfType<string>())
            yield return $"redirect address {fault}";
    }
}
