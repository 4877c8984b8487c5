using System.Security.Claims;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Keys;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>
/// The OpenIddict server. It reads and checks requests, authenticates clients and answers discovery; tokens, rotation and answers are
/// ours, because its rotation is not atomic and its answers differ from the published ones.
/// </summary>
internal static class TokenServer
{
    public const string TokenPath = "/oauth/token";

    /// <summary>Paths that OpenIddict answers. On all others it is not even asked, so that they do not pay for it.</summary>
    public static bool Answers(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/oauth", StringComparison.OrdinalIgnoreCase)
        || context.Request.Path.Equals("/.well-known/openid-configuration", StringComparison.OrdinalIgnoreCase)
        || context.Request.Path.Equals("/.well-known/oauth-authorization-server", StringComparison.OrdinalIgnoreCase);

    public static void AddTokenServer(this IServiceCollection services)
    {
        services
            .AddOpenIddict()
            .AddCore(core =>
            {
                core.SetDefaultApplicationEntity<Client>();
                core.ReplaceApplicationStore<Client, ClientStore>(ServiceLifetime.Singleton);
                core.ReplaceApplicationManager<Client, ClientManager>();
                // The registry is memory already.
                core.DisableEntityCaching().DisableAdditionalFiltering();
            })
            .AddServer(server =>
            {
                server.SetTokenEndpointUris("oauth/token").SetRevocationEndpointUris("oauth/revoke");
                server.SetJsonWebKeySetEndpointUris(JwksEndpoint.Path[1..]);
                server.AllowPasswordFlow().AllowRefreshTokenFlow().AllowClientCredentialsFlow();
                server.RegisterScopes("api:read", "api:write", "api:admin", "llm:invoke", OpenIddictConstants.Scopes.OfflineAccess);
                server.DisableAccessTokenEncryption();
                // Sign-ins and refresh tokens have tables of our own (RefreshTokens).
                server.DisableTokenStorage().DisableAuthorizationStorage();
                server.DisableScopeValidation();
                // TokenRequestGate has the finer rule: HTTPS, loopback, or behind a listed proxy.
                server.UseAspNetCore().DisableTransportSecurityRequirement();

                // Scopes are judged by the grant, with the client at hand.
                server.RemoveEventHandler(Exchange.ValidateScopePermissions.Descriptor);
                server.RemoveEventHandler(Revocation.RevokeToken.Descriptor);
                server.AddEventHandler<ValidateTokenContext>(h =>
                    h.UseSingletonHandler<AcceptOpaqueToken>().SetOrder(int.MinValue + 50_000)
                );
                server.AddEventHandler<ValidateTokenRequestContext>(h =>
                    h.UseSingletonHandler<IgnoreSecretOfPublicClient>().SetOrder(int.MinValue + 50_000)
                );
                server.AddEventHandler<HandleTokenRequestContext>(h => h.UseScopedHandler<AnswerGrant>().SetOrder(int.MaxValue - 50_000));
                server.AddEventHandler<GenerateTokenContext>(h =>
                    h.UseSingletonHandler<AttachIssuedToken>().SetOrder(int.MinValue + 50_000)
                );
                server.AddEventHandler<ApplyTokenResponseContext>(h => h.UseSingletonHandler<WriteTokenResponse>().SetOrder(0));
                server.AddEventHandler<HandleRevocationRequestContext>(h =>
                    h.UseScopedHandler<AnswerRevocation>().SetOrder(int.MaxValue - 50_000)
                );
            });
        services.AddSingleton<IConfigureOptions<OpenIddictServerOptions>, ServerKeys>();
    }

    /// <summary>Gives OpenIddict the stored keys. Runs at the first request to it, which is after start-up has loaded them.</summary>
    private sealed class ServerKeys(KeyRing keys, IOptions<AuthOptions> options) : IConfigureOptions<OpenIddictServerOptions>
    {
        public void Configure(OpenIddictServerOptions server)
        {
            server.Issuer = new Uri(options.Value.Issuer);
            server.AccessTokenLifetime = TimeSpan.FromSeconds(options.Value.AccessTokenSeconds);
            server.RefreshTokenLifetime = TimeSpan.FromDays(options.Value.RefreshTokenDays);
            server.EncryptionCredentials.Add(keys.Encrypter);
            foreach (var key in keys.Published)
                server.SigningCredentials.Add(key.Credentials);
        }
    }
}

/// <summary>
/// Lets our opaque tokens pass OpenIddict's parser, which knows its own formats only. Whether a token is good is decided where it is used,
/// in one write (<see cref="RefreshTokens"/>).
/// </summary>
internal sealed class AcceptOpaqueToken : IOpenIddictServerHandler<ValidateTokenContext>
{
    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (!context.ValidTokenTypes.Contains(OpenIddictConstants.TokenTypeIdentifiers.RefreshToken))
            return default;
        var principal = new ClaimsPrincipal(new ClaimsIdentity("opaque"));
        principal.SetTokenType(OpenIddictConstants.TokenTypeIdentifiers.RefreshToken);
        if (context.Request?.ClientId is { Length: > 0 } client)
            principal.SetPresenters(client);
        principal.SetScopes(context.Request?.GetScopes() ?? []);
        context.Principal = principal;
        return default;
    }
}

/// <summary>Released clients may send a secret although they are public: it proves nothing and is not looked at (protocol.md §2.1).</summary>
internal sealed class IgnoreSecretOfPublicClient(ClientRegistry clients) : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (clients.Find(context.Request.ClientId) is { SecretHash: null })
            context.Request.ClientSecret = null;
        return default;
    }
}

/// <summary>Puts the tokens that the grant made where OpenIddict would make its own.</summary>
internal sealed class AttachIssuedToken : IOpenIddictServerHandler<GenerateTokenContext>
{
    public ValueTask HandleAsync(GenerateTokenContext context)
    {
        if (context.Transaction.GetHttpRequest()?.HttpContext.Features.Get<IssuedTokens>() is not { } issued)
            return default;
        context.Token = context.TokenType switch
        {
            OpenIddictConstants.TokenTypeIdentifiers.AccessToken => issued.AccessToken,
            OpenIddictConstants.TokenTypeIdentifiers.RefreshToken => issued.RefreshToken,
            _ => context.Token,
        };
        return default;
    }
}
