using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Gateway.Hubs;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Gateway.Sessions;

/// <summary>Decisions on waiting calls over REST (protocol.md §3.2, §7.5); what follows is told on the live connections.</summary>
internal static class DecisionEndpoints
{
    private static readonly Error _noCall = new("MISSING_FIELD", "call_id is missing or not an id.", StatusCodes.Status400BadRequest);

    private static readonly Error _noVerdict = new(
        "MISSING_FIELD",
        "decision must be approve, edit or reject.",
        StatusCodes.Status400BadRequest
    );

    private static readonly Error _decided = new("ALREADY_DECIDED", "This call was decided already.", StatusCodes.Status409Conflict);

    public static void Map(IEndpointRouteBuilder app)
    {
        var sessions = app.MapGroup("/api/v1/sessions/{id}")
            .WithTags("Sessions")
            .RequireAuthorization(Policies.Write)
            .AddEndpointFilter<SessionIdFilter>();
        sessions
            .MapPost("/hitl-decision", DecideAsync)
            .WithName("DecideCall")
            .WithSummary("Decides on a tool call that waits")
            .WithDescription("The first decision counts; a second one answers 409.")
            .Answers<HitlDecisionAnswer>(StatusCodes.Status404NotFound, StatusCodes.Status409Conflict);
        sessions
            .MapPost("/approve", ApproveAsync)
            .WithName("ApproveCall")
            .WithSummary("Approves or rejects a tool call that waits, in the older form")
            .Answers<HitlDecisionAnswer>(StatusCodes.Status404NotFound, StatusCodes.Status409Conflict);
    }

    private static Task<IResult> DecideAsync(
        string id,
        HitlDecisionBody body,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    ) =>
        SendAsync(
            id,
            body.CallId ?? body.RequestId,
            Verdict(body.Decision),
            HubInput.Present(body.ModifiedArguments ?? body.EditedArguments),
            body.Feedback,
            user,
            sender,
            cancellationToken
        );

    private static Task<IResult> ApproveAsync(
        string id,
        ApproveBody body,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    ) => SendAsync(id, body.ActionId, body.Approved ? "approve" : "reject", null, null, user, sender, cancellationToken);

    private static async Task<IResult> SendAsync(
        string sessionId,
        string? callId,
        string? verdict,
        System.Text.Json.JsonElement? arguments,
        string? feedback,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        if (!Ids.IsId(callId))
            return _noCall.ToProblem();
        if (verdict is null)
            return _noVerdict.ToProblem();
        var input = new SessionInput.Decision(callId!, verdict, arguments, feedback, Remember: false);
        var ack = await sender.Send(new AcceptInputCommand(SessionEndpoints.Caller(user), sessionId, input), cancellationToken);
        if (ack.Error is { } error)
            return error.ToProblem();
        // The first decision counts; this route tells the second person so (protocol.md §3.2).
        if (ack.Value!.Duplicate)
            return _decided.ToProblem();
        var answer = new HitlDecisionAnswer
        {
            Status = verdict == "reject" ? "rejected" : "approved",
            CallId = callId!,
            SessionId = sessionId,
        };
        return TypedResults.Json(answer, ProtocolJson.Default.HitlDecisionAnswer);
    }

    /// <summary>The published aliases of the three decisions.</summary>
    public static string? Verdict(string? decision) =>
        decision?.ToUpperInvariant() switch
        {
            "APPROVE" or "APPROVED" => "approve",
            "EDIT" or "MODIFY" => "edit",
            "REJECT" or "REJECTED" => "reject",
            _ => null,
        };
}
