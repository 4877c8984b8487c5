namespace CodeLab.Protocol.Rest;

/// <summary>Answer to a device that wants to sign in (RFC 8628 §3.2).</summary>
public sealed record DeviceAuthorization
{
    /// <summary>What the device polls the token endpoint with; a secret.</summary>
    public required string DeviceCode { get; init; }

    /// <summary>What the person types, e.g. <c>BCDF-GHJK</c>.</summary>
    public required string UserCode { get; init; }

    /// <summary>Where the person types it.</summary>
    public required string VerificationUri { get; init; }

    /// <summary>The same with the code in it.</summary>
    public string? VerificationUriComplete { get; init; }

    /// <summary>Seconds both codes live.</summary>
    public int ExpiresIn { get; init; }

    /// <summary>Seconds to wait between two polls.</summary>
    public int Interval { get; init; }
}

/// <summary>The caller as the server sees it (<c>GET /api/v1/me</c>).</summary>
public sealed record CallerInfo
{
    /// <summary>User id, or the client id of a service.</summary>
    public required string Id { get; init; }

    /// <summary>Sign-in name; absent for a service.</summary>
    public string? Username { get; init; }
}
