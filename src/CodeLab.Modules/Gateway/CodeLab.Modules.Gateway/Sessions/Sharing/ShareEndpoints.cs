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
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Gateway.Sessions.Sharing;

/// <summary>Sharing a session with people and teams.</summary>
internal static class ShareEndpoints
{
    private static readonly Error _noGrantee = new(
        "INVALID_REQUEST",
        "The id of the user or team is 1 to 128 characters of A-Z a-z 0-9 _ . : -",
        StatusCodes.Status400BadRequest
    );

    public static void Map(IEndpointRouteBuilder app)
    {
        var shares = app.MapGroup("/api/v1/sessions/{id}/shares").WithTags("Sharing").AddEndpointFilter<SessionIdFilter>();
        shares
            .MapGet("/", ListAsync)
            .WithName("ListSessionShares")
            .WithSummary("Lists whom a session is shared with")
            .RequireAuthorization(Policies.Read)
            .Answers<SessionShareList>(StatusCodes.Status404NotFound);
        foreach (var kind in (string[])["user", "team"])
        {
            var name = kind == "user" ? "User" : "Team";
            shares
                .MapPut(
                    $"/{kind}s/{{grantee}}",
                    (
                        string id,
                        string grantee,
                        ClaimsPrincipal user,
                        ISender sender,
                        [FromBody(EmptyBodyBehavior = EmptyBodyBehavior.Allow)] ShareSessionBody? body,
                        CancellationToken cancelled
                    ) => ShareAsync(sender, new(SessionEndpoints.Caller(user), id, kind, grantee, body?.Role ?? "viewer"), cancelled)
                )
                .WithName("ShareSessionWith" + name)
                .WithSummary($"Shares a session with a {kind}, or changes the role")
                .WithDescription(
                    "role: viewer (default) watches; driver also writes, decides and runs tools; owner also deletes and shares."
                )
                .RequireAuthorization(Policies.Write)
                .Answers<SessionShare>(StatusCodes.Status404NotFound);
            shares
                .MapDelete(
                    $"/{kind}s/{{grantee}}",
                    (string id, string grantee, ClaimsPrincipal user, ISender sender, CancellationToken cancelled) =>
                        EndAsync(sender, new(SessionEndpoints.Caller(user), id, kind, grantee), cancelled)
                )
                .WithName("UnshareSessionWith" + name)
                .WithSummary($"Ends sharing a session with a {kind}")
                .WithDescription("Who is attached by that share is disconnected at once.")
                .RequireAuthorization(Policies.Write)
                .Answers<ShareRemoved>(StatusCodes.Status404NotFound);
        }
    }

    private static async Task<IResult> ListAsync(string id, ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken)
    {
        var shares = await sender.Send(new ListSharesQuery(SessionEndpoints.Caller(user), id), cancellationToken);
        return shares.Error is { } error ? error.ToProblem() : TypedResults.Json(shares.Value, ProtocolJson.Default.SessionShareList);
    }

    private static async Task<IResult> ShareAsync(ISender sender, ShareSessionCommand command, CancellationToken cancellationToken)
    {
        if (!Ids.IsId(command.GranteeId))
            return _noGrantee.ToProblem();
        var share = await sender.Send(command, cancellationToken);
        return share.Error is { } error ? error.ToProblem() : TypedResults.Json(share.Value, ProtocolJson.Default.SessionShare);
    }

    private static async Task<IResult> EndAsync(ISender sender, UnshareSessionCommand command, CancellationToken cancellationToken)
    {
        if (!Ids.IsId(command.GranteeId))
            return _noGrantee.ToProblem();
        var ended = await sender.Send(command, cancellationToken);
        return ended.Error is { } error
            ? error.ToProblem()
            : TypedResults.Json(new ShareRemoved { Status = "removed", SessionId = command.SessionId }, ProtocolJson.Default.ShareRemoved);
    }
}
