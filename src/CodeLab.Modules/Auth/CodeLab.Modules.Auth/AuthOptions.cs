using System.ComponentModel.DataAnnotations;

namespace CodeLab.Modules.Auth;

/// <summary>Settings of the Auth module (design.md §12, §14).</summary>
internal sealed class AuthOptions : IValidatableObject
{
    public const string Section = "CodeLab:Auth";

    /// <summary>Issuer written into tokens (claim <c>iss</c>), whatever address the host listens on. No trailing slash.</summary>
    [Required]
    public string Issuer { get; set; } = "https://auth.codelab.local";

    /// <summary>Audience of access tokens (claim <c>aud</c>).</summary>
    [Required]
    public string Audience { get; set; } = "codelab-api";

    /// <summary>Whether the password grant, which existing IDEs use, is answered. Default true; RFC 9700 §2.4 advises against it.</summary>
    public bool PasswordGrant { get; set; } = true;

    /// <summary>Seconds an access token lives; 900 by default. The released IDE needs more than 300 (protocol.md §2.2).</summary>
    [Range(5, 3600)]
    public int AccessTokenSeconds { get; set; } = 900;

    /// <summary>Days a refresh token lives when it is not used; 30 by default.</summary>
    [Range(1, 90)]
    public int RefreshTokenDays { get; set; } = 30;

    /// <summary>Days after which a sign-in ends however often it is refreshed; 90 by default.</summary>
    [Range(1, 365)]
    public int SignInDays { get; set; } = 90;

    /// <summary>Seconds in which a spent refresh token still yields the same successor (security.md G1); 30 by default, 0 for none.</summary>
    [Range(0, 300)]
    public int RefreshReplaySeconds { get; set; } = 30;

    /// <summary>
    /// Bits of new RSA signing keys; 2048 by default, changed every 90 days. 3072 signs six times slower, which is felt where thousands of
    /// tokens a second are made (ADR 0007).
    /// </summary>
    [AllowedValues(2048, 3072, 4096)]
    public int SigningKeyBits { get; set; } = 2048;

    /// <summary>Days after which a new signing key takes over; 90 by default.</summary>
    [Range(1, 365)]
    public int SigningKeyDays { get; set; } = 90;

    /// <summary>
    /// Minutes a new signing key is published before it signs; 120 by default, which is twice as long as clients keep the key set
    /// (security.md §3.7). Less makes clients refuse good tokens for a while.
    /// </summary>
    [Range(0, 1440)]
    public int SigningKeyPublishMinutes { get; set; } = 120;

    /// <summary>Minutes between two rounds that delete expired rows; 10 by default.</summary>
    [Range(1, 1440)]
    public int PruneMinutes { get; set; } = 10;

    /// <summary>PBKDF2-HMAC-SHA512 iterations of new password hashes; older hashes are renewed at the next sign-in.</summary>
    [Range(210_000, 10_000_000)]
    public int PasswordIterations { get; set; } = 210_000;

    /// <summary>
    /// Admits plain HTTP from other machines on the token, revocation and set-up routes. Default false: HTTPS, loopback, or a proxy listed in
    /// <c>CodeLab:TrustedProxies</c>. True only where the network itself is private, such as that of a container composition.
    /// </summary>
    public bool AllowPlainHttp { get; set; }

    /// <summary>Days the audit is kept; 365 by default (security.md §13).</summary>
    [Range(1, 36_500)]
    public int AuditDays { get; set; } = 365;

    /// <summary>Hours the old secret of an access key works on after a rotation that names no overlap; 24 by default, 0 for none.</summary>
    [Range(0, 720)]
    public int AccessKeyOverlapHours { get; set; } = 24;

    /// <summary>Hours an invitation link is good; 168 by default.</summary>
    [Range(1, 720)]
    public int InvitationHours { get; set; } = 168;

    /// <summary>Hours a link to reset a password is good; 24 by default.</summary>
    [Range(1, 168)]
    public int ResetLinkHours { get; set; } = 24;

    /// <summary>Lock-out after failed sign-ins.</summary>
    public LockoutOptions Lockout { get; set; } = new();

    /// <summary>Clients beside the built-in ones; more are registered by <c>/api/v1/admin/clients</c>.</summary>
    public List<ClientOptions> Clients { get; set; } = [];

    /// <summary>OpenID Connect providers people may sign in with.</summary>
    public List<External.ExternalProviderOptions> External { get; set; } = [];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Uri.TryCreate(Issuer, UriKind.Absolute, out var issuer) || Issuer.EndsWith('/') || issuer.Query.Length > 0)
            yield return new("CodeLab:Auth:Issuer must be an absolute address without a trailing slash.", [nameof(Issuer)]);
        if (Lockout.Threshold is < 1 or > 100)
            yield return new("CodeLab:Auth:Lockout:Threshold must be 1 to 100 failures.", [nameof(Lockout)]);
        if (Lockout.Minutes is <= 0 or > 1440)
            yield return new("CodeLab:Auth:Lockout:Minutes must be more than 0 and at most 1440.", [nameof(Lockout)]);
        for (var i = 0; i < External.Count; i++)
        {
            foreach (var fault in External[i].Faults())
                yield return new($"CodeLab:Auth:External:{i}: {fault}", [nameof(External)]);
        }
        foreach (var twice in External.GroupBy(e => e.Name, StringComparer.Ordinal).Where(g => g.Count() > 1))
            yield return new($"CodeLab:Auth:External: '{twice.Key}' is registered twice.", [nameof(External)]);
        for (var i = 0; i < Clients.Count; i++)
        {
            foreach (var fault in Clients[i].Faults())
                yield return new($"CodeLab:Auth:Clients:{i}: {fault}", [nameof(Clients)]);
        }
        foreach (var twice in Clients.GroupBy(c => c.ClientId, StringComparer.Ordinal).Where(g => g.Count() > 1))
            yield return new($"CodeLab:Auth:Clients: '{twice.Key}' is registered twice.", [nameof(Clients)]);
    }
}

/// <summary>When a name is locked and for how long.</summary>
internal sealed class LockoutOptions
{
    /// <summary>Failed sign-ins in a row that lock a name; 5 by default.</summary>
    public int Threshold { get; set; } = 5;

    /// <summary>Minutes the lock lasts, and after which failures are forgotten; 15 by default.</summary>
    public double Minutes { get; set; } = 15;
}

/// <summary>A registered client.</summary>
internal sealed class ClientOptions
{
    /// <summary>Client id, 3–255 characters of <c>A-Z a-z 0-9 _ -</c>.</summary>
    public string ClientId { get; set; } = "";

    /// <summary>Name people see when they are asked to allow it; the client id by default.</summary>
    public string Name { get; set; } = "";

    /// <summary>Secret, at least 16 characters. Empty makes a public client, which may not use <c>client_credentials</c>.</summary>
    public string ClientSecret { get; set; } = "";

    /// <summary>
    /// Grants it may use, of <c>client_credentials</c>, <c>authorization_code</c>, <c>refresh_token</c> and
    /// <c>urn:ietf:params:oauth:grant-type:device_code</c>; default <c>client_credentials</c>.
    /// </summary>
    public List<string> Grants { get; set; } = [];

    /// <summary>Scopes it may ask for; default <c>api:read api:write</c>.</summary>
    public List<string> Scopes { get; set; } = [];

    /// <summary>
    /// Addresses a browser may be sent back to, compared exactly; needed for <c>authorization_code</c>. The port of
    /// <c>http://127.0.0.1/…</c> and <c>http://[::1]/…</c> is free for a public client.
    /// </summary>
    public List<string> RedirectUris { get; set; } = [];

    /// <summary>True for an application of the same owner: people are not asked whether they allow it. Default false.</summary>
    public bool FirstParty { get; set; }

    internal IEnumerable<string> Faults() =>
        Clients.ClientRules.Faults(ClientId, ClientSecret.Length > 0, Grants, Scopes, RedirectUris).Concat(OwnFaults());

    private IEnumerable<string> OwnFaults()
    {
        if (Clients.ClientRegistry.Reserved.Contains(ClientId))
            yield return $"'{ClientId}' is a built-in public client and takes no registration.";
        if (ClientSecret.Length is > 0 and < 16)
            yield return "ClientSecret must have at least 16 characters (make one with: openssl rand -base64 32).";
        if (Name.Length > 200)
            yield return "Name must have at most 200 characters.";
    }
}

/// <summary>Switch of all request limits (design.md §12); lock-out stays on.</summary>
internal sealed class RateLimitOptions
{
    public const string Section = "CodeLab:RateLimits";

    public bool Enabled { get; set; } = true;
}
