using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Events;

// Readings of the session logs (protocol.md §10.2). They hold what is committed at the moment of asking, and so survive every restart.

/// <summary>Calls to models of one session; <c>METRICS_NOT_FOUND</c> (404) before the first, and for a session the caller may not see.</summary>
public sealed record GetSessionMetricsQuery(SessionCaller Caller, string SessionId) : IRequest<Result<SessionMetrics>>;

/// <summary>Calls to models of all sessions, a page. For administrators: the door checks that.</summary>
/// <param name="Limit">1 to 100.</param>
/// <param name="Offset">From 0.</param>
public sealed record ListSessionMetricsQuery(int Limit, int Offset) : IRequest<SessionMetricsList>;

/// <summary>Figures of all sessions. For administrators: the door checks that.</summary>
public sealed record GetMetricsReportQuery : IRequest<MetricsReport>;

/// <summary>The audit log of sessions. Without <paramref name="SessionId"/> it is of all, for administrators: the door checks that.</summary>
/// <param name="Caller">Who asks; counts with <paramref name="SessionId"/>.</param>
/// <param name="SessionId">One session; null = all.</param>
/// <param name="EventType">One kind, by its published name or as in security.md §13 (<c>agent.switched</c>); null = all.</param>
/// <param name="Limit">1 to 1,000.</param>
public sealed record GetAuditLogQuery(SessionCaller Caller, string? SessionId, string? EventType, int Limit) : IRequest<Result<AuditLog>>;

/// <summary>How many events there are. For administrators: the door checks that.</summary>
public sealed record GetEventStatsQuery : IRequest<EventStats>;
