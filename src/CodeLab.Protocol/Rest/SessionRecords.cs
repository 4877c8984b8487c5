using System.Text.Json;

namespace CodeLab.Protocol.Rest;

/// <summary>The session object of every route and frame (protocol.md §3.2). <see cref="Id"/> and <see cref="SessionId"/> are the same.</summary>
public sealed record SessionInfo
{
    /// <summary>Id of the session.</summary>
    public required string Id { get; init; }

    /// <summary>Id of the session, under the name other clients read.</summary>
    public required string SessionId { get; init; }

    /// <summary>Title; absent until the first message.</summary>
    public string? Title { get; init; }

    /// <summary>Description.</summary>
    public string? Description { get; init; }

    /// <summary>Stored messages of every role.</summary>
    public int MessageCount { get; init; }

    /// <summary>When it was created, UTC.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When anything last changed, UTC.</summary>
    public DateTimeOffset UpdatedAt { get; init; }

    /// <summary>When a message last arrived, UTC.</summary>
    public DateTimeOffset LastActivity { get; init; }

    /// <summary>False once deleted.</summary>
    public bool IsActive { get; init; }

    /// <summary>The agent that answers next.</summary>
    public required string CurrentAgent { get; init; }

    /// <summary>Model chosen for the session, if any.</summary>
    public string? Model { get; init; }

    /// <summary>What the session is doing, as in the <c>agent_status</c> frame.</summary>
    public string? Status { get; init; }

    /// <summary>The user it belongs to; only in sessions of somebody else.</summary>
    public string? OwnerId { get; init; }

    /// <summary>What the caller is in it: <c>viewer</c>, <c>lead</c>, <c>driver</c> or <c>owner</c>; only in sessions of somebody else.</summary>
    public string? Role { get; init; }

    /// <summary>The session this one comes from; only on forks and imports.</summary>
    public string? ParentId { get; init; }

    /// <summary>The last event it shares with <see cref="ParentId"/>, from 1.</summary>
    public long? ParentSeq { get; init; }

    /// <summary>How it comes from there: <c>fork</c> or <c>import</c>.</summary>
    public string? ParentKind { get; init; }

    /// <summary>Seconds from the creation to the last activity; only nested in <c>GET /api/v1/sessions/{id}</c>.</summary>
    public double? DurationSeconds { get; init; }

    /// <summary>Messages; only nested in <c>GET /api/v1/sessions/{id}?include_messages=true</c>.</summary>
    public IReadOnlyList<HistoryMessage>? Messages { get; init; }
}

/// <summary>Body of <c>GET /api/v1/sessions/{id}</c>: the session flat, and once more under <c>session</c>.</summary>
public sealed record SessionDetail
{
    /// <inheritdoc cref="SessionInfo.Id"/>
    public required string Id { get; init; }

    /// <inheritdoc cref="SessionInfo.SessionId"/>
    public required string SessionId { get; init; }

    /// <inheritdoc cref="SessionInfo.Title"/>
    public string? Title { get; init; }

    /// <inheritdoc cref="SessionInfo.Description"/>
    public string? Description { get; init; }

    /// <inheritdoc cref="SessionInfo.MessageCount"/>
    public int MessageCount { get; init; }

    /// <inheritdoc cref="SessionInfo.CreatedAt"/>
    public DateTimeOffset CreatedAt { get; init; }

    /// <inheritdoc cref="SessionInfo.UpdatedAt"/>
    public DateTimeOffset UpdatedAt { get; init; }

    /// <inheritdoc cref="SessionInfo.LastActivity"/>
    public DateTimeOffset LastActivity { get; init; }

    /// <inheritdoc cref="SessionInfo.IsActive"/>
    public bool IsActive { get; init; }

    /// <inheritdoc cref="SessionInfo.CurrentAgent"/>
    public required string CurrentAgent { get; init; }

    /// <inheritdoc cref="SessionInfo.Model"/>
    public string? Model { get; init; }

    /// <inheritdoc cref="SessionInfo.Status"/>
    public string? Status { get; init; }

    /// <inheritdoc cref="SessionInfo.OwnerId"/>
    public string? OwnerId { get; init; }

    /// <inheritdoc cref="SessionInfo.Role"/>
    public string? Role { get; init; }

    /// <inheritdoc cref="SessionInfo.ParentId"/>
    public string? ParentId { get; init; }

    /// <inheritdoc cref="SessionInfo.ParentSeq"/>
    public long? ParentSeq { get; init; }

    /// <inheritdoc cref="SessionInfo.ParentKind"/>
    public string? ParentKind { get; init; }

    /// <summary>The same object nested, for clients that read it there.</summary>
    public required SessionInfo Session { get; init; }

    /// <summary>Builds the body from the session object.</summary>
    /// <param name="session">The session; with its messages, if they are to be nested.</param>
    public static SessionDetail From(SessionInfo session)
    {
        ArgumentNullException.ThrowIfNull(session);
        return new()
        {
            Id = session.Id,
            SessionId = session.SessionId,
            Title = session.Title,
            Description = session.Description,
            MessageCount = session.MessageCount,
            CreatedAt = session.CreatedAt,
            UpdatedAt = session.UpdatedAt,
            LastActivity = session.LastActivity,
            IsActive = session.IsActive,
            CurrentAgent = session.CurrentAgent,
            Model = session.Model,
            Status = session.Status,
            OwnerId = session.OwnerId,
            Role = session.Role,
            ParentId = session.ParentId,
            ParentSeq = session.ParentSeq,
            ParentKind = session.ParentKind,
            Session = session with { DurationSeconds = Math.Round((session.LastActivity - session.CreatedAt).TotalSeconds, 3) },
        };
    }
}

/// <summary>Body of <c>POST /api/v1/sessions</c>; every member is optional, unknown ones are ignored.</summary>
public sealed record CreateSessionBody
{
    /// <summary>Id wished for; 409 when it exists.</summary>
    public string? SessionId { get; init; }

    /// <summary>Title, at most 500 characters.</summary>
    public string? Title { get; init; }

    /// <summary>Agent to begin with.</summary>
    public string? AgentType { get; init; }

    /// <summary>Model or alias.</summary>
    public string? Model { get; init; }
}

/// <summary>Body of <c>PATCH /api/v1/sessions/{id}</c>: what is absent stays.</summary>
public sealed record UpdateSessionBody
{
    /// <summary>Title, at most 500 characters.</summary>
    public string? Title { get; init; }

    /// <summary>Description, at most 2,000 characters.</summary>
    public string? Description { get; init; }

    /// <summary>Model or alias.</summary>
    public string? Model { get; init; }
}

/// <summary>Body of <c>GET /api/v1/sessions</c>.</summary>
public sealed record SessionList
{
    /// <summary>Newest activity first.</summary>
    public required IReadOnlyList<SessionInfo> Sessions { get; init; }

    /// <summary>Sessions that match, on all pages.</summary>
    public int Total { get; init; }

    /// <summary>Page size, 1 to 1,000.</summary>
    public int Limit { get; init; }

    /// <summary>Sessions skipped.</summary>
    public int Offset { get; init; }
}

/// <summary>Body of <c>DELETE /api/v1/sessions/{id}</c>.</summary>
public sealed record SessionDeleted
{
    /// <summary>Always <c>deleted</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Id of the session.</summary>
    public required string Id { get; init; }

    /// <summary>Id of the session.</summary>
    public required string SessionId { get; init; }
}

/// <summary>Body of <c>DELETE /api/v1/sessions/{id}/history</c>.</summary>
public sealed record HistoryCleared
{
    /// <summary>Always <c>cleared</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Id of the session.</summary>
    public required string SessionId { get; init; }
}

/// <summary>Body of <c>GET /api/v1/sessions/{id}/history</c>.</summary>
public sealed record SessionHistory
{
    /// <summary>Id of the session.</summary>
    public required string SessionId { get; init; }

    /// <summary>Messages in order.</summary>
    public required IReadOnlyList<HistoryMessage> Messages { get; init; }

    /// <summary>Messages of the session, on all pages.</summary>
    public int MessageCount { get; init; }

    /// <summary>When a message last arrived, UTC.</summary>
    public DateTimeOffset LastActivity { get; init; }

    /// <summary>The agent that answers next.</summary>
    public required string CurrentAgent { get; init; }

    /// <summary>Agent switches in order.</summary>
    public required IReadOnlyList<AgentSwitchInfo> AgentHistory { get; init; }
}

/// <summary>One message of the history.</summary>
public sealed record HistoryMessage
{
    /// <summary>Id, the same as in frames.</summary>
    public required string Id { get; init; }

    /// <summary><c>user</c>, <c>assistant</c> or <c>tool</c>.</summary>
    public required string Role { get; init; }

    /// <summary>Text; absent when the message only calls tools.</summary>
    public string? Content { get; init; }

    /// <summary>Agent that wrote it.</summary>
    public string? AgentName { get; init; }

    /// <summary>Tool name, with role <c>tool</c>.</summary>
    public string? Name { get; init; }

    /// <summary>Call answered, with role <c>tool</c>.</summary>
    public string? ToolCallId { get; init; }

    /// <summary>Calls made.</summary>
    public IReadOnlyList<HistoryToolCall>? ToolCalls { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset Timestamp { get; init; }
}

/// <summary>A tool call in history, in the shape of OpenAI's chat messages.</summary>
public sealed record HistoryToolCall
{
    /// <summary>Call id.</summary>
    public required string Id { get; init; }

    /// <summary>Always <c>function</c>.</summary>
    public string Type { get; init; } = "function";

    /// <summary>Name and arguments.</summary>
    public required HistoryFunction Function { get; init; }

    /// <summary>What allowed it: <c>rule:ID</c>, <c>remembered:ID</c>, <c>person:USER_ID</c>, <c>level:NAME</c> or <c>server</c>.</summary>
    public string? AllowedBy { get; init; }

    /// <summary>The same as a sentence.</summary>
    public string? AllowedWhy { get; init; }
}

/// <summary>Name and arguments of a call in history.</summary>
public sealed record HistoryFunction
{
    /// <summary>Tool name.</summary>
    public required string Name { get; init; }

    /// <summary>Arguments as JSON text.</summary>
    public required string Arguments { get; init; }
}

/// <summary>One agent switch, under both pairs of names that clients read.</summary>
public sealed record AgentSwitchInfo
{
    /// <summary>Agent before.</summary>
    public required string From { get; init; }

    /// <summary>Agent after.</summary>
    public required string To { get; init; }

    /// <summary>Agent before.</summary>
    public required string FromAgent { get; init; }

    /// <summary>Agent after.</summary>
    public required string ToAgent { get; init; }

    /// <summary>Why.</summary>
    public string? Reason { get; init; }

    /// <summary>Confidence of automatic routing.</summary>
    public string? Confidence { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset Timestamp { get; init; }
}

/// <summary>Body of <c>GET /api/v1/sessions/{id}/pending-approvals</c>.</summary>
public sealed record PendingApprovalList
{
    /// <summary>Id of the session.</summary>
    public required string SessionId { get; init; }

    /// <summary>Approvals that wait, oldest first.</summary>
    public required IReadOnlyList<PendingApproval> PendingApprovals { get; init; }

    /// <summary>How many.</summary>
    public int Count { get; init; }
}

/// <summary>An approval that waits. No member is ever absent (protocol.md §3.2).</summary>
public sealed record PendingApproval
{
    /// <summary>Same as <see cref="CallId"/>.</summary>
    public required string RequestId { get; init; }

    /// <summary><c>tool</c>.</summary>
    public required string RequestType { get; init; }

    /// <summary>Tool name.</summary>
    public required string Subject { get; init; }

    /// <summary>The call.</summary>
    public required string CallId { get; init; }

    /// <summary>Tool name.</summary>
    public required string ToolName { get; init; }

    /// <summary>Arguments of the call.</summary>
    public required JsonElement Arguments { get; init; }

    /// <summary>The same arguments, nested.</summary>
    public required ApprovalDetails Details { get; init; }

    /// <summary>Why a person is asked.</summary>
    public required string Reason { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary><c>pending</c>.</summary>
    public required string Status { get; init; }
}

/// <summary>Details of an approval.</summary>
public sealed record ApprovalDetails
{
    /// <summary>Arguments of the call.</summary>
    public required JsonElement Arguments { get; init; }
}

/// <summary>Body of <c>POST /api/v1/sessions/{id}/hitl-decision</c>; aliases as in protocol.md §4.3.4.</summary>
public sealed record HitlDecisionBody
{
    /// <summary>The call.</summary>
    public string? CallId { get; init; }

    /// <summary>Alias of <see cref="CallId"/>.</summary>
    public string? RequestId { get; init; }

    /// <summary><c>approve</c>, <c>edit</c>, <c>reject</c>, or their aliases.</summary>
    public string? Decision { get; init; }

    /// <summary>With <c>edit</c>: the arguments, whole.</summary>
    public JsonElement? ModifiedArguments { get; init; }

    /// <summary>Alias of <see cref="ModifiedArguments"/>.</summary>
    public JsonElement? EditedArguments { get; init; }

    /// <summary>What to tell the model.</summary>
    public string? Feedback { get; init; }
}

/// <summary>Answer to a decision.</summary>
public sealed record HitlDecisionAnswer
{
    /// <summary><c>approved</c> or <c>rejected</c>.</summary>
    public required string Status { get; init; }

    /// <summary>The call.</summary>
    public required string CallId { get; init; }

    /// <summary>Id of the session.</summary>
    public required string SessionId { get; init; }
}

/// <summary>Body of <c>POST /api/v1/sessions/{id}/approve</c>.</summary>
public sealed record ApproveBody
{
    /// <summary>The call.</summary>
    public string? ActionId { get; init; }

    /// <summary>True: approve; false: reject.</summary>
    public bool Approved { get; init; }
}
