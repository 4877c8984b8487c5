using System.Security.Claims;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Limits;
using CodeLab.Modules.Auth.Users;
using MediatR;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>Answers the grants. By now the request is well formed and the client authenticated.</summary>
internal sealed partial class AnswerGrant(
    ClientRegistry clients,
    PasswordSignIn signIn,
    RefreshTokens refreshTokens,
    AccessTokens accessTokens,
    SignInStates states,
    SignInLimits limits,
    IPublisher publisher,
    TimeProvider time,
    IOptions<AuthOptions> options,
    ILogger<AnswerGrant> logger
) : IOpenIddictServerHandler<HandleTokenRequestContext>
{
    public async ValueTask HandleAsync(HandleTokenRequestContext context)
    {
        var http = context.Transaction.GetHttpRequest()!.HttpContext;
        var client = clients.Find(context.ClientId) ?? throw new InvalidOperationException("OpenIddict let an unknown client pass");
        var mayHave = TryScopes(context.Request, client, out var asked);
        (IssuedTokens? issued, OAuthError? error) = context.Request switch
        {
            _ when !mayHave => (null, Scopes.Refused),
            _ when context.Request.IsPasswordGrantType() => await PasswordAsync(context.Request, client, asked, http),
            _ when context.Request.IsRefreshTokenGrantType() => await RefreshAsync(context.Request, client, asked, http),
            _ when context.Request.IsClientCredentialsGrantType() => (Service(client, asked), null),
            _ => throw new InvalidOperationException("OpenIddict let an unknown grant pass"),
        };
        if (issued is null)
        {
            http.Features.Set(error);
            context.Reject(error!.Error, error.Description);
            return;
        }
        http.Features.Set(issued);
        // OpenIddict needs a principal to go on; what it says is in the tokens already.
        var identity = new ClaimsIdentity("grant");
        identity.SetClaim(OpenIddictConstants.Claims.Subject, client.Id);
        var principal = new ClaimsPrincipal(identity);
        if (issued.RefreshToken is not null)
            principal.SetScopes(OpenIddictConstants.Scopes.OfflineAccess);
        context.SignIn(principal);
    }

    private async Task<(IssuedTokens?, OAuthError?)> PasswordAsync(
        OpenIddictRequest request,
        Client client,
        IReadOnlyList<string>? asked,
        HttpContext http
    )
    {
        SignInOutcome outcome;
        try
        {
            outcome = await signIn.TryAsync(request.Username!, request.Password!, http.RequestAborted);
        }
        catch (PasswordQueueFullException)
        {
            return (null, OAuthError.Limited(TimeSpan.FromSeconds(1)));
        }
        switch (outcome)
        {
            case SignInOutcome.LockedOut locked:
                return (null, OAuthError.Locked(locked.Until, time.GetUtcNow()));
            case SignInOutcome.Succeeded { User: var user }:
                var scope = Scopes.Join(asked ?? client.DefaultScopes);
                var (id, refreshToken) = await refreshTokens.StartAsync(user, client.Id, scope, http.RequestAborted);
                SignedIn(user.Id, client.Id);
                return (Issue(user, client, scope, id, refreshToken), null);
            default:
                SignInFailed(client.Id);
                return (null, new("invalid_grant", "Invalid username or password"));
        }
    }

    private async Task<(IssuedTokens?, OAuthError?)> RefreshAsync(
        OpenIddictRequest request,
        Client client,
        IReadOnlyList<string>? asked,
        HttpContext http
    )
    {
        var outcome = await refreshTokens.UseAsync(
            request.RefreshToken!,
            client.Id,
            asked,
            signInId => limits.TakeRotationAsync(http, signInId),
            http.RequestAborted
        );
        switch (outcome)
        {
            case RefreshOutcome.Granted granted:
                var scope = Scopes.Narrow(granted.Scope, asked, client);
                return (Issue(granted.User, client, scope, granted.SignInId, granted.Token), null);
            case RefreshOutcome.Limited limited:
                return (null, OAuthError.Limited(limited.Wait));
            case RefreshOutcome.ScopeRefused:
                return (null, Scopes.Refused);
            case RefreshOutcome.Refused refused:
                if (refused.Revoked is var (signInId, userId))
                {
                    states.Forget(signInId);
                    ReuseDetected(userId, client.Id);
                    await publisher.Publish(
                        new UserRightsChanged(userId, RefreshTokens.ReuseReason) { SignInId = signInId },
                        CancellationToken.None
                    );
                }
                return (null, new("invalid_grant", refused.Reason));
            default:
                throw new InvalidOperationException($"Unknown outcome {outcome.GetType().Name}");
        }
    }

    private IssuedTokens Service(Client client, IReadOnlyList<string>? asked)
    {
        var scope = Scopes.Join(asked ?? client.DefaultScopes);
        var token = accessTokens.Create(client.Id, client.Id, scope, [], signInId: null);
        return new(token, null, scope, options.Value.AccessTokenSeconds);
    }

    private IssuedTokens Issue(UserSnapshot user, Client client, string scope, string signInId, string refreshToken) =>
        new(accessTokens.Create(user.Id, client.Id, scope, user.Roles, signInId), refreshToken, scope, options.Value.AccessTokenSeconds);

    /// <summary>Scopes the request names; null when it names none. False when the client may not have one of them.</summary>
    private static bool TryScopes(OpenIddictRequest request, Client client, out IReadOnlyList<string>? asked)
    {
        // Every sign-in gets a refresh token, so asking for one changes nothing.
        var named = request.GetScopes().Where(s => s != OpenIddictConstants.Scopes.OfflineAccess).ToArray();
        asked = named.Length == 0 ? null : named;
        return named.All(client.Scopes.Contains);
    }

    [LoggerMessage(2011, LogLevel.Information, "User {UserId} signed in with {ClientId}")]
    private partial void SignedIn(string userId, string clientId);

    [LoggerMessage(2012, LogLevel.Information, "A sign-in with {ClientId} failed")]
    private partial void SignInFailed(string clientId);

    [LoggerMessage(2013, LogLevel.Warning, "A spent refresh token of user {UserId} came back through {ClientId}: that sign-in was ended")]
    private partial void ReuseDetected(string userId, string clientId);
}

/// <summary>Arithmetic of scopes.</summary>
internal static class Scopes
{
    public static readonly OAuthError Refused = new("invalid_scope", "The client may not use one of these scopes");

    public static string Join(IEnumerable<string> scopes) => string.Join(' ', scopes.Distinct().Order(StringComparer.Ordinal));

    /// <summary>Scopes of a refreshed token: what was granted, less what the client lost, and what it asks for of that; never more.</summary>
    public static string Narrow(string granted, IReadOnlyList<string>? asked, Client client) =>
        Join(
            granted.Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(s => client.Scopes.Contains(s) && asked?.Contains(s) != false)
        );
}

/// <summary>Revokes a token and with it its sign-in (RFC 7009). Unknown tokens are answered alike.</summary>
internal sealed class AnswerRevocation(RefreshTokens refreshTokens, AccessTokens accessTokens, SignInStates states, IPublisher publisher)
    : IOpenIddictServerHandler<HandleRevocationRequestContext>
{
    public async ValueTask HandleAsync(HandleRevocationRequestContext context)
    {
        var token = context.Request.Token!;
        var clientId = context.Request.ClientId!;
        var ended = await refreshTokens.RevokeAsync(token, clientId, context.CancellationToken);
        if (ended is null && await accessTokens.VerifyAsync(token) is { Claims: { } claims })
        {
            if (claims.FindFirst("client_id")?.Value == clientId && claims.FindFirst("sid")?.Value is { } signInId)
                ended = await refreshTokens.RevokeSignInAsync(signInId, context.CancellationToken);
        }
        if (ended is not var (id, userId))
            return;
        states.Forget(id);
        await publisher.Publish(new UserRightsChanged(userId, "token.revoked") { SignInId = id }, CancellationToken.None);
    }
}
