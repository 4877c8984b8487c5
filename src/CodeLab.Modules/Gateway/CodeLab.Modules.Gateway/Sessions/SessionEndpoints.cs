using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Modules.Gateway.Sockets;
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
    private static readonly Error _unknownScope = new(
        "INVALID_REQUEST",
        "scope must be own, shared, all or team.",
        StatusCodes.Status400BadRequest
    );

    private static readonly Error _unknownType = new(
        "INVALID_REQUEST",
        "request_type must be tool, plan or all.",
        StatusCodes.Status400BadRequest
    );

    public static void Map(IEndpointRouteBuilder app)
    {
        var read = app.MapGroup("/api/v1/sessions").WithTags("Sessions").RequireAuthorization(Policies.Read);
        var write = app.MapGroup("/api/v1/sessions").WithTags("Sessions").RequireAuthorization(Policies.Write);
        foreach (var group in (RouteGroupBuilder[])[read, write])
            group.AddEndpointFilter<SessionIdFilter>();
        write
            .MapPost("/", CreateAsync)
            .WithName("CreateSession")
            .WithSummary("Creates a session")
            .WithDescription("The body may be absent. An explicit session_id that is taken answers 409.")
            .Creates<SessionInfo>(StatusCodes.Status409Conflict, StatusCodes.Status422UnprocessableEntity);
        read.MapGet("/", ListAsync)
            .WithName("ListSessions")
            .WithSummary("Lists sessions, newest activity first")
            .WithDescription(
                "scope: own (default), shared with the caller, all of both, or team: those of the members of teams the caller leads."
            )
            .Answers<SessionList>();
        read.MapGet("/{id}", GetAsync)
            .WithName("GetSession")
            .WithSummary("Reads a session")
            .WithDescription("The session stands flat and once more under session; include_messages=true nests the messages there.")
            .Answers<SessionDetail>(StatusCodes.Status404NotFound);
        write
            .MapPatch("/{id}", UpdateAsync)
            .WithName("UpdateSession")
            .WithSummary("Changes title, description or model of a session")
            .Answers<SessionInfo>(StatusCodes.Status404NotFound, StatusCodes.Status422UnprocessableEntity);
        write
            .MapDelete("/{id}", DeleteAsync)
            .WithName("DeleteSession")
            .WithSummary("Deletes a session; a running turn is cancelled")
            .Answers<SessionDeleted>(StatusCodes.Status404NotFound);
        read.MapGet("/{id}/history", HistoryAsync)
            .WithName("GetSessionHistory")
            .WithSummary("Reads messages and agent switches of a session")
            .Answers<SessionHistory>(StatusCodes.Status404NotFound);
        write
            .MapDelete("/{id}/history", ClearAsync)
            .WithName("ClearSessionHistory")
            .WithSummary("Clears the messages of a session: the conversation begins anew")
            .Answers<HistoryCleared>(StatusCodes.Status404NotFound);
        read.MapGet("/{id}/pending-approvals", PendingApprovalsAsync)
            .WithName("GetPendingApprovals")
            .WithSummary("Lists the tool calls that wait for a decision")
            .WithDescription("request_type: tool (default), plan or all.")
            .Answers<PendingApprovalList>(StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> CreateAsync(
        [FromBody(EmptyBodyBehavior = Microsoft.AspNetCore.Mvc.ModelBinding.EmptyBodyBehavior.Allow)] CreateSessionBody? body,
        ClaimsPrincipal user,
        ISender sender,
        HttpContext context,
        SessionAddresses addresses,
        ClientAddress address,
        CancellationToken cancellationToken
    )
    {
        if (body?.SessionId is { } wished && !Ids.IsSession(wished))
            return SessionIdFilter.Invalid.ToProblem();
        var created = await sender.Send(new CreateSessionCommand(Caller(user), body ?? new CreateSessionBody()), cancellationToken);
        if (created.Error is { } error)
            return error.ToProblem();
        addresses.Remember(created.Value!.Id, address.Of(context));
        return new CreatedSession(created.Value);
    }

    private static async Task<IResult> ListAsync(
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken,
        int limit = 100,
        int offset = 0,
        [FromQuery(Name = "active_only")] bool activeOnly = true,
        string scope = "own"
    )
    {
        if (scope is not ("own" or "shared" or "all" or "team"))
            return _unknownScope.ToProblem();
        var query = new ListSessionsQuery(Caller(user), limit, offset, activeOnly) { Scope = scope };
        var sessions = await sender.Send(query, cancellationToken);
        return sessions.Error is { } error ? error.ToProblem() : TypedResults.Json(sessions.Value, ProtocolJson.Default.SessionList);
    }

    private static async Task<IResult> GetAsync(
        string id,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken,
        [FromQuery(Name = "include_messages")] bool includeMessages = false
    )
    {
        var session = await sender.Send(new GetSessionQuery(Caller(user), id), cancellationToken);
        if (session.Error is { } error)
            return error.ToProblem();
        var detail = SessionDetail.From(session.Value!);
        if (includeMessages)
        {
            var history = await sender.Send(new GetHistoryQuery(Caller(user), id, null, 0), cancellationToken);
            if (history.Error is { } gone)
                return gone.ToProblem();
            detail = detail with { Session = detail.Session with { Messages = history.Value!.Messages } };
        }
        return TypedResults.Json(detail, ProtocolJson.Default.SessionDetail);
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

    private static async Task<IResult> ClearAsync(string id, ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken)
    {
        var cleared = await sender.Send(new ClearHistoryCommand(Caller(user), id), cancellationToken);
        return cleared.Error is { } error
            ? error.ToProblem()
            : TypedResults.Json(new HistoryCleared { Status = "cleared", SessionId = id }, ProtocolJson.Default.HistoryCleared);
    }

    private static async Task<IResult> PendingApprovalsAsync(
        string id,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken,
        [FromQuery(Name = "request_type")] string? requestType = null
    )
    {
        // Not a default of the parameter: the compiler's delegates would hand an empty text.
        requestType ??= "tool";
        if (requestType is not ("tool" or "plan" or "all"))
            return _unknownType.ToProblem();
        var pending = await sender.Send(new GetPendingApprovalsQuery(Caller(user), id, requestType), cancellationToken);
        return pending.Error is { } error ? error.ToProblem() : TypedResults.Json(pending.Value, ProtocolJson.Default.PendingApprovalList);
    }

    internal static SessionCaller Caller(ClaimsPrincipal user) => user.ToCaller("rest");
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
