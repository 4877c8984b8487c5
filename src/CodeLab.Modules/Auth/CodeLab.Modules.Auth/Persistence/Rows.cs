using System.ComponentModel.DataAnnotations;

namespace CodeLab.Modules.Auth.Persistence;

/// <summary>A sign-in: the family of all tokens that descend from it (security.md G1). It ends as a whole.</summary>
internal sealed class SignInRow
{
    [MaxLength(36)]
    public required string Id { get; init; }

    [MaxLength(36)]
    public required string UserId { get; init; }

    [MaxLength(255)]
    public required string ClientId { get; init; }

    /// <summary>Scopes granted at sign-in; a refresh may narrow them for one access token, never widen them.</summary>
    [MaxLength(500)]
    public required string Scope { get; init; }

    /// <summary>The user's security stamp at sign-in: a changed password ends it.</summary>
    [MaxLength(64)]
    public required string SecurityStamp { get; init; }

    /// <summary>How the person proved who they are, e.g. <c>pwd</c>, <c>pwd otp</c>, <c>passkey</c>, <c>external</c> (RFC 8176 style).</summary>
    [MaxLength(50)]
    public string Methods { get; init; } = "pwd";

    /// <summary>Address of the last use.</summary>
    [MaxLength(64)]
    public string? Ip { get; init; }

    /// <summary>Program of the sign-in, as it names itself.</summary>
    [MaxLength(256)]
    public string? UserAgent { get; init; }

    public long CreatedAt { get; init; }

    public long LastUsedAt { get; init; }

    /// <summary>Absolute end, however often it is refreshed.</summary>
    public long ExpiresAt { get; init; }

    public long? RevokedAt { get; init; }

    /// <summary>Why it was revoked, as an audit event name.</summary>
    [MaxLength(50)]
    public string? RevokedReason { get; init; }
}

/// <summary>A refresh token, by its hash only.</summary>
internal sealed class RefreshTokenRow
{
    /// <summary>SHA-256 of the token.</summary>
    [MaxLength(32)]
    public required byte[] Hash { get; init; }

    [MaxLength(36)]
    public required string SignInId { get; init; }

    public long ExpiresAt { get; init; }

    /// <summary>When it was spent; null while it is the live one.</summary>
    public long? UsedAt { get; init; }

    /// <summary>The token that replaced it, encrypted under a key that only the holder of this token can derive.</summary>
    [MaxLength(128)]
    public byte[]? Successor { get; init; }
}

/// <summary>Failed sign-ins of a name, whether or not it belongs to a user.</summary>
internal sealed class LockoutRow
{
    [MaxLength(256)]
    public required string Name { get; init; }

    public int Failures { get; init; }

    public long LastFailureAt { get; init; }

    public long? LockedUntil { get; init; }
}

/// <summary>A signing or encryption key, encrypted by the key-encryption key.</summary>
internal sealed class KeyRow
{
    /// <summary>Key id, as in a token's <c>kid</c>.</summary>
    [MaxLength(64)]
    public required string Id { get; init; }

    /// <summary><c>sig</c> or <c>enc</c>.</summary>
    [MaxLength(8)]
    public required string Use { get; init; }

    /// <summary>Counts up per use; unique, so that hosts that start at once make one key.</summary>
    public int Generation { get; init; }

    public required byte[] Secret { get; init; }

    public long CreatedAt { get; init; }

    /// <summary>From when on it signs; until then it is only published (security.md §3.7).</summary>
    public long ActivatesAt { get; init; }

    /// <summary>From when on it is neither published nor accepted; null while that is open.</summary>
    public long? RetiresAt { get; init; }
}

/// <summary>State of the first start: there is one row, with id 1, whose claim makes the first administrator.</summary>
internal sealed class SetupRow
{
    public int Id { get; init; }

    [MaxLength(32)]
    public byte[]? TokenHash { get; init; }

    public long ExpiresAt { get; init; }

    public int WrongTokens { get; init; }

    public long? ClaimedAt { get; init; }

    [MaxLength(36)]
    public string? ClaimedBy { get; init; }
}

/// <summary>A key of the data-protection ring, as encrypted XML.</summary>
internal sealed class DataProtectionKeyRow
{
    [MaxLength(100)]
    public required string Id { get; init; }

    public required string Xml { get; init; }
}
