using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary><c>/oauth/userinfo</c> (OpenID Connect Core §5.3): what the scopes of an access token let its holder know of the user.</summary>
internal static class UserInfoEndpoint
{
    public const string Path = "/oauth/userinfo";

    public static void Map(IEndpointRouteBuilder app) =>
        app.MapMethods(Path, [HttpMethods.Get, HttpMethods.Post], AnswerAsync)
            .RequireAuthorization(Policies.SignedIn)
            .DisableAntiforgery()
            .WithName("GetUserInfo")
            .Produces<Dictionary<string, object>>()
            .WithSummary("The user, as an access token with scope openid may see it")
            .WithTags("Auth");

    private static async Task<IResult> AnswerAsync(ClaimsPrincipal user, IdentityTokens identity, HttpContext context)
    {
        var scope = user.FindFirstValue("scope") ?? "";
        if (user.FindFirst("sid") is null || !scope.Split(' ').Contains(Scopes.OpenId))
        {
            context.Response.Headers.WWWAuthenticate = "Bearer error=\"insufficient_scope\", scope=\"openid\"";
            return new Error("PERMISSION_DENIED", "The token lacks scope openid.", StatusCodes.Status403Forbidden).ToProblem(context);
        }
        context.Response.Headers.CacheControl = "no-store";
        return Results.Json(await identity.ClaimsAsync(user.GetUserId(), scope, context.RequestAborted), UserInfoJson.Default.Claims);
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(Dictionary<string, object>), TypeInfoPropertyName = "Claims")]
[System.Text.Json.Serialization.JsonSerializable(typeof(string))]
internal sealed partial class UserInfoJson : System.Text.Json.Serialization.JsonSerializerContext;
