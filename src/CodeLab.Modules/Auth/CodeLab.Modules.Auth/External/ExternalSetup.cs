using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Pages.SignIn;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace CodeLab.Modules.Auth.External;

/// <summary>Registers the configured providers with the framework's OpenID Connect client: code with PKCE, state, nonce.</summary>
internal static class ExternalSetup
{
    public static void AddExternalSignIn(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<ExternalSignIn>();
        services.AddSingleton<ExternalLogins>();
        services.AddSingleton(provider => new SignInOptions
        {
            Providers =
            [
                .. provider.GetRequiredService<IOptions<AuthOptions>>().Value.External.Select(e => new ProviderButton(e.Name, e.Shown)),
            ],
        });
        var configured = builder.Configuration.GetSection(AuthOptions.Section + ":External").Get<List<ExternalProviderOptions>>() ?? [];
        // Faults are told by the validation of AuthOptions, all at once; here they must only do no harm.
        foreach (var external in configured.Where(c => !c.Faults().Any()).DistinctBy(c => c.Name))
            services.AddAuthentication().AddOpenIdConnect(external.Scheme, external.Shown, o => Configure(o, external));
    }

    private static void Configure(OpenIdConnectOptions options, ExternalProviderOptions external)
    {
        options.Authority = external.Issuer;
        options.RequireHttpsMetadata = new Uri(external.Issuer).Scheme == "https";
        options.ClientId = external.ClientId;
        options.ClientSecret = external.ClientSecret.Length > 0 ? external.ClientSecret : null;
        options.ResponseType = OpenIdConnectResponseType.Code;
        // In the address, so that the answer is a GET: that is what a SameSite=Lax cookie comes with.
        options.ResponseMode = OpenIdConnectResponseMode.Query;
        options.UsePkce = true;
        options.CallbackPath = external.CallbackPath;
        options.SignInScheme = BrowserSession.Scheme;
        options.SaveTokens = false;
        options.UseTokenLifetime = false;
        options.MapInboundClaims = false;
        options.GetClaimsFromUserInfoEndpoint = true;
        options.BackchannelTimeout = TimeSpan.FromSeconds(10);
        options.RemoteAuthenticationTimeout = TimeSpan.FromMinutes(10);
        options.Scope.Clear();
        foreach (var scope in external.Scopes.Count > 0 ? external.Scopes : ["openid", "profile", "email"])
            options.Scope.Add(scope);
        options.ClaimActions.Clear();
        foreach (
            var claim in new[]
            {
                "sub",
                "email",
                "email_verified",
                "preferred_username",
                "name",
                "auth_time",
                external.GroupsClaim,
            }.Distinct()
        )
            options.ClaimActions.MapJsonKey(claim, claim);
        foreach (var cookie in new[] { options.CorrelationCookie, options.NonceCookie })
        {
            cookie.SameSite = SameSiteMode.Lax;
            cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            cookie.HttpOnly = true;
            cookie.Path = external.CallbackPath;
        }
        options.TokenValidationParameters.ValidAudience = external.ClientId;
        options.TokenValidationParameters.ClockSkew = TimeSpan.FromSeconds(30);
        options.TokenValidationParameters.RequireSignedTokens = true;
        // What the discovery document names as issuer is not enough: it must be the one that was configured (OpenID Connect Core §3.1.3.7).
        options.TokenValidationParameters.IssuerValidator = (issuer, _, _) =>
            issuer == external.Issuer ? issuer : throw new SecurityTokenInvalidIssuerException($"The issuer is '{issuer}'");
        options.Events = new ExternalEvents(external);
    }
}

/// <summary>Takes over where the framework's client has checked the answer.</summary>
internal sealed class ExternalEvents(ExternalProviderOptions external) : OpenIdConnectEvents
{
    public override Task MessageReceived(MessageReceivedContext context)
    {
        // Whose answer it is, where the provider says so (RFC 9207): an answer of another provider is not ours to use.
        if (context.ProtocolMessage.Iss is { Length: > 0 } issuer && issuer != external.Issuer)
            context.Fail("The answer is of another issuer");
        return Task.CompletedTask;
    }

    /// <summary>
    /// A token from the token endpoint may be unsigned by the letter of the specification, and the framework lets it pass. Every provider
    /// signs, so whoever does not is none.
    /// </summary>
    public override Task TokenValidated(TokenValidatedContext context)
    {
        if (context.SecurityToken.SignatureAlgorithm is null or "" or SecurityAlgorithms.None)
            context.Fail("The identity token is not signed");
        return Task.CompletedTask;
    }

    public override async Task TicketReceived(TicketReceivedContext context)
    {
        var signIn = context.HttpContext.RequestServices.GetRequiredService<ExternalSignIn>();
        var result = await signIn.FinishAsync(context.HttpContext, external, context.Principal!, context.Properties!);
        await result.ExecuteAsync(context.HttpContext);
        context.HandleResponse();
    }

    public override async Task RemoteFailure(RemoteFailureContext context)
    {
        var signIn = context.HttpContext.RequestServices.GetRequiredService<ExternalSignIn>();
        await signIn.Refuse(context.HttpContext, external, context.Failure).ExecuteAsync(context.HttpContext);
        context.HandleResponse();
    }
}
