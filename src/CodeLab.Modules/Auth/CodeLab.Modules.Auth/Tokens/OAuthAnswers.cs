using System.Globalization;
using CodeLab.BuildingBlocks.Limits;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>A refusal of the token endpoint.</summary>
/// <param name="Error">OAuth error code.</param>
/// <param name="Description">Text for a person; generic where detail would help an attacker.</param>
internal sealed record OAuthError(string Error, string Description)
{
    /// <summary>Seconds to wait.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>True when it uses up the patience with the address: a wrong credential, not a device that waits.</summary>
    public bool IsFailure => Error is "invalid_grant" or "invalid_client" or "unauthorized_client" or "invalid_scope" or "invalid_request";

    /// <summary>End of a lock-out.</summary>
    public DateTimeOffset? LockedUntil { get; init; }

    public static OAuthError Limited(TimeSpan wait) =>
        new("rate_limit_exceeded", "Too many requests. Please try again later.")
        {
            RetryAfter = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)),
        };

    public static OAuthError Locked(DateTimeOffset until, DateTimeOffset now)
    {
        var seconds = Math.Max(1, (int)Math.Ceiling((until - now).TotalSeconds));
        return new("account_locked", $"Too many failed attempts. Try again in {seconds} seconds.")
        {
            RetryAfter = seconds,
            LockedUntil = until,
        };
    }
}

/// <summary>Tokens of a granted request.</summary>
internal sealed record IssuedTokens(string AccessToken, string? RefreshToken, string Scope, int ExpiresIn)
{
    /// <summary>Identity token, when scope <c>openid</c> was granted.</summary>
    public string? IdToken { get; init; }
}

/// <summary>Writes the answers of the token endpoint exactly as protocol.md §2.1 has them, which is not how OpenIddict would.</summary>
internal static class OAuthAnswers
{
    public static Task WriteAsync(HttpContext context, OAuthError error)
    {
        Prepare(context);
        context.Response.StatusCode = error.Error switch
        {
            "invalid_grant" or "invalid_client" or "unauthorized_client" => StatusCodes.Status401Unauthorized,
            "account_locked" or "rate_limit_exceeded" => StatusCodes.Status429TooManyRequests,
            "server_error" => StatusCodes.Status500InternalServerError,
            _ => StatusCodes.Status400BadRequest,
        };
        if (error.RetryAfter is { } seconds)
            context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        // RFC 6749 §5.2: a client that tried HTTP Basic is answered with a challenge of that scheme.
        if (error.Error == "invalid_client" && context.Request.Headers.Authorization.Count > 0)
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"codelab\"";
        var body = new TokenError
        {
            Error = error.Error,
            ErrorDescription = error.Description,
            RetryAfter = error.RetryAfter,
            LockedUntil = error.LockedUntil,
        };
        return context.Response.WriteAsJsonAsync(body, ProtocolJson.Default.TokenError, cancellationToken: context.RequestAborted);
    }

    public static Task WriteAsync(HttpContext context, IssuedTokens tokens)
    {
        Prepare(context);
        var body = new TokenAnswer
        {
            AccessToken = tokens.AccessToken,
            RefreshToken = tokens.RefreshToken,
            TokenType = "bearer",
            ExpiresIn = tokens.ExpiresIn,
            Scope = tokens.Scope,
            IdToken = tokens.IdToken,
        };
        return context.Response.WriteAsJsonAsync(body, ProtocolJson.Default.TokenAnswer, cancellationToken: context.RequestAborted);
    }

    /// <summary>Names the limit that was met or is being used up (protocol.md §2.6).</summary>
    public static void ShowLimit(HttpContext context, RateDecision decision)
    {
        if (decision.Limit == int.MaxValue)
            return;
        context.Response.Headers["X-RateLimit-Limit"] = decision.Limit.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["X-RateLimit-Remaining"] = decision.Remaining.ToString(CultureInfo.InvariantCulture);
    }

    private static void Prepare(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.Pragma = "no-cache";
    }
}
