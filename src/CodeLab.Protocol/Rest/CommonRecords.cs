using System.Text.Json;

namespace CodeLab.Protocol.Rest;

/// <summary>Error body of the published routes (protocol.md §3.1): the four texts are always there, whichever a client reads.</summary>
public sealed record ErrorBody
{
    /// <summary>Stable code.</summary>
    public required string Error { get; init; }

    /// <summary>Stable code.</summary>
    public required string ErrorCode { get; init; }

    /// <summary>Sentence for a person.</summary>
    public required string Message { get; init; }

    /// <summary>Sentence for a person.</summary>
    public required string Detail { get; init; }

    /// <summary>Extra facts, e.g. the field that is wrong.</summary>
    public JsonElement? Details { get; init; }

    /// <summary>Seconds to wait; only with a limit.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>What was allowed; only with a limit.</summary>
    public int? Limit { get; init; }

    /// <summary>In which time; only with a limit.</summary>
    public string? Window { get; init; }

    /// <summary>Id to name when asking for help.</summary>
    public string? CorrelationId { get; init; }
}

/// <summary>Body of <c>/health</c> and its published aliases (protocol.md §1.6).</summary>
public sealed record HealthBody
{
    /// <summary><c>healthy</c> or <c>unhealthy</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Always <c>gateway</c>.</summary>
    public required string Service { get; init; }

    /// <summary>Version of the product.</summary>
    public required string Version { get; init; }

    /// <summary>Seconds since start.</summary>
    public long Uptime { get; init; }

    /// <summary>Now, UTC.</summary>
    public DateTimeOffset Timestamp { get; init; }

    /// <summary>State of the modules.</summary>
    public required IReadOnlyDictionary<string, string> Services { get; init; }

    /// <summary>State of what the product depends on.</summary>
    public required IReadOnlyDictionary<string, string> Dependencies { get; init; }
}

/// <summary>Token endpoint's answer (protocol.md §2.1).</summary>
public sealed record TokenAnswer
{
    /// <summary>Access token, a JWT.</summary>
    public required string AccessToken { get; init; }

    /// <summary>Refresh token, opaque.</summary>
    public string? RefreshToken { get; init; }

    /// <summary>Always <c>bearer</c>.</summary>
    public string? TokenType { get; init; }

    /// <summary>Seconds the access token lives.</summary>
    public int ExpiresIn { get; init; }

    /// <summary>Scopes granted.</summary>
    public string? Scope { get; init; }

    /// <summary>Identity token (OpenID Connect), when scope <c>openid</c> was granted.</summary>
    public string? IdToken { get; init; }
}

/// <summary>Token endpoint's refusal (RFC 6749 §5.2).</summary>
public sealed record TokenError
{
    /// <summary>OAuth error code.</summary>
    public required string Error { get; init; }

    /// <summary>Sentence for a person.</summary>
    public string? ErrorDescription { get; init; }

    /// <summary>Seconds to wait.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>End of a lock-out, UTC.</summary>
    public DateTimeOffset? LockedUntil { get; init; }
}

/// <summary>A model a user may choose.</summary>
public sealed record ModelInfo
{
    /// <summary>Name as sent in <c>model</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Provider that serves it.</summary>
    public required string Provider { get; init; }

    /// <summary>Tokens of the context window, when known.</summary>
    public int? ContextWindow { get; init; }

    /// <summary>Most tokens it writes, when known.</summary>
    public int? MaxOutputTokens { get; init; }

    /// <summary>True when it can call tools.</summary>
    public bool SupportsTools { get; init; }

    /// <summary>True when it can see images, as far as its name tells.</summary>
    public bool SupportsVision { get; init; }

    /// <summary>True for the model used when none is named.</summary>
    public bool IsDefault { get; init; }
}

/// <summary>Body of <c>GET /api/v1/models</c> (protocol.md §9.3).</summary>
public sealed record ModelList
{
    /// <summary>The models.</summary>
    public required IReadOnlyList<ModelInfo> Models { get; init; }
}
