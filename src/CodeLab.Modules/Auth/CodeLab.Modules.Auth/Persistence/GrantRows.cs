using System.ComponentModel.DataAnnotations;

namespace CodeLab.Modules.Auth.Persistence;

/// <summary>An authorization code (RFC 6749 §4.1), by its hash only. Lives minutes; is redeemed by one conditional write.</summary>
internal sealed class AuthorizationCodeRow
{
    /// <summary>SHA-256 of the code.</summary>
    [MaxLength(32)]
    public required byte[] Hash { get; init; }

    [MaxLength(255)]
    public required string ClientId { get; init; }

    [MaxLength(36)]
    public required string UserId { get; init; }

    /// <summary>Browser sign-in that allowed it: when that ends, so does the code.</summary>
    [MaxLength(36)]
    public string? BrowserSignInId { get; init; }

    [MaxLength(500)]
    public required string Scope { get; init; }

    [MaxLength(2000)]
    public required string RedirectUri { get; init; }

    /// <summary>PKCE S256 challenge (RFC 7636 §4.2).</summary>
    [MaxLength(128)]
    public required string CodeChallenge { get; init; }

    [MaxLength(500)]
    public string? Nonce { get; init; }

    public long CreatedAt { get; init; }

    public long ExpiresAt { get; init; }

    public long? UsedAt { get; init; }

    /// <summary>The sign-in it gave: using the code a second time ends that (RFC 9700 §2.1.1).</summary>
    [MaxLength(36)]
    public string? SignInId { get; init; }
}

/// <summary>A device authorization (RFC 8628).</summary>
internal sealed class DeviceCodeRow
{
    /// <summary>SHA-256 of the device code.</summary>
    [MaxLength(32)]
    public required byte[] Hash { get; init; }

    /// <summary>What the person types, normalised.</summary>
    [MaxLength(16)]
    public required string UserCode { get; init; }

    [MaxLength(255)]
    public required string ClientId { get; init; }

    [MaxLength(500)]
    public required string Scope { get; init; }

    /// <summary>Address and program that asked, shown to the person who confirms.</summary>
    [MaxLength(64)]
    public string? Ip { get; init; }

    [MaxLength(256)]
    public string? UserAgent { get; init; }

    public long CreatedAt { get; init; }

    public long ExpiresAt { get; init; }

    /// <summary>Seconds the client must wait between polls; grows by 5 with every <c>slow_down</c>.</summary>
    public int IntervalSeconds { get; init; }

    public long? PolledAt { get; init; }

    /// <summary><c>pending</c>, <c>approved</c>, <c>denied</c> or <c>used</c>.</summary>
    [MaxLength(10)]
    public required string State { get; init; }

    [MaxLength(36)]
    public string? UserId { get; init; }

    /// <summary>Browser sign-in that approved it: when that ends before the client has fetched its tokens, it gets none.</summary>
    [MaxLength(36)]
    public string? BrowserSignInId { get; init; }
}

/// <summary>That a person allowed a third-party client these scopes, so that it is not asked again.</summary>
internal sealed class ConsentRow
{
    [MaxLength(36)]
    public required string UserId { get; init; }

    [MaxLength(255)]
    public required string ClientId { get; init; }

    [MaxLength(500)]
    public required string Scope { get; init; }

    public long CreatedAt { get; init; }
}

/// <summary>An OAuth client registered by an administrator; those of the configuration are not stored.</summary>
internal sealed class ClientRow
{
    [MaxLength(255)]
    public required string Id { get; init; }

    [MaxLength(200)]
    public required string Name { get; init; }

    /// <summary>SHA-256 of the secret; null for a public client.</summary>
    [MaxLength(32)]
    public byte[]? SecretHash { get; init; }

    /// <summary>Grants, separated by spaces.</summary>
    [MaxLength(300)]
    public required string Grants { get; init; }

    [MaxLength(500)]
    public required string Scopes { get; init; }

    /// <summary>Redirect addresses, one a line, compared exactly (a loopback port is free, RFC 8252 §7.3).</summary>
    public required string RedirectUris { get; init; }

    public long CreatedAt { get; init; }

    [MaxLength(36)]
    public required string CreatedBy { get; init; }

    public long? DisabledAt { get; init; }
}

/// <summary>A one-time ticket for a socket of a browser, which can send no header (security.md §3.6).</summary>
internal sealed class SocketTicketRow
{
    /// <summary>SHA-256 of the ticket.</summary>
    [MaxLength(32)]
    public required byte[] Hash { get; init; }

    [MaxLength(36)]
    public required string UserId { get; init; }

    [MaxLength(36)]
    public required string SignInId { get; init; }

    [MaxLength(128)]
    public required string SessionId { get; init; }

    public long ExpiresAt { get; init; }
}
