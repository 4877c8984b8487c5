using System.Globalization;
using System.Security.Claims;
using System.Text.Json.Serialization;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Clients;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>
/// Tells a confidential client whether a token is good (RFC 7662). Access tokens are shown to services (grant client_credentials), which may
/// be asked to accept them, and to the client they were made for; refresh tokens to the latter alone. All else is inactive, without a reason.
/// </summary>
internal sealed class AnswerIntrospection(
    ClientRegistry clients,
    AccessTokens accessTokens,
    RefreshTokens refreshTokens,
    SignInStates states,
    IOptions<AuthOptions> options
) : IOpenIddictServerHandler<HandleIntrospectionRequestContext>
{
    private static readonly Answer _inactive = new(false);

    public async ValueTask HandleAsync(HandleIntrospectionRequestContext context)
    {
        var http = context.Transaction.GetHttpRequest()!.HttpContext;
        http.Response.Headers.CacheControl = "no-store";
        // A public client cannot prove who it is, so it is told nothing.
        var answer = clients.Find(context.Request.ClientId) is { IsPublic: false } caller
            ? await InspectAsync(context.Request.Token!, caller, http.RequestAborted)
            : _inactive;
        await http.Response.WriteAsJsonAsync(answer, IntrospectionJson.Default.Answer, cancellationToken: http.RequestAborted);
        context.HandleRequest();
    }

    private async Task<Answer> InspectAsync(string token, Client caller, CancellationToken cancellationToken)
    {
        var (claims, _, _) = await accessTokens.VerifyAsync(token);
        if (claims is not null)
            return await AccessTokenAsync(claims, caller, cancellationToken);
        if (await refreshTokens.InspectAsync(token, cancellationToken) is not { } state || state.ClientId != caller.Id)
            return _inactive;
        return new(true)
        {
            Scope = state.Scope,
            ClientId = state.ClientId,
            Username = state.UserName,
            Sub = state.UserId,
            Iss = options.Value.Issuer,
            Exp = state.ExpiresAt / 1000,
        };
    }

    private async Task<Answer> AccessTokenAsync(ClaimsIdentity claims, Client caller, CancellationToken cancellationToken)
    {
        var clientId = Text(claims, "client_id");
        if (clientId != caller.Id && !caller.Grants.Contains(GrantTypes.ClientCredentials))
            return _inactive;
        string? username = null;
        if (Text(claims, "sid") is { } signInId)
        {
            if (await states.FindAsync(signInId, cancellationToken) is not { } state || clients.Find(clientId) is null)
                return _inactive;
            username = state.UserName;
        }
        else if (clients.Find(clientId) is not { IsPublic: false })
        {
            return _inactive;
        }
        return new(true)
        {
            Scope = Text(claims, "scope"),
            ClientId = clientId,
            Username = username,
            TokenType = "Bearer",
            Sub = Text(claims, "sub"),
            Aud = options.Value.Audience,
            Iss = options.Value.Issuer,
            Jti = Text(claims, "jti"),
            Exp = Seconds(claims, "exp"),
            Iat = Seconds(claims, "iat"),
            Nbf = Seconds(claims, "nbf"),
        };
    }

    private static string? Text(ClaimsIdentity claims, string type) => claims.FindFirst(type)?.Value;

    private static long? Seconds(ClaimsIdentity claims, string type) =>
        long.TryParse(Text(claims, type), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;

    internal sealed record Answer(bool Active)
    {
        public string? Scope { get; init; }
        public string? ClientId { get; init; }
        public string? Username { get; init; }
        public string? TokenType { get; init; }
        public string? Sub { get; init; }
        public string? Aud { get; init; }
        public string? Iss { get; init; }
        public string? Jti { get; init; }
        public long? Exp { get; init; }
        public long? Iat { get; init; }
        public long? Nbf { get; init; }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(AnswerIntrospection.Answer))]
internal sealed partial class IntrospectionJson : JsonSerializerContext;
