using System.ComponentModel.DataAnnotations;

namespace CodeLab.Modules.Auth.Persistence;

/// <summary>
/// An audit event (security.md §13), written in the transaction of the change it tells of and never changed. People are named by id only:
/// names are looked up when it is read, so that a deleted user leaves a pseudonym without a row being touched.
/// </summary>
internal sealed class AuditRow
{
    /// <summary>Random id, as the API shows it.</summary>
    [MaxLength(36)]
    public required string Id { get; init; }

    /// <summary>Order of insertion, given by the database; has gaps.</summary>
    public long Seq { get; init; }

    public long Time { get; init; }

    [MaxLength(50)]
    public required string Type { get; init; }

    /// <summary>User id or client id of who did it; null for the system and for the unknown.</summary>
    [MaxLength(255)]
    public string? Actor { get; init; }

    /// <summary>Id of what it was done to.</summary>
    [MaxLength(255)]
    public string? Subject { get; init; }

    /// <summary>Session or sign-in it belongs to.</summary>
    [MaxLength(128)]
    public string? Session { get; init; }

    [MaxLength(64)]
    public string? Ip { get; init; }

    [MaxLength(256)]
    public string? UserAgent { get; init; }

    [MaxLength(255)]
    public string? ClientId { get; init; }

    /// <summary><c>success</c>, <c>failure</c> or <c>denied</c>.</summary>
    [MaxLength(10)]
    public required string Outcome { get; init; }

    [MaxLength(500)]
    public string? Reason { get; init; }

    /// <summary>Further facts as a JSON object; never a secret, never content.</summary>
    public string? Metadata { get; init; }

    /// <summary>
    /// MAC over the row under a key the database cannot read: a row that somebody wrote into the table is told from one the service wrote,
    /// also before it is sealed.
    /// </summary>
    [MaxLength(32)]
    public required byte[] Mac { get; init; }
}

/// <summary>
/// A link of the hash chain over the audit. The chain is closed by one sealer a moment after the rows are committed: chaining inside
/// their transactions would make all of them wait for each other. Rows are sealed in the order of this table's gapless numbers.
/// </summary>
internal sealed class AuditSealRow
{
    /// <summary>Gapless, from 1.</summary>
    public long Number { get; init; }

    [MaxLength(36)]
    public required string AuditId { get; init; }

    /// <summary>HMAC-SHA-256 over the previous hash and the canonical form of the row: without the key the chain cannot be written anew.</summary>
    [MaxLength(32)]
    public required byte[] Hash { get; init; }
}
