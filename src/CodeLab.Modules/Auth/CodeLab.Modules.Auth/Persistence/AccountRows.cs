using System.ComponentModel.DataAnnotations;

namespace CodeLab.Modules.Auth.Persistence;

/// <summary>A one-time link that was handed to a person: an invitation or a password reset. By its hash only.</summary>
internal sealed class AccountLinkRow
{
    /// <summary>SHA-256 of the token in the link.</summary>
    [MaxLength(32)]
    public required byte[] Hash { get; init; }

    /// <summary><c>invitation</c> or <c>password_reset</c>.</summary>
    [MaxLength(20)]
    public required string Kind { get; init; }

    [MaxLength(36)]
    public required string UserId { get; init; }

    /// <summary>Administrator who made it.</summary>
    [MaxLength(36)]
    public string? CreatedBy { get; init; }

    public long CreatedAt { get; init; }

    public long ExpiresAt { get; init; }

    public long? UsedAt { get; init; }
}

/// <summary>A TOTP second factor (RFC 6238).</summary>
internal sealed class AuthenticatorRow
{
    [MaxLength(36)]
    public required string UserId { get; init; }

    /// <summary>The shared secret, encrypted by the key-encryption key.</summary>
    public required byte[] Secret { get; init; }

    public long CreatedAt { get; init; }

    /// <summary>When a first code proved that the app has it; null while it is being set up and asks for nothing.</summary>
    public long? ConfirmedAt { get; init; }

    /// <summary>Last time step accepted: a code is good once.</summary>
    public long LastStep { get; init; }
}

/// <summary>A recovery code, by its hash only; deleted when used.</summary>
internal sealed class RecoveryCodeRow
{
    [MaxLength(36)]
    public required string UserId { get; init; }

    [MaxLength(32)]
    public required byte[] Hash { get; init; }
}

/// <summary>A passkey (WebAuthn credential).</summary>
internal sealed class PasskeyRow
{
    [MaxLength(1024)]
    public required byte[] CredentialId { get; init; }

    [MaxLength(36)]
    public required string UserId { get; init; }

    [MaxLength(200)]
    public required string Name { get; init; }

    public required byte[] PublicKey { get; init; }

    public long SignCount { get; init; }

    /// <summary>Transports the authenticator named, separated by spaces.</summary>
    [MaxLength(100)]
    public required string Transports { get; init; }

    public bool IsUserVerified { get; init; }

    public bool IsBackupEligible { get; init; }

    public bool IsBackedUp { get; init; }

    public required byte[] AttestationObject { get; init; }

    public required byte[] ClientDataJson { get; init; }

    public long CreatedAt { get; init; }

    public long? LastUsedAt { get; init; }
}

/// <summary>A team: whose members share sessions, budgets and model lists.</summary>
internal sealed class TeamRow
{
    [MaxLength(36)]
    public required string Id { get; init; }

    [MaxLength(100)]
    public required string Name { get; init; }

    [MaxLength(100)]
    public required string NormalizedName { get; init; }

    public long CreatedAt { get; init; }
}

/// <summary>That a user is in a team.</summary>
internal sealed class TeamMemberRow
{
    [MaxLength(36)]
    public required string TeamId { get; init; }

    [MaxLength(36)]
    public required string UserId { get; init; }

    /// <summary>A lead of this team sees its members' sessions and approvals.</summary>
    public bool IsLead { get; init; }

    public long AddedAt { get; init; }
}

/// <summary>A personal access token or virtual key (<c>clk_…</c>): what it may do. Its secrets are beside it, so that it can be rotated.</summary>
internal sealed class AccessKeyRow
{
    [MaxLength(36)]
    public required string Id { get; init; }

    [MaxLength(36)]
    public required string UserId { get; init; }

    [MaxLength(100)]
    public required string Name { get; init; }

    [MaxLength(500)]
    public required string Scopes { get; init; }

    /// <summary>Models and aliases it may use, one a line; null for all its user may.</summary>
    public string? Models { get; init; }

    public int? RequestsPerMinute { get; init; }

    public int? TokensPerMinute { get; init; }

    /// <summary>Budget in millionths of <see cref="BudgetCurrency"/>.</summary>
    public long? BudgetMicros { get; init; }

    [MaxLength(3)]
    public string? BudgetCurrency { get; init; }

    /// <summary><c>total</c>, <c>day</c>, <c>week</c> or <c>month</c>.</summary>
    [MaxLength(5)]
    public string? BudgetPeriod { get; init; }

    public long CreatedAt { get; init; }

    public long? ExpiresAt { get; init; }

    public long? LastUsedAt { get; init; }

    public long? RevokedAt { get; init; }
}

/// <summary>A secret of an access key, by its hash only. After a rotation the older one works on until it expires.</summary>
internal sealed class AccessKeySecretRow
{
    /// <summary>SHA-256 of the whole key.</summary>
    [MaxLength(32)]
    public required byte[] Hash { get; init; }

    [MaxLength(36)]
    public required string KeyId { get; init; }

    /// <summary>Last four characters, to tell keys apart.</summary>
    [MaxLength(4)]
    public required string Ending { get; init; }

    public long CreatedAt { get; init; }

    /// <summary>End of the overlap after a rotation; null for the current secret.</summary>
    public long? ExpiresAt { get; init; }
}
