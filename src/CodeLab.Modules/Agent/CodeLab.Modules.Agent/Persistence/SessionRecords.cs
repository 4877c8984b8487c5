using System.Data.Common;

namespace CodeLab.Modules.Agent.Persistence;

/// <summary>An event of a session's log.</summary>
/// <param name="Seq">Place in the session, from 1, without gaps.</param>
/// <param name="Type">Name of the event's record and version; never renamed.</param>
/// <param name="Payload">The event as UTF-8 JSON.</param>
/// <param name="CreatedAt">When it was made, UTC, to the microsecond; order is by <paramref name="Seq"/>, never by this.</param>
internal readonly record struct LoggedEvent(long Seq, string Type, ReadOnlyMemory<byte> Payload, DateTimeOffset CreatedAt);

/// <summary>What lists and rights checks need to know of a session without reading its log.</summary>
internal sealed record SessionRow
{
    /// <summary>The session.</summary>
    public required string Id { get; init; }

    /// <summary>The user it belongs to. Set by the first append, kept by all later ones.</summary>
    public required string Owner { get; init; }

    /// <summary>Title, or null.</summary>
    public string? Title { get; init; }

    /// <summary>Description, or null.</summary>
    public string? Description { get; init; }

    /// <summary>Agent that has the floor.</summary>
    public required string Agent { get; init; }

    /// <summary>Model chosen for the session, or null for the agent's.</summary>
    public string? Model { get; init; }

    /// <summary>Status as shown to clients.</summary>
    public required string Status { get; init; }

    /// <summary>True while a turn is neither completed, failed nor cancelled.</summary>
    public bool HasOpenTurn { get; init; }

    /// <summary>Messages so far.</summary>
    public int MessageCount { get; init; }

    /// <summary>Sequence number of the newest event.</summary>
    public long LastSeq { get; init; }

    /// <summary>When it was made, UTC. Set by the first append, kept by all later ones.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Last change of title, description, model or agent, UTC.</summary>
    public DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Last event a person cares about, UTC; lists are sorted by it.</summary>
    public DateTimeOffset LastActivity { get; init; }

    /// <summary>When it was deleted, UTC, or null.</summary>
    public DateTimeOffset? DeletedAt { get; init; }

    /// <summary>The session it comes from, or null. Not written by appends: set once, in the transaction of the first ones.</summary>
    public string? ParentId { get; init; }

    /// <summary>The last event it shares with <see cref="ParentId"/>.</summary>
    public long? ParentSeq { get; init; }

    /// <summary>How it comes from there.</summary>
    public string? ParentKind { get; init; }
}

/// <summary>Where a tool call stands (security.md §11.3).</summary>
/// <param name="CallId">Made by the server, never reused.</param>
/// <param name="ToolName">The tool.</param>
/// <param name="State">State of the call in the turn engine's words.</param>
/// <param name="ArgsHash">Hash of the canonical arguments.</param>
/// <param name="Attempt">1 for the first dispatch.</param>
/// <param name="Epoch">Lease under which it was written.</param>
/// <param name="DispatchedAt">When it was committed as dispatched, UTC, or null.</param>
/// <param name="UpdatedAt">Last change, UTC.</param>
internal sealed record ToolCallRow(
    string CallId,
    string ToolName,
    string State,
    string ArgsHash,
    int Attempt,
    long Epoch,
    DateTimeOffset? DispatchedAt,
    DateTimeOffset UpdatedAt
);

/// <summary>A question to a person about a tool call.</summary>
/// <param name="CallId">The call.</param>
/// <param name="ToolName">The tool.</param>
/// <param name="Arguments">The arguments shown, UTF-8 JSON.</param>
/// <param name="Reason">Why it is asked.</param>
/// <param name="Status">One of <see cref="ApprovalStatus"/>.</param>
/// <param name="CreatedAt">When it was asked, UTC.</param>
/// <param name="DecidedAt">When it was decided, UTC, or null.</param>
/// <param name="DecidedBy">User who decided, or null.</param>
/// <param name="Door">Door the decision came through, or null.</param>
internal sealed record ApprovalRow(
    string CallId,
    string ToolName,
    ReadOnlyMemory<byte> Arguments,
    string Reason,
    string Status,
    DateTimeOffset CreatedAt,
    DateTimeOffset? DecidedAt,
    string? DecidedBy,
    string? Door
);

/// <summary>Words of <see cref="ApprovalRow.Status"/>.</summary>
internal static class ApprovalStatus
{
    /// <summary>Waits for a person.</summary>
    public const string Pending = "pending";

    /// <summary>Allowed as asked.</summary>
    public const string Approved = "approved";

    /// <summary>Allowed with other arguments.</summary>
    public const string Edited = "edited";

    /// <summary>Refused.</summary>
    public const string Rejected = "rejected";

    /// <summary>Nobody decided in time: refused.</summary>
    public const string Expired = "expired";

    /// <summary>The turn was cancelled before a decision.</summary>
    public const string Cancelled = "cancelled";
}

/// <summary>One step of a session: events and everything that follows from them. Written all or nothing.</summary>
internal sealed record AppendRequest
{
    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>Epoch of the lease the writer holds.</summary>
    public required long Epoch { get; init; }

    /// <summary>Sequence number of the first event: the session's last one + 1.</summary>
    public required long FirstSeq { get; init; }

    /// <summary>
    /// The events, numbered from <see cref="FirstSeq"/> without gaps. May be empty for an existing session, to keep a snapshot.
    /// </summary>
    public required IReadOnlyList<LoggedEvent> Events { get; init; }

    /// <summary>The session as it stands after the events; its <see cref="SessionRow.LastSeq"/> is that of the last event.</summary>
    public required SessionRow Session { get; init; }

    /// <summary>The client's id of the input that became the first event, unique per owner; null where the server made the input.</summary>
    public string? InputId { get; init; }

    /// <summary>Tool calls that changed.</summary>
    public IReadOnlyList<ToolCallRow> Calls { get; init; } = [];

    /// <summary>Approvals that changed. A decided one is never written over.</summary>
    public IReadOnlyList<ApprovalRow> Approvals { get; init; } = [];

    /// <summary>State after the events, to load from later; replaces an older one.</summary>
    public SessionSnapshot? Snapshot { get; init; }

    /// <summary>
    /// What else is written in the same transaction, when the events are: on its connection, and its transaction (null on SQLite). May run
    /// more than once, and awaits nothing but its connection.
    /// </summary>
    public IReadOnlyList<Func<DbConnection, DbTransaction?, Task>> Also { get; init; } = [];
}

/// <summary>State of a session at a place in its log.</summary>
/// <param name="Seq">The last event it covers.</param>
/// <param name="Payload">The engine's state, in its own format.</param>
internal sealed record SessionSnapshot(long Seq, ReadOnlyMemory<byte> Payload);

/// <summary>What became of an append.</summary>
internal abstract record AppendResult
{
    private AppendResult() { }

    /// <summary>Durable.</summary>
    internal sealed record Committed : AppendResult;

    /// <summary>The input is known already: nothing was written.</summary>
    /// <param name="Seq">The event it became.</param>
    internal sealed record Duplicate(long Seq) : AppendResult;

    /// <summary>The epoch is not the lease's, or the sequence number is not the next: nothing was written, the writer must stop.</summary>
    internal sealed record Fenced : AppendResult;
}

/// <summary>What is needed to go on with a session.</summary>
/// <param name="Row">The session.</param>
/// <param name="Snapshot">Newest snapshot, or null.</param>
/// <param name="Tail">Events after the snapshot (or all), in order.</param>
internal sealed record LoadedSession(SessionRow Row, SessionSnapshot? Snapshot, IReadOnlyList<LoggedEvent> Tail);

/// <summary>The right to write to a session.</summary>
/// <param name="Epoch">Stated with every write; grows with every grant.</param>
internal sealed record LeaseGrant(long Epoch);
