using CodeLab.BuildingBlocks.Http;
using Microsoft.AspNetCore;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>Revokes a token and with it its sign-in (RFC 7009). Unknown tokens are answered alike.</summary>
internal sealed class AnswerRevocation(RefreshTokens refreshTokens, AccessTokens accessTokens, SignIns signIns, ClientAddress addresses)
    : IOpenIddictServerHandler<HandleRevocationRequestContext>
{
    public async ValueTask HandleAsync(HandleRevocationRequestContext context)
    {
        var http = context.Transaction.GetHttpRequest()!.HttpContext;
        var origin = RequestOrigin.Of(http, addresses);
        var token = context.Request.Token!;
        var clientId = context.Request.ClientId!;
        var ended = await refreshTokens.RevokeAsync(token, clientId, origin, http.RequestAborted);
        if (ended is null && await accessTokens.VerifyAsync(token) is { Claims: { } claims })
        {
            if (
                claims.FindFirst("client_id")?.Value == clientId
                && claims.FindFirst("sid")?.Value is { } signInId
                && claims.FindFirst("sub")?.Value is { } userId
            )
                ended = await refreshTokens.RevokeSignInAsync(signInId, userId, clientId, origin, http.RequestAborted);
        }
        if (ended is var (id, user))
            await signIns.ToldAsync(id, user, "token.revoked");
        http.Response.Headers.CacheControl = "no-store";
        context.HandleRequest();
    }
}
