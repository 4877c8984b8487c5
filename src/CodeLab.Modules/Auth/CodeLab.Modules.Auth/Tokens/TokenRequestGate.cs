using System.Text;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Limits;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>
/// Stands before OpenIddict on <c>/oauth/*</c>: refuses clear-text transport, answers malformed requests with the texts of protocol.md
/// §2.1, and applies the limits before any password is hashed.
/// </summary>
internal sealed partial class TokenRequestGate(
    RequestDelegate next,
    ClientRegistry clients,
    ClientAddress addresses,
    SignInLimits limits,
    PasswordSignIn signIn,
    TimeProvider time,
    IOptions<AuthOptions> options,
    ILogger<TokenRequestGate> logger
)
{
    private const int LongestPassword = 128;

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
        try
        {
            if (await RefuseAsync(context) is { } error)
            {
                if (error.Error is "invalid_client" or "unauthorized_client")
                    await limits.CountFailureAsync(context);
                await OAuthAnswers.WriteAsync(context, error);
                return;
            }
            await next(context);
            // Failed grants of every kind use up the bucket of the address; password grants were counted when they came.
            if (context.Response.StatusCode is 400 or 401 && context.Request.Form["grant_type"] != "password")
                await limits.CountFailureAsync(context);
        }
        catch (Exception e) when (e is not OperationCanceledException && !context.Response.HasStarted)
        {
            TokenRequestFailed(e);
            context.Response.Clear();
            await OAuthAnswers.WriteAsync(context, new OAuthError("server_error", "The server could not answer. Please try again later."));
        }
    }

    private async Task<OAuthError?> RefuseAsync(HttpContext context)
    {
        IFormCollection form;
        try
        {
            if (!context.Request.HasFormContentType)
                return new("invalid_request", "Send the parameters as application/x-www-form-urlencoded");
            form = await context.Request.ReadFormAsync(context.RequestAborted);
        }
        catch (Exception e) when (e is InvalidDataException or BadHttpRequestException or IOException)
        {
            return new("invalid_request", "The form could not be read");
        }
        // Some clients send multipart; OpenIddict reads the parsed form but insists on the usual content type.
        context.Request.ContentType = "application/x-www-form-urlencoded";
        if (form.Any(p => p.Value.Count > 1))
            return new("invalid_request", "A parameter is given twice");

        var grant = form["grant_type"].ToString();
        if (grant.Length == 0)
            return new("invalid_request", "Missing required parameter: grant_type");
        if (grant is not ("password" or "refresh_token" or "client_credentials") || (grant == "password" && !options.Value.PasswordGrant))
            return new("unsupported_grant_type", $"Grant type '{Shown(grant)}' is not supported");
        if (ShapeFault(grant, form) is { } missing)
            return new("invalid_request", missing);
        return ClientFault(context, form, grant) ?? await LimitAsync(context, form, grant);
    }

    private static string? ShapeFault(string grant, IFormCollection form)
    {
        var password = form["password"].ToString();
        return grant switch
        {
            "password" when form["username"].ToString().Length == 0 || password.Length == 0 =>
                "Missing required parameters: username and password",
            "password" when password.Length > LongestPassword => "The password is longer than 128 characters",
            "refresh_token" when form["refresh_token"].ToString().Length == 0 => "Missing required parameter: refresh_token",
            _ => null,
        };
    }

    private OAuthError? ClientFault(HttpContext context, IFormCollection form, string grant)
    {
        var (basicId, hasBasic) = BasicClient(context.Request.Headers.Authorization.ToString());
        var id = form["client_id"].ToString() is { Length: > 0 } given ? given : basicId;
        if (string.IsNullOrEmpty(id))
            return new("invalid_request", "Missing required parameter: client_id");
        if (clients.Find(id) is not { } client)
            return new("invalid_client", "Unknown client or wrong client secret");
        if (client.SecretHash is not null && !hasBasic && form["client_secret"].ToString().Length == 0)
            return new("invalid_client", "Unknown client or wrong client secret");
        return client.Grants.Contains(grant) ? null : new("unauthorized_client", $"The client may not use grant type '{Shown(grant)}'");
    }

    private async Task<OAuthError?> LimitAsync(HttpContext context, IFormCollection form, string grant)
    {
        var decision = grant switch
        {
            "password" => await limits.TakePasswordAsync(context, form["username"].ToString()),
            "refresh_token" => await limits.PeekFailuresAsync(context) is { Allowed: false } failed
                ? failed
                : await limits.TakeRefreshAsync(context),
            _ => await limits.PeekFailuresAsync(context),
        };
        OAuthAnswers.ShowLimit(context, decision);
        if (decision.Allowed)
            return null;
        // A locked name is told so even where the limit came first: the person at the other end needs to know how long.
        if (grant == "password" && await signIn.LockedUntilAsync(form["username"].ToString(), context.RequestAborted) is { } until)
            return OAuthError.Locked(until, time.GetUtcNow());
        return OAuthError.Limited(decision.RetryAfter);
    }

    private static (string? Id, bool IsBasic) BasicClient(string header)
    {
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
            return (null, false);
        var buffer = new byte[header.Length];
        if (!Convert.TryFromBase64String(header[6..].Trim(), buffer, out var length))
            return (null, false);
        var pair = Encoding.UTF8.GetString(buffer, 0, length);
        var colon = pair.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? (null, false) : (Uri.UnescapeDataString(pair[..colon]), true);
    }

    private static string Shown(string text) => new([.. text.Take(64).Where(c => !char.IsControl(c))]);

    [LoggerMessage(2010, LogLevel.Error, "A token request failed")]
    private partial void TokenRequestFailed(Exception exception);
}
