using System.Security.Claims;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Grants.AuthorizationCode;
using CodeLab.Modules.Auth.Grants.DeviceCode;
using CodeLab.Modules.Auth.Keys;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>
/// The OpenIddict server. It reads and checks authorization, introspection and revocation requests, authenticates their clients and answers
/// discovery. Tokens, codes and answers are ours, because its rotation and redemption are not atomic and its answers differ from the
/// published ones (ADR 0007).
/// </summary>
internal static class TokenServer
{
    public const string TokenPath = "/oauth/token";
    public const string AuthorizationPath = "oauth/authorize";
    public const string IntrospectionPath = "oauth/introspect";

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
                server.SetTokenEndpointUris(TokenPath[1..]).SetRevocationEndpointUris("oauth/revoke");
                server.SetAuthorizationEndpointUris(AuthorizationPath).SetIntrospectionEndpointUris(IntrospectionPath);
                server.SetJsonWebKeySetEndpointUris(JwksEndpoint.Path[1..]);
                server.AllowPasswordFlow().AllowRefreshTokenFlow().AllowClientCredentialsFlow();
                server.AllowAuthorizationCodeFlow().RequireProofKeyForCodeExchange();
                server.RegisterScopes(ClientRegistry.AllScopes);
                server.DisableAccessTokenEncryption();
                // Sign-ins, codes and refresh tokens have tables of our own.
                server.DisableTokenStorage().DisableAuthorizationStorage();
                server.DisableScopeValidation();
                // TokenEndpoint has the finer rule: HTTPS, loopback, or behind a listed proxy.
                server.UseAspNetCore().DisableTransportSecurityRequirement();
                server.Configure(o =>
                {
                    o.CodeChallengeMethods.Remove(CodeChallengeMethods.Plain);
                    // A code in a fragment or a posted form would need rules of their own and is asked for by nobody.
                    o.ResponseModes.Remove(ResponseModes.Fragment);
                    o.ResponseModes.Remove(ResponseModes.FormPost);
                });

                // Scopes are judged by our own answers, with the client at hand.
                server.RemoveEventHandler(Authentication.ValidateScopePermissions.Descriptor);
                server.RemoveEventHandler(Revocation.RevokeToken.Descriptor);
                server.RemoveEventHandler(Introspection.ValidateTokenType.Descriptor);
                server.RemoveEventHandler(Introspection.ValidateAuthorizedParty.Descriptor);
                server.AddEventHandler<ValidateTokenContext>(h =>
                    h.UseSingletonHandler<AcceptOpaqueToken>().SetOrder(int.MinValue + 50_000)
                );
                server.AddEventHandler<ExtractAuthorizationRequestContext>(h =>
                    h.UseSingletonHandler<IgnoreHint>().SetOrder(int.MaxValue - 50_000)
                );
                server.AddEventHandler<HandleAuthorizationRequestContext>(h =>
                    h.UseScopedHandler<AnswerAuthorization>().SetOrder(int.MaxValue - 50_000)
                );
                server.AddEventHandler<ApplyAuthorizationResponseContext>(h =>
                    h.UseScopedHandler<WriteAuthorizationRefusal>().SetOrder(int.MinValue + 50_000)
                );
                server.AddEventHandler<HandleRevocationRequestContext>(h =>
                    h.UseScopedHandler<AnswerRevocation>().SetOrder(int.MinValue + 50_000)
                );
                server.AddEventHandler<HandleIntrospectionRequestContext>(h =>
                    h.UseScopedHandler<AnswerIntrospection>().SetOrder(int.MinValue + 50_000)
                );
                server.AddEventHandler<ApplyConfigurationResponseContext>(h =>
                    h.UseSingletonHandler<CompleteDiscovery>().SetOrder(int.MinValue + 50_000)
                );
            });
        services.AddSingleton<IConfigureOptions<OpenIddictServerOptions>, ServerKeys>();
    }

    /// <summary>
    /// Gives OpenIddict the stored keys, without which it does not start. Runs at the first request to it, which is after start-up has
    /// loaded them; nothing is signed or published by it, so a later rotation does not concern it.
    /// </summary>
    private sealed class ServerKeys(KeyRing keys, IOptions<AuthOptions> options) : IConfigureOptions<OpenIddictServerOptions>
    {
        public void Configure(OpenIddictServerOptions server)
        {
            server.Issuer = new Uri(options.Value.Issuer);
            server.EncryptionCredentials.Add(keys.Encrypter);
            foreach (var key in keys.Published)
                server.SigningCredentials.Add(key.Credentials);
        }
    }
}

/// <summary>
/// Lets tokens pass OpenIddict's parser, which knows its own formats only. Whether a token is good is decided where it is used, by the
/// store (<see cref="RefreshTokens"/>, <see cref="AccessTokens"/>).
/// </summary>
internal sealed class AcceptOpaqueToken : IOpenIddictServerHandler<ValidateTokenContext>
{
    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (!context.ValidTokenTypes.Contains(TokenTypeIdentifiers.RefreshToken))
            return default;
        var principal = new ClaimsPrincipal(new ClaimsIdentity("opaque"));
        principal.SetTokenType(TokenTypeIdentifiers.RefreshToken);
        if (context.Request?.ClientId is { Length: > 0 } client)
            principal.SetPresenters(client);
        context.Principal = principal;
        return default;
    }
}

/// <summary>
/// Takes <c>id_token_hint</c> out: whose session it is the cookie says, and OpenIddict would check the hint against keys it was given at
/// start.
/// </summary>
internal sealed class IgnoreHint : IOpenIddictServerHandler<ExtractAuthorizationRequestContext>
{
    public ValueTask HandleAsync(ExtractAuthorizationRequestContext context)
    {
        if (context.Request is not null)
            context.Request.IdTokenHint = null;
        return default;
    }
}

/// <summary>Makes the discovery document complete and exact (RFC 8414, OpenID Connect Discovery §3).</summary>
internal sealed class CompleteDiscovery(IOptions<AuthOptions> options) : IOpenIddictServerHandler<ApplyConfigurationResponseContext>
{
    public ValueTask HandleAsync(ApplyConfigurationResponseContext context)
    {
        var http = context.Transaction.GetHttpRequest()?.HttpContext;
        var response = context.Response;
        if (http is null || response.Error is not null)
            return default;
        var address = $"{http.Request.Scheme}://{http.Request.Host}{http.Request.PathBase}";
        // As it stands in tokens, which clients compare with this: without the slash that Uri adds.
        response[Metadata.Issuer] = options.Value.Issuer;
        response[Metadata.DeviceAuthorizationEndpoint] = address + DeviceAuthorizationEndpoint.Path;
        response[Metadata.UserInfoEndpoint] = address + UserInfoEndpoint.Path;
        List<string> grants =
        [
            GrantTypes.AuthorizationCode,
            GrantTypes.RefreshToken,
            GrantTypes.ClientCredentials,
            ClientRegistry.DeviceGrant,
        ];
        if (options.Value.PasswordGrant)
            grants.Add(GrantTypes.Password);
        response[Metadata.GrantTypesSupported] = new([.. grants]);
        response[Metadata.ScopesSupported] = new([.. ClientRegistry.AllScopes]);
        response[Metadata.ClaimsSupported] = new([
            "sub",
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "amr",
            "azp",
            "sid",
            "at_hash",
            "name",
            "preferred_username",
            "email",
        ]);
        response[Metadata.TokenEndpointAuthMethodsSupported] = new([
            ClientAuthenticationMethods.ClientSecretBasic,
            ClientAuthenticationMethods.ClientSecretPost,
            ClientAuthenticationMethods.None,
        ]);
        string[] confidential = [ClientAuthenticationMethods.ClientSecretBasic, ClientAuthenticationMethods.ClientSecretPost];
        response[Metadata.IntrospectionEndpointAuthMethodsSupported] = new([.. confidential]);
        response[Metadata.RevocationEndpointAuthMethodsSupported] = new([.. confidential, ClientAuthenticationMethods.None]);
        response[Metadata.PromptValuesSupported] = new([
            PromptValues.None,
            PromptValues.Login,
            PromptValues.Consent,
            PromptValues.SelectAccount,
        ]);
        response[Metadata.AuthorizationResponseIssParameterSupported] = true;
        response[Metadata.ClaimsParameterSupported] = false;
        response[Metadata.RequestParameterSupported] = false;
        response[Metadata.RequestUriParameterSupported] = false;
        return default;
    }
}
