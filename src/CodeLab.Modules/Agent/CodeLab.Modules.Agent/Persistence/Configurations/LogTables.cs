namespace CodeLab.Modules.Agent.Persistence.Configurations;

// Shapes of the tables that only the session store touches, in plain SQL. They exist so that EF can make and migrate the tables.

/// <summary>A row of the log.</summary>
internal sealed class EventRecord
{
    public required string SessionId { get; init; }
    public long Seq { get; init; }
    public required string Type { get; init; }
    public required byte[] Payload { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>An input that was taken, so that its repeat is known.</summary>
internal sealed class InputRecord
{
    public required string Owner { get; init; }
    public required string InputId { get; init; }
    public required string SessionId { get; init; }
    public long Seq { get; init; }
}

/// <summary>A tool call.</summary>
internal sealed class ToolCallRecord
{
    public required string SessionId { get; init; }
    public required string CallId { get; init; }
    public required string ToolName { get; init; }
    public required string State { get; init; }
    public required string ArgsHash { get; init; }
    public int Attempt { get; init; }
    public long Epoch { get; init; }
    public DateTimeOffset? DispatchedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>An approval.</summary>
internal sealed class ApprovalRecord
{
    public required string SessionId { get; init; }
    public required string CallId { get; init; }
    public required string ToolName { get; init; }
    public required byte[] Arguments { get; init; }
    public required string Reason { get; init; }
    public required string Status { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? DecidedAt { get; init; }
    public string? DecidedBy { get; init; }
    public string? Door { get; init; }
}

/// <summary>The newest snapshot of a session.</summary>
internal sealed class SnapshotRecord
{
    public required string SessionId { get; init; }
    public long Seq { get; init; }
    public required byte[] Payload { get; init; }
}

/// <summary>Who may write to a session. Rows are never deleted: the epoch must not start again.</summary>
internal sealed class LeaseRecord
{
    public required string SessionId { get; init; }
    public long Epoch { get; init; }

    /// <summary>Null after the lease was given back.</summary>
    public string? Holder { get; init; }
    public DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>Something another module must hear even if this process dies now; written with the events it follows from.</summary>
internal sealed class OutboxRecord
{
    /// <summary>UUID v7: its order is the order of writing.</summary>
    public required string Id { get; init; }
    public required string SessionId { get; init; }
    public long Seq { get; init; }
    public required string Topic { get; init; }
    public required byte[] Payload { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A policy rule.</summary>
internal sealed class PolicyRecord
{
    public required string Id { get; init; }

    /// <summary>The rule as JSON.</summary>
    public required string Rule { get; init; }
    public int Position { get; init; }
    public required string Author { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; init; }
    public DateTimeOffset? LastUsedAt { get; init; }
}

/// <summary>A decision a person asked to remember; those of a session are in its log as well.</summary>
internal sealed class RememberedRecord
{
    public required string Id { get; init; }
    public required string Owner { get; init; }

    /// <summary>The session in which it was made; the one it holds for when the scope is <c>session</c>.</summary>
    public required string SessionId { get; init; }

    /// <summary>The rule as JSON.</summary>
    public required string Rule { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? LastUsedAt { get; init; }
}

/// <summary>How much a user's agents may do without asking.</summary>
internal sealed class AutonomyRecord
{
    public required string Owner { get; init; }
    public required string Level { get; init; }
    public DateTimeOffset UpdatedAt { get; init; }
}
