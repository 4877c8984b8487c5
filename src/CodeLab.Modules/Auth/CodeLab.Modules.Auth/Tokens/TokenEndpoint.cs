using System.Diagnostics;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Limits;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>
/// Stands before OpenIddict on <c>/oauth/*</c>: refuses clear-text transport, and answers the token endpoint itself. Malformed requests get
/// the texts of protocol.md §2.1, and limits are applied before any password is hashed.
/// </summary>
internal sealed partial class TokenEndpoint(
    RequestDelegate next,
    ClientRegistry clients,
    ClientAddress addresses,
    SignInLimits limits,
    PasswordSignIn signIn,
    TokenGrants grants,
    AuthMetrics metrics,
    TimeProvider time,
    IOptions<AuthOptions> options,
    ILogger<TokenEndpoint> logger
)
{
    private const int LongestPassword = 128;

    private static readonly string[] _known =
    [
        GrantTypes.Password,
        GrantTypes.RefreshToken,
        GrantTypes.ClientCredentials,
        GrantTypes.AuthorizationCode,
        ClientRegistry.DeviceGrant,
    ];

    public async Task InvokeAsync(HttpContext context)
    {
        if (!options.Value.AllowPlainHttp && !addresses.IsPrivateTransport(context))
        {
            await OAuthAnswers.WriteAsync(context, new OAuthError("invalid_request", "Use HTTPS: credentials do not travel in clear text"));
            return;
        }
        if (
            !HttpMethods.IsPost(context.Request.Method)
            || !context.Request.Path.Equals(TokenServer.TokenPath, StringComparison.OrdinalIgnoreCase)
        )
        {
            await next(context);
            return;
        }
        var since = Stopwatch.GetTimestamp();
        var grant = "";
        OAuthError? error;
        try
        {
            (grant, error) = await AnswerAsync(context);
        }
        catch (Exception e) when (e is not OperationCanceledException && !context.Response.HasStarted)
        {
            TokenRequestFailed(e);
            context.Response.Clear();
            error = new("server_error", "The server could not answer. Please try again later.");
        }
        if (error is not null)
            await OAuthAnswers.WriteAsync(context, error);
        metrics.Requested(Array.IndexOf(_known, grant) < 0 ? "other" : grant, error?.Error ?? "success", since);
    }

    /// <summary>Writes the answer, or returns the refusal.</summary>
    private async Task<(string Grant, OAuthError? Error)> AnswerAsync(HttpContext context)
    {
        if (await OAuthForms.TryReadAsync(context) is not { } form)
            return ("", new("invalid_request", "Send the parameters as application/x-www-form-urlencoded"));
        if (OAuthForms.HasRepeated(form))
            return ("", new("invalid_request", "A parameter is given twice"));
        var grant = form["grant_type"].ToString();
        if (grant.Length == 0)
            return (grant, new("invalid_request", "Missing required parameter: grant_type"));
        if (Array.IndexOf(_known, grant) < 0 || (grant == GrantTypes.Password && !options.Value.PasswordGrant))
            return (grant, new("unsupported_grant_type", $"Grant type '{Shown(grant)}' is not supported"));
        if (ShapeFault(grant, form) is { } missing)
            return (grant, new("invalid_request", missing));

        var (client, refusal) = ClientAuthentication.Check(clients, context, form);
        if (client is not null && !client.Grants.Contains(grant))
            refusal = new("unauthorized_client", $"The client may not use grant type '{Shown(grant)}'");
        if (refusal is not null)
        {
            if (refusal.Error != "invalid_request")
                await limits.CountFailureAsync(context);
            return (grant, refusal);
        }
        if (await LimitAsync(context, form, grant) is { } limited)
            return (grant, limited);

        var (issued, error) = await grants.AnswerAsync(grant, client!, form, context);
        if (issued is not null)
        {
            await OAuthAnswers.WriteAsync(context, issued);
            return (grant, null);
        }
        // Failed grants of every kind use up the bucket of the address; password grants were counted when they came. A device that waits
        // for its person has not failed.
        if (grant != GrantTypes.Password && error!.IsFailure)
            await limits.CountFailureAsync(context);
        return (grant, error);
    }

    private static string? ShapeFault(string grant, IFormCollection form)
    {
        return grant switch
        {
            GrantTypes.Password when Lacks("username") || Lacks("password") => "Missing required parameters: username and password",
            GrantTypes.Password when form["password"].ToString().Length > LongestPassword => "The password is longer than 128 characters",
            GrantTypes.RefreshToken when Lacks("refresh_token") => "Missing required parameter: refresh_token",
            GrantTypes.AuthorizationCode when Lacks("code") => "Missing required parameter: code",
            GrantTypes.AuthorizationCode when Lacks("redirect_uri") => "Missing required parameter: redirect_uri",
            GrantTypes.AuthorizationCode when Lacks("code_verifier") => "Missing required parameter: code_verifier",
            ClientRegistry.DeviceGrant when Lacks("device_code") => "Missing required parameter: device_code",
            _ => null,
        };
        bool Lacks(string name) => form[name].ToString().Length == 0;
    }

    private async Task<OAuthError?> LimitAsync(HttpContext context, IFormCollection form, string grant)
    {
        var decision = grant switch
        {
            GrantTypes.Password => await limits.TakePasswordAsync(context, form["username"].ToString()),
            GrantTypes.RefreshToken => await limits.PeekFailuresAsync(context) is { Allowed: false } failed
                ? failed
                : await limits.TakeRefreshAsync(context),
            _ => await limits.PeekFailuresAsync(context),
        };
        OAuthAnswers.ShowLimit(context, decision);
        if (decision.Allowed)
            return null;
        // A locked name is told so even where the limit came first: the person at the other end needs to know how long.
        if (grant == GrantTypes.Password && await signIn.LockedUntilAsync(form["username"].ToString(), context.RequestAborted) is { } until)
            return OAuthError.Locked(until, time.GetUtcNow());
        return OAuthError.Limited(decision.RetryAfter);
    }

    private static string Shown(string text) => new([.. text.Take(64).Where(c => !char.IsControl(c))]);

    [LoggerMessage(2010, LogLevel.Error, "A token request failed")]
    private partial void TokenRequestFailed(Exception exception);
}
