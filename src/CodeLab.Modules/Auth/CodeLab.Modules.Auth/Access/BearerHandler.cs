using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.AccessKeys;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Access;

/// <summary>
/// Authenticates requests by access token or access key (<c>clk_…</c>): from the <c>Authorization</c> header, and on hub paths, where a browser can send no header,
/// from <c>access_token</c> of the query (security.md §3.6). Writes the published 401 and 403.
/// </summary>
internal sealed class BearerHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    AccessTokens tokens,
    SignInStates states,
    AccessKeyStates keys,
    AccessKeyUse keyUse,
    ClientRegistry clients,
    IAuditTrail audit
) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public new const string Scheme = "Bearer";
    private const string Prefix = "Bearer ";
    private const int LongestToken = 16 * 1024;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (FindToken() is not { } token)
            return AuthenticateResult.NoResult();
        if (token.Length > LongestToken)
            return AuthenticateResult.Fail("Invalid token");
        if (token.StartsWith(AccessKeyStore.Prefix, StringComparison.Ordinal))
            return await AuthenticateKeyAsync(token);
        var (claims, expires, fault) = await tokens.VerifyAsync(token);
        if (claims is null)
            return AuthenticateResult.Fail(fault);
        if (await IdentifyAsync(claims) is not { } identity)
            return AuthenticateResult.Fail("Token has been revoked");
        var properties = new AuthenticationProperties { ExpiresUtc = expires };
        return AuthenticateResult.Success(new(new ClaimsPrincipal(identity), properties, Scheme));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) => ChallengeAsync();

    protected override async Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        var route = (Context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "";
        await audit.AppendSampledAsync(
            new AuditEvent("authz.denied") { Outcome = "denied", Reason = $"{Request.Method} {route}" },
            Context.User.FindFirst("sub")?.Value + " " + route,
            Context.RequestAborted
        );
        await ProblemResults.WriteAsync(
            Context,
            new Error("PERMISSION_DENIED", "Your role or token does not permit this.", StatusCodes.Status403Forbidden)
        );
    }

    /// <summary>An access key: its owner as the store has them now, with the key's own scopes.</summary>
    private async Task<AuthenticateResult> AuthenticateKeyAsync(string secret)
    {
        if (await keys.FindAsync(secret, Context.RequestAborted) is not { } key)
            return AuthenticateResult.Fail("Invalid access key");
        keyUse.Used(key.Info.Id);
        var identity = new ClaimsIdentity(Scheme, "name", "role");
        identity.AddClaim(new("sub", key.Info.UserId));
        identity.AddClaim(new("name", key.UserName));
        identity.AddClaim(new("key_id", key.Info.Id));
        identity.AddClaim(new("scope", key.Scopes));
        foreach (var role in key.Roles)
            identity.AddClaim(new("role", role));
        var properties = new AuthenticationProperties { ExpiresUtc = key.ExpiresAt };
        return AuthenticateResult.Success(new(new ClaimsPrincipal(identity), properties, Scheme));
    }

    private async Task ChallengeAsync()
    {
        var fault = (await HandleAuthenticateOnceSafeAsync()).Failure?.Message;
        var text = fault ?? "Authentication is required";
        var (error, code) = fault switch
        {
            null => ("unauthorized", "UNAUTHORIZED"),
            "Token has expired" => ("invalid_token", "TOKEN_EXPIRED"),
            _ => ("invalid_token", "INVALID_TOKEN"),
        };
        Response.StatusCode = StatusCodes.Status401Unauthorized;
        Response.Headers.WWWAuthenticate = Scheme;
        Response.Headers.CacheControl = "no-store";
        var body = new Unauthorized(error, text, code, text, text);
        await Response.WriteAsJsonAsync(body, UnauthorizedJson.Default.Unauthorized, cancellationToken: Context.RequestAborted);
    }

    private string? FindToken()
    {
        var header = Request.Headers.Authorization.ToString();
        if (header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) && header[Prefix.Length..].Trim() is { Length: > 0 } token)
            return token;
        return
            Request.Path.StartsWithSegments("/hubs", StringComparison.OrdinalIgnoreCase)
            && Request.Query["access_token"].ToString() is { Length: > 0 } fromQuery
            // A key lives for months: it does not belong into an address.
            && !fromQuery.StartsWith(AccessKeyStore.Prefix, StringComparison.Ordinal)
            ? fromQuery
            : null;
    }

    /// <summary>The identity as the store sees it now; null when the sign-in or the service is gone.</summary>
    private async ValueTask<ClaimsIdentity?> IdentifyAsync(ClaimsIdentity token)
    {
        var identity = new ClaimsIdentity(Scheme, "name", "role");
        foreach (var claim in token.Claims.Where(c => c.Type is "sub" or "client_id" or "scope" or "jti" or "sid"))
            identity.AddClaim(new Claim(claim.Type, claim.Value));
        if (token.FindFirst("sid")?.Value is not { } signInId)
        {
            // A service: its subject is the client itself, and it lives as long as its registration.
            var client = clients.Find(token.FindFirst("client_id")?.Value);
            return client is { IsPublic: false } && token.FindFirst("sub")?.Value == client.Id ? identity : null;
        }
        // A client that was taken away takes its tokens with it.
        if (clients.Find(token.FindFirst("client_id")?.Value) is null)
            return null;
        if (await states.FindAsync(signInId, Context.RequestAborted) is not { } state)
            return null;
        identity.AddClaim(new Claim("name", state.UserName));
        foreach (var role in state.Roles)
            identity.AddClaim(new Claim("role", role));
        return identity;
    }

    /// <summary>Body of a 401 (protocol.md §2.7).</summary>
    internal sealed record Unauthorized(string Error, string ErrorDescription, string ErrorCode, string Detail, string Message);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BearerHandler.Unauthorized))]
internal sealed partial class UnauthorizedJson : JsonSerializerContext;

/// <summary>
/// Authenticates every request by the default scheme. Like the framework's own middleware, without asking the OpenIddict server about
/// paths that are not its own: that would load it for the first health check.
/// </summary>
internal sealed class BearerMiddleware(RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var result = await context.AuthenticateAsync();
        var features = new AuthenticatedBy { AuthenticateResult = result, User = result.Principal };
        context.Features.Set<IAuthenticateResultFeature>(features);
        if (result.Principal is not null)
            context.User = result.Principal;
        await next(context);
    }

    // SignalR reads the expiry from here to close connections whose token has ended.
    private sealed class AuthenticatedBy : IAuthenticateResultFeature
    {
        public AuthenticateResult? AuthenticateResult { get; set; }

        public ClaimsPrincipal? User { get; set; }
    }
}
