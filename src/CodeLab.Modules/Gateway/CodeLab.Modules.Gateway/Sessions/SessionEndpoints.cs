using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Gateway.Sessions;

/// <summary>Sessions over REST (protocol.md §3.2). Every route binds, sends and maps.</summary>
internal static class SessionEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var read = app.MapGroup("/api/v1/sessions").WithTags("Sessions").RequireAuthorization(Policies.Read);
        var write = app.MapGroup("/api/v1/sessions").WithTags("Sessions").RequireAuthorization(Policies.Write);
        write.MapPost("/", CreateAsync).WithName("CreateSession").Produces<SessionInfo>(StatusCodes.Status201Created);
        read.MapGet("/", ListAsync).WithName("ListSessions").Produces<SessionList>();
        foreach (var group in (RouteGroupBuilder[])[read, write])
            group.AddEndpointFilter<SessionIdFilter>();
        read.MapGet("/{id}", GetAsync).WithName("GetSession").Produces<SessionDetail>();
        write.MapPatch("/{id}", UpdateAsync).WithName("UpdateSession").Produces<SessionInfo>();
        write.MapDelete("/{id}", DeleteAsync).WithName("DeleteSession").Produces<SessionDeleted>();
        read.MapGet("/{id}/history", HistoryAsync).WithName("GetSessionHistory").Produces<SessionHistory>();
        read.MapGet("/{id}/pending-approvals", PendingApprovalsAsync).WithName("GetPendingApprovals").Produces<PendingApprovalList>();
    }

    private static async Task<IResult> CreateAsync(
        [FromBody(EmptyBodyBehavior = Microsoft.AspNetCore.Mvc.ModelBinding.EmptyBodyBehavior.Allow)] CreateSessionBody? body,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        if (body?.SessionId is { } wished && !Ids.IsSession(wished))
            return SessionIdFilter.Invalid.ToProblem();
        var created = await sender.Send(new CreateSessionCommand(Caller(user), body ?? new CreateSessionBody()), cancellationToken);
        if (created.Error is { } error)
            return error.ToProblem();
        return new CreatedSession(created.Value!);
    }

    private static async Task<IResult> ListAsync(
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken,
        int limit = 100,
        int offset = 0,
        [FromQuery(Name = "active_only")] bool activeOnly = true
    )
    {
        var sessions = await sender.Send(new ListSessionsQuery(Caller(user), limit, offset, activeOnly), cancellationToken);
        return sessions.Error is { } error ? error.ToProblem() : TypedResults.Json(sessions.Value, ProtocolJson.Default.SessionList);
    }

    private static async Task<IResult> GetAsync(string id, ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken)
    {
        var session = await sender.Send(new GetSessionQuery(Caller(user), id), cancellationToken);
        if (session.Error is { } error)
            return error.ToProblem();
        return TypedResults.Json(SessionDetail.From(session.Value!), ProtocolJson.Default.SessionDetail);
    }

    private static async Task<IResult> UpdateAsync(
        string id,
        UpdateSessionBody body,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var session = await sender.Send(new UpdateSessionCommand(Caller(user), id, body), cancellationToken);
        return session.Error is { } error ? error.ToProblem() : TypedResults.Json(session.Value, ProtocolJson.Default.SessionInfo);
    }

    private static async Task<IResult> DeleteAsync(string id, ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken)
    {
        var deleted = await sender.Send(new DeleteSessionCommand(Caller(user), id), cancellationToken);
        if (deleted.Error is { } error)
            return error.ToProblem();
        return TypedResults.Json(
            new SessionDeleted
            {
                Status = "deleted",
                Id = id,
                SessionId = id,
            },
            ProtocolJson.Default.SessionDeleted
        );
    }

    private static async Task<IResult> HistoryAsync(
        string id,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken,
        int? limit = null,
        int offset = 0
    )
    {
        var history = await sender.Send(new GetHistoryQuery(Caller(user), id, limit, offset), cancellationToken);
        return history.Error is { } error ? error.ToProblem() : TypedResults.Json(history.Value, ProtocolJson.Default.SessionHistory);
    }

    private static async Task<IResult> PendingApprovalsAsync(
        string id,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var pending = await sender.Send(new GetPendingApprovalsQuery(Caller(user), id), cancellationToken);
        return pending.Error is { } error ? error.ToProblem() : TypedResults.Json(pending.Value, ProtocolJson.Default.PendingApprovalList);
    }

    internal static SessionCaller Caller(ClaimsPrincipal user) => new(user.GetUserId(), "rest");

    /// <summary>201 with the address of the session; the body is written by the source-generated serializer.</summary>
    private sealed class CreatedSession(SessionInfo session) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status201Created;
            httpContext.Response.Headers.Location = $"/api/v1/sessions/{session.Id}";
            return httpContext.Response.WriteAsJsonAsync(
                session,
                ProtocolJson.Default.SessionInfo,
                cancellationToken: httpContext.RequestAborted
            );
        }
    }
}

/// <summary>Refuses ids that can not be one before anybody looks for them.</summary>
internal sealed class SessionIdFilter : IEndpointFilter
{
    public static readonly Error Invalid = new(
        "INVALID_REQUEST",
        "session_id must be 1 to 64 characters of A-Z a-z 0-9 _ . -",
        StatusCodes.Status400BadRequest
    )
    {
        Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["session_id"] = "Not an id." },
    };

    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        context.HttpContext.GetRouteValue("id") is string id && !Ids.IsSession(id)
            ? ValueTask.FromResult<object?>(Invalid.ToProblem())
            : next(context);
}
