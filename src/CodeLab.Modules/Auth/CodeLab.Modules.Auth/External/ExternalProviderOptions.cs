using System.Text.RegularExpressions;
using CodeLab.Modules.Auth.Access;

namespace CodeLab.Modules.Auth.External;

/// <summary>An OpenID Connect provider people may sign in with, e.g. <c>CodeLab__Auth__External__0__Issuer</c>.</summary>
internal sealed partial class ExternalProviderOptions
{
    /// <summary>Short name in addresses: 1 to 32 characters of <c>a-z 0-9 -</c>. The redirect address to register is <c>/external/NAME/callback</c>.</summary>
    public string Name { get; set; } = "";

    /// <summary>Name on the button; default is <see cref="Name"/>.</summary>
    public string DisplayName { get; set; } = "";

    /// <summary>Issuer, exactly as the provider writes it into its tokens. HTTPS, or HTTP on loopback.</summary>
    public string Issuer { get; set; } = "";

    /// <summary>Client id that the provider gave this installation.</summary>
    public string ClientId { get; set; } = "";

    /// <summary>Client secret; empty for a public client.</summary>
    public string ClientSecret { get; set; } = "";

    /// <summary>Scopes to ask for; default <c>openid profile email</c>.</summary>
    public List<string> Scopes { get; set; } = [];

    /// <summary>Claim that names the person's groups; default <c>groups</c>.</summary>
    public string GroupsClaim { get; set; } = "groups";

    /// <summary>
    /// Roles of groups, e.g. <c>…__GroupRoles__engineering=developer</c>. When there are any, the provider decides roles: they are set anew at
    /// every sign-in. Empty: roles are given here, by administrators.
    /// </summary>
    public Dictionary<string, string> GroupRoles { get; set; } = new(StringComparer.Ordinal);

    /// <summary>Role of people without a group in <see cref="GroupRoles"/>; default <c>developer</c>. Empty refuses them.</summary>
    public string DefaultRole { get; set; } = Roles.Developer;

    /// <summary>Domains of e-mail addresses that may sign in; empty for all.</summary>
    public List<string> EmailDomains { get; set; } = [];

    /// <summary>Whether somebody unknown gets an account at the first sign-in. Default false: an administrator invites, the person links.</summary>
    public bool CreateUsers { get; set; }

    /// <summary>
    /// Believes e-mail addresses the provider does not call verified. Default false; for providers of one's own company that have no such claim.
    /// </summary>
    public bool TrustEmail { get; set; }

    internal string Scheme => "external-" + Name;

    internal string CallbackPath => $"/external/{Name}/callback";

    internal string Shown => DisplayName.Length > 0 ? DisplayName : Name;

    internal IEnumerable<string> Faults()
    {
        if (!NamePattern().IsMatch(Name))
            yield return "Name must be 1 to 32 characters of a-z, 0-9 and -.";
        if (
            !Uri.TryCreate(Issuer, UriKind.Absolute, out var issuer)
            || !(issuer.Scheme == "https" || (issuer.Scheme == "http" && issuer.IsLoopback))
        )
            yield return "Issuer must be an https address (http only on loopback).";
        if (ClientId.Length == 0)
            yield return "ClientId is missing.";
        string[] roles = [Roles.Admin, Roles.Lead, Roles.Developer, Roles.Viewer];
        foreach (var role in GroupRoles.Values.Append(DefaultRole).Where(r => r.Length > 0 && !roles.Contains(r)).Distinct())
            yield return $"role '{role}' is unknown; there are {string.Join(", ", roles)}.";
    }

    [GeneratedRegex("^[a-z0-9-]{1,32}$", RegexOptions.None, 1000)]
    private static partial Regex NamePattern();
}
