using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Gateway.Sessions;
using CodeLab.Modules.Gateway.Sockets;
using CodeLab.Protocol.Rest;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Gateway.Follow;

/// <summary>Following a session by server-sent events: the third live door, for whoever only reads.</summary>
internal static class FollowEndpoint
{
    private static readonly Error _place = new(
        "INVALID_REQUEST",
        "Last-Event-ID is an id of this stream: SEQ, or SEQ;MESSAGE_ID;OFFSET.",
        StatusCodes.Status400BadRequest
    );

    public static void Map(IEndpointRouteBuilder app) =>
        app.MapGet("/api/v1/sessions/{id}/stream", FollowAsync)
            .WithName("FollowSession")
            .WithTags("Sessions")
            .WithSummary("Follows a session by server-sent events")
            .WithDescription(
                "An event a frame, as on the hub. Its id is the frame's seq, or SEQ;MESSAGE_ID;OFFSET inside a text; sent back as "
                    + "Last-Event-ID (or last_event_id) it goes on exactly there. Without one it begins at the session's beginning; "
                    + "from=now skips what was. A browser, whose EventSource sends no header, uses ?ticket= of the session's socket-ticket."
            )
            .RequireAuthorization(TicketPolicy.Read)
            .AddEndpointFilter<SessionIdFilter>()
            .Produces<string>(StatusCodes.Status200OK, "text/event-stream")
            .Produces<ErrorBody>(StatusCodes.Status401Unauthorized)
            .Produces<ErrorBody>(StatusCodes.Status404NotFound)
            .Produces<ErrorBody>(StatusCodes.Status429TooManyRequests)
            .Produces<ErrorBody>(StatusCodes.Status503ServiceUnavailable);

    private static async Task<IResult> FollowAsync(
        string id,
        HttpContext http,
        SessionFollower follower,
        [FromHeader(Name = "Last-Event-ID")] string? header = null,
        [FromQuery(Name = "last_event_id")] string? query = null,
        [FromQuery(Name = "from")] string? from = null
    )
    {
        var position = default(FollowPosition);
        if ((header ?? query) is { Length: > 0 } place && !FollowPosition.TryParse(place, out position))
            return _place.ToProblem();
        var now = from == "now" && position.Seq == 0;
        var error = await follower.RunAsync(http, id, FollowForm.Session, now ? null : position);
        return error is null ? Results.Empty : error.ToProblem();
    }
}
