using System.Globalization;
using System.Security.Claims;
using System.Text.Encodings.Web;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Browser;

/// <summary>Authenticates requests by the cookie of a browser session, and sends people without one to the sign-in page.</summary>
internal sealed class BrowserSessionHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    BrowserCookie cookie,
    BrowserSessions sessions
) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (!cookie.TryRead(Request, out var signInId, out var confirmedAt))
            return AuthenticateResult.NoResult();
        if (await sessions.FindAsync(signInId, isActive: true, Context.RequestAborted) is not { } state)
            return AuthenticateResult.Fail("The browser session has ended");
        Context.Features.Set(state);
        return AuthenticateResult.Success(new(new ClaimsPrincipal(Identify(state, confirmedAt)), Scheme.Name));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (!ProblemResults.IsPage(Request))
        {
            return ProblemResults.WriteAsync(
                Context,
                new Error("UNAUTHORIZED", "Your session has ended. Sign in again.", StatusCodes.Status401Unauthorized)
            );
        }
        var here = properties.RedirectUri ?? ReturnPath.Here(Request);
        Response.StatusCode = StatusCodes.Status303SeeOther;
        Response.Headers.Location = ReturnPath.To(BrowserSession.SignInPath, here);
        Response.Headers.CacheControl = "no-store";
        return Task.CompletedTask;
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        ProblemResults.WriteAsync(
            Context,
            new Error("PERMISSION_DENIED", "Your role does not permit this.", StatusCodes.Status403Forbidden)
        );

    private static ClaimsIdentity Identify(BrowserState state, DateTimeOffset confirmedAt)
    {
        var identity = new ClaimsIdentity(BrowserSession.Scheme, "name", "role");
        identity.AddClaim(new("sub", state.UserId));
        identity.AddClaim(new("name", state.UserName));
        identity.AddClaim(new("sid", state.SignInId));
        identity.AddClaim(new("client_id", BrowserSession.ClientId));
        identity.AddClaim(new("scope", state.Scope));
        identity.AddClaim(
            new("auth_time", confirmedAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer64)
        );
        foreach (var method in state.Methods.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            identity.AddClaim(new("amr", method));
        foreach (var role in state.Roles)
            identity.AddClaim(new("role", role));
        return identity;
    }
}
