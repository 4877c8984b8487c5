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
                    ([AsParameters] ShareRoute route, CancellationToken cancelled) => ShareAsync(kind, route, cancelled)
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
                    ([AsParameters] UnshareRoute route, CancellationToken cancelled) => EndAsync(kind, route, cancelled)
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

    private static async Task<IResult> ShareAsync(string kind, ShareRoute route, CancellationToken cancellationToken)
    {
        if (!Ids.IsId(route.Grantee))
            return _noGrantee.ToProblem();
        var command = new ShareSessionCommand(
            SessionEndpoints.Caller(route.User),
            route.Id,
            kind,
            route.Grantee,
            route.Body?.Role ?? "viewer"
        );
        var share = await route.Sender.Send(command, cancellationToken);
        return share.Error is { } error ? error.ToProblem() : TypedResults.Json(share.Value, ProtocolJson.Default.SessionShare);
    }

    private static async Task<IResult> EndAsync(string kind, UnshareRoute route, CancellationToken cancellationToken)
    {
        if (!Ids.IsId(route.Grantee))
            return _noGrantee.ToProblem();
        var command = new UnshareSessionCommand(SessionEndpoints.Caller(route.User), route.Id, kind, route.Grantee);
        var ended = await route.Sender.Send(command, cancellationToken);
        return ended.Error is { } error
            ? error.ToProblem()
            : TypedResults.Json(new ShareRemoved { Status = "removed", SessionId = route.Id }, ProtocolJson.Default.ShareRemoved);
    }

    /// <summary>What a route that shares is told.</summary>
    internal readonly record struct ShareRoute(
        string Id,
        string Grantee,
        ClaimsPrincipal User,
        ISender Sender,
        [FromBody(EmptyBodyBehavior = Microsoft.AspNetCore.Mvc.ModelBinding.EmptyBodyBehavior.Allow)] ShareSessionBody? Body
    );

    /// <summary>What a route that ends a share is told.</summary>
    internal readonly record struct UnshareRoute(string Id, string Grantee, ClaimsPrincipal User, ISender Sender);
}
