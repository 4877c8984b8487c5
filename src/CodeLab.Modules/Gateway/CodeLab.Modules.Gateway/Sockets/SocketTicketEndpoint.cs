using System.Security.Claims;
using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Gateway.Limits;
using CodeLab.Modules.Gateway.Sessions;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>Tickets for sockets and events of browsers, which can send no header: <c>?ticket=</c> opens the one session, once, within 30 s (security.md §3.6).</summary>
internal static class SocketTicketEndpoint
{
    private static readonly Error _noSignIn = new(
        "PERMISSION_DENIED",
        "Only a person's sign-in gets tickets; a service sends its token in the Authorization header.",
        StatusCodes.Status403Forbidden
    );

    public static void Map(IEndpointRouteBuilder app) =>
        app.MapPost("/api/v1/sessions/{id}/socket-ticket", IssueAsync)
            .WithTags("Sessions")
            .WithName("IssueSocketTicket")
            .WithSummary("Makes a one-time ticket that opens the session's WebSocket or events within 30 s")
            .RequireAuthorization(Policies.Read)
            .AddEndpointFilter<SessionIdFilter>()
            .Produces<SocketTicketAnswer>();

    private static async Task<IResult> IssueAsync(
        string id,
        HttpContext context,
        ClaimsPrincipal user,
        ISender sender,
        ConnectLimits limits,
        ClientAddress addresses,
        CancellationToken cancellationToken
    )
    {
        if (user.FindFirstValue("sid") is not { } signIn)
            return _noSignIn.ToProblem();
        if (await limits.TakeTicketAsync(addresses.Of(context), cancellationToken) is { } refused)
            return refused.ToProblem();
        var ticket = await sender.Send(new IssueSocketTicketCommand(user.GetUserId(), signIn, id), cancellationToken);
        return TypedResults.Json(new SocketTicketAnswer(ticket.Ticket, ticket.ExpiresIn, id), SocketTicketJson.Default.SocketTicketAnswer);
    }

    /// <summary>Answer of the route.</summary>
    internal sealed record SocketTicketAnswer(string Ticket, int ExpiresIn, string SessionId);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SocketTicketEndpoint.SocketTicketAnswer))]
internal sealed partial class SocketTicketJson : JsonSerializerContext;
