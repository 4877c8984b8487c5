using System.Text.Json;

namespace CodeLab.Protocol.Rest;

/// <summary>
/// Body of <c>GET /api/v1/events/metrics/session/{id}</c> (protocol.md §10.2): every call to a model that a session made, routing calls
/// included. Numbers are always there.
/// </summary>
public sealed record SessionMetrics
{
    /// <summary>Id of the session.</summary>
    public required string SessionId { get; init; }

    /// <summary>Calls to models.</summary>
    public int TotalRequests { get; init; }

    /// <summary>Calls that were answered.</summary>
    public int SuccessfulRequests { get; init; }

    /// <summary>Calls that failed, were cancelled or were cut off by a restart.</summary>
    public int FailedRequests { get; init; }

    /// <summary>Milliseconds of all calls.</summary>
    public double TotalDurationMs { get; init; }

    /// <summary>Milliseconds of one call.</summary>
    public double AverageDurationMs { get; init; }

    /// <summary>Tokens sent to models.</summary>
    public long TotalPromptTokens { get; init; }

    /// <summary>Tokens models wrote.</summary>
    public long TotalCompletionTokens { get; init; }

    /// <summary>Both.</summary>
    public long TotalTokens { get; init; }

    /// <summary>Tokens of one call.</summary>
    public double AverageTokensPerRequest { get; init; }

    /// <summary>Answers that called tools.</summary>
    public int RequestsWithTools { get; init; }

    /// <summary>The calls, oldest first.</summary>
    public required IReadOnlyList<ModelRequestMetrics> Requests { get; init; }
}

/// <summary>One call to a model.</summary>
public sealed record ModelRequestMetrics
{
    /// <summary>When it ended, UTC.</summary>
    public DateTimeOffset Timestamp { get; init; }

    /// <summary>The model; <c>unknown</c> when the call failed before one was chosen.</summary>
    public required string Model { get; init; }

    /// <summary>Milliseconds from the request to the end of the answer.</summary>
    public double DurationMs { get; init; }

    /// <summary>Tokens sent.</summary>
    public long PromptTokens { get; init; }

    /// <summary>Tokens written.</summary>
    public long CompletionTokens { get; init; }

    /// <summary>Both.</summary>
    public long TotalTokens { get; init; }

    /// <summary>True when the answer called tools.</summary>
    public bool HasToolCalls { get; init; }

    /// <summary>True when it was answered.</summary>
    public bool Success { get; init; }

    /// <summary>Error code; only on failed calls.</summary>
    public string? Error { get; init; }
}

/// <summary>Body of <c>GET /api/v1/events/metrics/sessions</c>.</summary>
public sealed record SessionMetricsList
{
    /// <summary>Sessions that called a model, newest activity first.</summary>
    public required IReadOnlyList<SessionMetrics> Sessions { get; init; }

    /// <summary>How many are on this page.</summary>
    public int Count { get; init; }

    /// <summary>Most sessions on a page.</summary>
    public int Limit { get; init; }

    /// <summary>Sessions skipped.</summary>
    public int Offset { get; init; }
}

/// <summary>Body of <c>GET /api/v1/events/metrics</c>: figures of all sessions since the first, counted from their logs.</summary>
public sealed record MetricsReport
{
    /// <summary>The figures.</summary>
    public required MetricsFigures Metrics { get; init; }

    /// <summary>Averages and rates: <c>AGENT_avg_duration_ms</c>, <c>TOOL_success_rate</c>.</summary>
    public required IReadOnlyDictionary<string, double> Computed { get; init; }

    /// <summary>Now, UTC.</summary>
    public DateTimeOffset Timestamp { get; init; }
}

/// <summary>Figures of all sessions.</summary>
public sealed record MetricsFigures
{
    /// <summary>Switches, by <c>FROM_to_TO</c>.</summary>
    public required IReadOnlyDictionary<string, long> AgentSwitches { get; init; }

    /// <summary>Calls to models, by agent.</summary>
    public required IReadOnlyDictionary<string, AgentProcessingFigures> AgentProcessing { get; init; }

    /// <summary>Tool calls, by tool.</summary>
    public required IReadOnlyDictionary<string, ToolExecutionFigures> ToolExecutions { get; init; }

    /// <summary>Decisions of people, by tool.</summary>
    public required IReadOnlyDictionary<string, HitlDecisionFigures> HitlDecisions { get; init; }

    /// <summary>Failed turns, by agent and error code.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyDictionary<string, long>> Errors { get; init; }
}

/// <summary>Calls to models for one agent.</summary>
public sealed record AgentProcessingFigures
{
    /// <summary>Calls.</summary>
    public long Count { get; init; }

    /// <summary>Milliseconds of all.</summary>
    public long TotalDurationMs { get; init; }

    /// <summary>Answered.</summary>
    public long SuccessCount { get; init; }

    /// <summary>Failed.</summary>
    public long FailureCount { get; init; }
}

/// <summary>Calls of one tool.</summary>
public sealed record ToolExecutionFigures
{
    /// <summary>Calls a model asked for.</summary>
    public long Requested { get; init; }

    /// <summary>Calls that brought a result.</summary>
    public long Completed { get; init; }

    /// <summary>Calls that failed, were denied or whose outcome is unknown. Rejected and cancelled ones are in neither.</summary>
    public long Failed { get; init; }

    /// <summary>Calls a person was asked about.</summary>
    public long RequiresApproval { get; init; }
}

/// <summary>Decisions on the calls of one tool.</summary>
public sealed record HitlDecisionFigures
{
    /// <summary>Approved as asked.</summary>
    [System.Text.Json.Serialization.JsonPropertyName("APPROVE")]
    public long Approve { get; init; }

    /// <summary>Approved with other arguments.</summary>
    [System.Text.Json.Serialization.JsonPropertyName("EDIT")]
    public long Edit { get; init; }

    /// <summary>Rejected, or not decided in time.</summary>
    [System.Text.Json.Serialization.JsonPropertyName("REJECT")]
    public long Reject { get; init; }
}

/// <summary>Body of <c>GET /api/v1/events/audit-log</c>.</summary>
public sealed record AuditLog
{
    /// <summary>Entries, newest first.</summary>
    [System.Text.Json.Serialization.JsonPropertyName("audit_log")]
    public required IReadOnlyList<AuditLogEntry> Entries { get; init; }

    /// <summary>How many.</summary>
    public int Count { get; init; }

    /// <summary>What was asked for.</summary>
    public required AuditLogFilters Filters { get; init; }
}

/// <summary>An entry of the audit log, in the event envelope of protocol.md §10.1. It never holds content.</summary>
public sealed record AuditLogEntry
{
    /// <summary>When, UTC.</summary>
    public DateTimeOffset Timestamp { get; init; }

    /// <summary>
    /// <c>agent_switched</c>, <c>hitl_decision_made</c>, <c>agent_error</c>, <c>tool_execution_failed</c> or <c>tool_approval_required</c>.
    /// </summary>
    public required string EventType { get; init; }

    /// <summary>Id; the same event has the same id whenever it is asked for.</summary>
    public required string EventId { get; init; }

    /// <summary><c>agent</c>, <c>hitl</c> or <c>tool</c>.</summary>
    public required string EventCategory { get; init; }

    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>The turn, or the session outside of one.</summary>
    public required string CorrelationId { get; init; }

    /// <summary>Always <c>agent</c>.</summary>
    public string Source { get; init; } = "agent";

    /// <summary>Version of the envelope.</summary>
    public string Version { get; init; } = "1.0";

    /// <summary>Facts of the event.</summary>
    public JsonElement Data { get; init; }
}

/// <summary>Filters of the audit log.</summary>
public sealed record AuditLogFilters
{
    /// <summary>The session; absent = all.</summary>
    public string? SessionId { get; init; }

    /// <summary>The kind; absent = all.</summary>
    public string? EventType { get; init; }

    /// <summary>Most entries.</summary>
    public int Limit { get; init; }
}

/// <summary>Body of <c>GET /api/v1/events/stats</c>.</summary>
public sealed record EventStats
{
    /// <summary>Events in the logs of all sessions.</summary>
    public long TotalPublished { get; init; }

    /// <summary>Events that were read into the figures.</summary>
    public long SuccessfulHandlers { get; init; }

    /// <summary>Events this version does not know, as a newer one wrote them.</summary>
    public long FailedHandlers { get; init; }

    /// <summary>When a session last did something, UTC.</summary>
    public DateTimeOffset? LastEventTime { get; init; }

    /// <summary>Share of events that were read, 0 to 1.</summary>
    public double SuccessRate { get; init; }
}
