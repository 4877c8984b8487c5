using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Agent.Sessions.Sharing;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Events;

/// <summary>Reads the model calls of one log.</summary>
internal static class SessionMetricsReader
{
    public static async Task<SessionMetrics> ReadAsync(ISessionStore store, string sessionId, CancellationToken cancellationToken)
    {
        var requests = new List<ModelRequestMetrics>();
        var reading = new SessionReading { OnRequest = requests.Add };
        await foreach (var row in store.ReadAsync(sessionId, 0, null, cancellationToken))
            reading.Read(row);
        var duration = Math.Round(requests.Sum(r => r.DurationMs), 3);
        var (input, output) = (requests.Sum(r => r.PromptTokens), requests.Sum(r => r.CompletionTokens));
        var count = Math.Max(1, requests.Count);
        return new()
        {
            SessionId = sessionId,
            TotalRequests = requests.Count,
            SuccessfulRequests = requests.Count(r => r.Success),
            FailedRequests = requests.Count(r => !r.Success),
            TotalDurationMs = duration,
            AverageDurationMs = Math.Round(duration / count, 3),
            TotalPromptTokens = input,
            TotalCompletionTokens = output,
            TotalTokens = input + output,
            AverageTokensPerRequest = Math.Round((double)(input + output) / count, 3),
            RequestsWithTools = requests.Count(r => r.HasToolCalls),
            Requests = requests,
        };
    }
}

internal sealed class GetSessionMetricsHandler(ISessionStore store, SessionAccess access)
    : IRequestHandler<GetSessionMetricsQuery, Result<SessionMetrics>>
{
    public async Task<Result<SessionMetrics>> Handle(GetSessionMetricsQuery query, CancellationToken cancellationToken)
    {
        var found = await access.FindAsync(query.Caller, query.SessionId, SessionRight.Watch, cancellationToken);
        if (!found.IsOk)
            return SessionErrors.NoMetrics(query.SessionId);
        var metrics = await SessionMetricsReader.ReadAsync(store, query.SessionId, cancellationToken);
        return metrics.TotalRequests == 0 ? SessionErrors.NoMetrics(query.SessionId) : metrics;
    }
}

internal sealed class ListSessionMetricsHandler(ISessionStore store, EventReadings readings)
    : IRequestHandler<ListSessionMetricsQuery, SessionMetricsList>
{
    public async Task<SessionMetricsList> Handle(ListSessionMetricsQuery query, CancellationToken cancellationToken)
    {
        var (limit, offset) = (Math.Clamp(query.Limit, 1, 100), Math.Max(0, query.Offset));
        var sessions = new List<SessionMetrics>();
        foreach (var id in await readings.SessionsAsync(limit, offset, cancellationToken))
        {
            var metrics = await SessionMetricsReader.ReadAsync(store, id, cancellationToken);
            if (metrics.TotalRequests > 0)
                sessions.Add(metrics);
        }
        return new()
        {
            Sessions = sessions,
            Count = sessions.Count,
            Limit = limit,
            Offset = offset,
        };
    }
}

internal sealed class GetMetricsReportHandler(EventReadings readings, TimeProvider time)
    : IRequestHandler<GetMetricsReportQuery, MetricsReport>
{
    public async Task<MetricsReport> Handle(GetMetricsReportQuery query, CancellationToken cancellationToken)
    {
        await readings.CatchUpAsync(cancellationToken);
        var figures = MetricsReportBuilder.Build(await readings.CountersAsync(cancellationToken));
        return new()
        {
            Metrics = figures,
            Computed = MetricsReportBuilder.Compute(figures),
            Timestamp = time.GetUtcNow(),
        };
    }
}

internal sealed class GetAuditLogHandler(EventReadings readings, SessionAccess access) : IRequestHandler<GetAuditLogQuery, Result<AuditLog>>
{
    // The same events under the names of the audit of accounts (security.md §13).
    private static readonly Dictionary<string, string> _aliases = new(StringComparer.Ordinal)
    {
        ["agent.switched"] = "agent_switched",
        ["hitl.decision.made"] = "hitl_decision_made",
        ["agent.error.occurred"] = "agent_error",
        ["tool.execution.failed"] = "tool_execution_failed",
        ["tool.approval.required"] = "tool_approval_required",
        ["approval.requested"] = "tool_approval_required",
    };

    public async Task<Result<AuditLog>> Handle(GetAuditLogQuery query, CancellationToken cancellationToken)
    {
        if (query.SessionId is { } sessionId)
        {
            var found = await access.FindAsync(query.Caller, sessionId, SessionRight.Watch, cancellationToken);
            if (!found.IsOk)
                return found.Error;
        }
        await readings.CatchUpAsync(cancellationToken);
        var limit = Math.Clamp(query.Limit, 1, 1000);
        var type = query.EventType is null ? null : _aliases.GetValueOrDefault(query.EventType, query.EventType);
        var entries = await readings.AuditAsync(query.SessionId, type, limit, cancellationToken);
        return new AuditLog
        {
            Entries = [.. entries.Select(e => ToProtocol(e.SessionId, e.Entry))],
            Count = entries.Count,
            Filters = new()
            {
                SessionId = query.SessionId,
                EventType = query.EventType,
                Limit = limit,
            },
        };
    }

    private static AuditLogEntry ToProtocol(string sessionId, AuditEntry entry) =>
        new()
        {
            Timestamp = entry.At,
            EventType = entry.Type,
            EventId = AuditEntry.IdOf(sessionId, entry.Seq),
            EventCategory = entry.Type.StartsWith("hitl", StringComparison.Ordinal) ? "hitl" : entry.Type[..entry.Type.IndexOf('_')],
            SessionId = sessionId,
            CorrelationId = entry.TurnId ?? sessionId,
            Data = JsonElement.Parse(entry.Data),
        };
}

internal sealed class GetEventStatsHandler(EventReadings readings, ISessionStore store) : IRequestHandler<GetEventStatsQuery, EventStats>
{
    public async Task<EventStats> Handle(GetEventStatsQuery query, CancellationToken cancellationToken)
    {
        await readings.CatchUpAsync(cancellationToken);
        var events = (await readings.CountersAsync(cancellationToken)).Where(c => c.Counter == Counters.Events).ToList();
        var total = events.Sum(e => e.Value);
        var unknown = events.Where(e => e.Subject == "unknown").Sum(e => e.Value);
        var newest = await readings.NewestSessionAsync(cancellationToken) is { } id ? await store.FindAsync(id, cancellationToken) : null;
        return new()
        {
            TotalPublished = total,
            SuccessfulHandlers = total - unknown,
            FailedHandlers = unknown,
            LastEventTime = newest?.UpdatedAt,
            SuccessRate = total == 0 ? 1 : Math.Round((double)(total - unknown) / total, 6),
        };
    }
}
