using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Gateway.Follow;
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
            .WithDescription(
                "The first decision counts; a second one answers 409. With Accept: text/event-stream what follows is streamed as data: lines, "
                    + "up to data: [DONE] at the end of the turn."
            )
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
        [AsParameters] Doors doors,
        CancellationToken cancellationToken
    ) =>
        SendAsync(
            id,
            body.CallId ?? body.RequestId,
            Verdict(body.Decision),
            HubInput.Present(body.ModifiedArguments ?? body.EditedArguments),
            body.Feedback,
            doors,
            cancellationToken
        );

    private static Task<IResult> ApproveAsync(
        string id,
        ApproveBody body,
        [AsParameters] Doors doors,
        CancellationToken cancellationToken
    ) => SendAsync(id, body.ActionId, body.Approved ? "approve" : "reject", null, null, doors, cancellationToken);

    private static async Task<IResult> SendAsync(
        string sessionId,
        string? callId,
        string? verdict,
        System.Text.Json.JsonElement? arguments,
        string? feedback,
        Doors doors,
        CancellationToken cancellationToken
    )
    {
        if (!Ids.IsId(callId))
            return _noCall.ToProblem();
        if (verdict is null)
            return _noVerdict.ToProblem();
        var input = new SessionInput.Decision(callId!, verdict, arguments, feedback, Remember: false);
        if (WantsEvents(doors.Http.Request))
        {
            // Watched from before the decision, so that nothing that follows from it is missed.
            var refused = await doors.Follower.RunAsync(
                doors.Http,
                sessionId,
                FollowForm.Answer,
                from: null,
                () => SayAsync(sessionId, input, doors, cancellationToken)
            );
            return refused is null ? Results.Empty : refused.ToProblem();
        }
        if (await SayAsync(sessionId, input, doors, cancellationToken) is { } error)
            return error.ToProblem();
        var answer = new HitlDecisionAnswer
        {
            Status = verdict == "reject" ? "rejected" : "approved",
            CallId = callId!,
            SessionId = sessionId,
        };
        return TypedResults.Json(answer, ProtocolJson.Default.HitlDecisionAnswer);
    }

    private static async Task<Error?> SayAsync(
        string sessionId,
        SessionInput.Decision input,
        Doors doors,
        CancellationToken cancellationToken
    )
    {
        var command = new AcceptInputCommand(SessionEndpoints.Caller(doors.Http.User), sessionId, input);
        var ack = await doors.Sender.Send(command, cancellationToken);
        if (ack.Error is { } error)
            return error;
        // The first decision counts; this route tells the second person so (protocol.md §3.2).
        return ack.Value!.Duplicate ? _decided : null;
    }

    private static bool WantsEvents(HttpRequest request) =>
        request.Headers.Accept.Any(a => a?.Contains("text/event-stream", StringComparison.OrdinalIgnoreCase) == true);

    /// <summary>What both routes need.</summary>
    internal readonly record struct Doors(HttpContext Http, ISender Sender, SessionFollower Follower);

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
