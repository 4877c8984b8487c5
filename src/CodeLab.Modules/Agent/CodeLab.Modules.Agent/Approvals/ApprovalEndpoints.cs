using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Access;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>Levels, remembered decisions and the queue of what waits for a person.</summary>
internal static class ApprovalEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var read = app.MapGroup("/api/v1").WithTags("Approvals").RequireAuthorization(Policies.Read);
        var write = app.MapGroup("/api/v1").WithTags("Approvals").RequireAuthorization(Policies.Write);
        read.MapGet("/settings/autonomy", GetAutonomyAsync)
            .WithName("GetAutonomy")
            .WithSummary("How far the agent goes by itself: the caller's setting, or that of a session")
            .Produces<AutonomySetting>();
        write
            .MapPut("/settings/autonomy", SetAutonomyAsync)
            .WithName("SetAutonomy")
            .WithSummary("Sets how far the agent goes by itself")
            .Produces<AutonomySetting>();
        read.MapGet("/approvals", QueueAsync)
            .WithName("ListApprovals")
            .WithSummary("What waits for a decision of the caller, in all sessions")
            .Produces<ApprovalQueue>();
        read.MapGet("/approvals/rules", RememberedAsync)
            .WithName("ListRememberedDecisions")
            .WithSummary("Decisions the caller asked to remember")
            .Produces<RememberedDecisionList>();
        write
            .MapDelete("/approvals/rules/{id}", RevokeAsync)
            .WithName("RevokeRememberedDecision")
            .WithSummary("Forgets a remembered decision")
            .Produces(StatusCodes.Status204NoContent);
    }

    private static async Task<IResult> GetAutonomyAsync(
        [FromQuery(Name = "session_id")] string? sessionId,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var setting = await sender.Send(new GetAutonomyQuery(Caller(user), sessionId), cancellationToken);
        return setting.Error is { } error ? error.ToProblem() : TypedResults.Json(setting.Value, ProtocolJson.Default.AutonomySetting);
    }

    private static async Task<IResult> SetAutonomyAsync(
        AutonomySetting body,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var setting = await sender.Send(new SetAutonomyCommand(Caller(user), body), cancellationToken);
        return setting.Error is { } error ? error.ToProblem() : TypedResults.Json(setting.Value, ProtocolJson.Default.AutonomySetting);
    }

    private static async Task<IResult> QueueAsync(ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken) =>
        TypedResults.Json(
            await sender.Send(new GetApprovalQueueQuery(Caller(user)), cancellationToken),
            ProtocolJson.Default.ApprovalQueue
        );

    private static async Task<IResult> RememberedAsync(
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken,
        bool everybody = false
    ) =>
        TypedResults.Json(
            await sender.Send(new ListRememberedQuery(Caller(user), everybody), cancellationToken),
            ProtocolJson.Default.RememberedDecisionList
        );

    private static async Task<IResult> RevokeAsync(string id, ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken)
    {
        var revoked = await sender.Send(new RevokeRememberedCommand(Caller(user), id), cancellationToken);
        return revoked.Error is { } error ? error.ToProblem() : TypedResults.NoContent();
    }

    internal static SessionCaller Caller(ClaimsPrincipal user) => new(user.GetUserId(), "rest") { IsAdmin = user.IsAdministrator() };
}
