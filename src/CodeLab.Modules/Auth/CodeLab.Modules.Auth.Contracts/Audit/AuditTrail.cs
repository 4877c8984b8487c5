using System.Data.Common;

namespace CodeLab.Modules.Auth.Audit;

/// <summary>An event for the audit (security.md §13). Never holds a secret or content: identify tokens by a hash prefix.</summary>
/// <param name="Type">Name of the event, e.g. <c>user.created</c>; at most 50 characters.</param>
public sealed record AuditEvent(string Type)
{
    /// <summary>User id or client id of who did it; null for the system and for the unknown.</summary>
    public string? Actor { get; init; }

    /// <summary>Id of what it was done to.</summary>
    public string? Subject { get; init; }

    /// <summary>Session or sign-in it belongs to.</summary>
    public string? Session { get; init; }

    /// <summary>Address of the client, by the trusted-proxy rule.</summary>
    public string? Ip { get; init; }

    /// <summary>Program of the client; cut to 256 characters.</summary>
    public string? UserAgent { get; init; }

    /// <summary>OAuth client.</summary>
    public string? ClientId { get; init; }

    /// <summary><c>success</c> (default), <c>failure</c> or <c>denied</c>.</summary>
    public string Outcome { get; init; } = "success";

    /// <summary>Why, in a few words or a code.</summary>
    public string? Reason { get; init; }

    /// <summary>Further facts.</summary>
    public IReadOnlyDictionary<string, object?>? Metadata { get; init; }
}

/// <summary>
/// Writes the audit. A module appends in the transaction of the change it makes (<c>Database.TransactAsync</c>), so that neither is there
/// without the other: this is why it is a call and not a message.
/// </summary>
public interface IAuditTrail
{
    /// <summary>Adds an event to a transaction that is open.</summary>
    /// <param name="connection">Connection of the transaction.</param>
    /// <param name="transaction">The transaction; null on SQLite, where the writer has it.</param>
    /// <param name="entry">The event.</param>
    Task AppendAsync(DbConnection connection, DbTransaction? transaction, AuditEvent entry);

    /// <summary>Adds an event that goes with no change, such as a refusal, in a transaction of its own.</summary>
    Task AppendAsync(AuditEvent entry, CancellationToken cancellationToken);

    /// <summary>
    /// Adds an event of which an attacker could make thousands (<c>rate_limited</c>, <c>authz.denied</c>, <c>origin.denied</c>): at most one a
    /// minute and key; the next one tells in its metadata how many were left out (<c>suppressed</c>).
    /// </summary>
    /// <param name="entry">The event.</param>
    /// <param name="key">What is sampled, e.g. the limit and the address.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task AppendSampledAsync(AuditEvent entry, string key, CancellationToken cancellationToken);
}
