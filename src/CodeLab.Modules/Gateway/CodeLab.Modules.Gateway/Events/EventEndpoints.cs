using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Events;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Gateway.Sessions;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Gateway.Events;

/// <summary>Figures and the audit log of sessions over REST (protocol.md §10.2).</summary>
internal static class EventEndpoints
{
    private static readonly Error _adminsOnly = new(
        "PERMISSION_DENIED",
        "Only administrators see all sessions: name one of yours with session_id.",
        StatusCodes.Status403Forbidden
    );

    public static void Map(IEndpointRouteBuilder app)
    {
        var events = app.MapGroup("/api/v1/events").WithTags("Events").AddEndpointFilter<SessionIdFilter>();
        events
            .MapGet("/metrics/session/{id}", SessionMetricsAsync)
            .WithName("GetSessionMetrics")
            .WithSummary("Lists every call to a model that a session made")
            .WithDescription("What is committed counts: the last call is in before its final frame is sent. 404 before the first call.")
            .RequireAuthorization(Policies.Read)
            .Answers<SessionMetrics>(StatusCodes.Status404NotFound);
        events
            .MapGet("/metrics/sessions", AllSessionMetricsAsync)
            .WithName("ListSessionMetrics")
            .WithSummary("Lists the model calls of all sessions, newest activity first")
            .RequireAuthorization(Policies.Admin)
            .Answers<SessionMetricsList>();
        events
            .MapGet("/metrics", MetricsAsync)
            .WithName("GetMetricsReport")
            .WithSummary("Sums up agents, tools, decisions and errors of all sessions")
            .RequireAuthorization(Policies.Admin)
            .Answers<MetricsReport>();
        events
            .MapGet("/audit-log", AuditLogAsync)
            .WithName("GetAuditLog")
            .WithSummary("Lists switches, decisions, failed tools and errors, newest first")
            .WithDescription("With session_id for whoever may see the session; without it for administrators.")
            .RequireAuthorization(Policies.Read)
            .Answers<AuditLog>(StatusCodes.Status404NotFound);
        events
            .MapGet("/stats", StatsAsync)
            .WithName("GetEventStats")
            .WithSummary("Counts the events in the logs of all sessions")
            .RequireAuthorization(Policies.Admin)
            .Answers<EventStats>();
    }

    private static async Task<IResult> SessionMetricsAsync(
        string id,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var metrics = await sender.Send(new GetSessionMetricsQuery(user.ToCaller("rest"), id), cancellationToken);
        return metrics.Error is { } error ? error.ToProblem() : TypedResults.Json(metrics.Value, ProtocolJson.Default.SessionMetrics);
    }

    private static async Task<IResult> AllSessionMetricsAsync(
        ISender sender,
        CancellationToken cancellationToken,
        int limit = 100,
        int offset = 0
    ) =>
        TypedResults.Json(
            await sender.Send(new ListSessionMetricsQuery(limit, offset), cancellationToken),
            ProtocolJson.Default.SessionMetricsList
        );

    private static async Task<IResult> MetricsAsync(ISender sender, CancellationToken cancellationToken) =>
        TypedResults.Json(await sender.Send(new GetMetricsReportQuery(), cancellationToken), ProtocolJson.Default.MetricsReport);

    private static async Task<IResult> AuditLogAsync(
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken,
        [FromQuery(Name = "session_id")] string? sessionId = null,
        [FromQuery(Name = "event_type")] string? eventType = null,
        int limit = 100
    )
    {
        var caller = user.ToCaller("rest");
        if (sessionId is null && !caller.IsAdmin)
            return _adminsOnly.ToProblem();
        var log = await sender.Send(new GetAuditLogQuery(caller, sessionId, eventType, limit), cancellationToken);
        return log.Error is { } error ? error.ToProblem() : TypedResults.Json(log.Value, ProtocolJson.Default.AuditLog);
    }

    private static async Task<IResult> StatsAsync(ISender sender, CancellationToken cancellationToken) =>
        TypedResults.Json(await sender.Send(new GetEventStatsQuery(), cancellationToken), ProtocolJson.Default.EventStats);
}
