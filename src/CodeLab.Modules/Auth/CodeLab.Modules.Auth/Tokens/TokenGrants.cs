using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Grants.AuthorizationCode;
using CodeLab.Modules.Auth.Grants.DeviceCode;
using CodeLab.Modules.Auth.Limits;
using CodeLab.Modules.Auth.SecondFactor;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>Answers the grants. By now the request is well formed and the client authenticated.</summary>
internal sealed partial class TokenGrants(
    PasswordSignIn signIn,
    SecondFactors factors,
    SignIns signIns,
    RefreshTokens refreshTokens,
    AuthorizationCodes codes,
    DeviceCodes devices,
    AccessTokens accessTokens,
    IdentityTokens identityTokens,
    SignInLimits limits,
    ClientAddress addresses,
    AuthMetrics metrics,
    TimeProvider time,
    IOptions<AuthOptions> options,
    ILogger<TokenGrants> logger
)
{
    public async Task<(IssuedTokens? Issued, OAuthError? Error)> AnswerAsync(
        string grant,
        Client client,
        IFormCollection form,
        HttpContext context
    )
    {
        // A code carries the scopes that were asked for when it was made.
        IReadOnlyList<string>? asked = null;
        if (
            grant is not (GrantTypes.AuthorizationCode or ClientRegistry.DeviceGrant)
            && !GrantScopes.TryRead(form["scope"], client, grant, out asked)
        )
            return (null, GrantScopes.Refused);
        return grant switch
        {
            GrantTypes.ClientCredentials => (Service(client, asked), null),
            GrantTypes.RefreshToken => await RefreshAsync(form, client, asked, context),
            GrantTypes.Password => await PasswordAsync(form, client, asked, context),
            GrantTypes.AuthorizationCode => await CodeAsync(form, client, context),
            ClientRegistry.DeviceGrant => await DeviceAsync(form, client, context),
            _ => throw new InvalidOperationException("An unknown grant passed the endpoint"),
        };
    }

    private IssuedTokens Service(Client client, IReadOnlyList<string>? asked)
    {
        var scope = GrantScopes.Join((asked ?? client.DefaultScopes).Where(s => s is not (Scopes.OpenId or Scopes.OfflineAccess)));
        var token = accessTokens.Create(client.Id, client.Id, scope, [], signInId: null);
        return new(token, null, scope, options.Value.AccessTokenSeconds);
    }

    private async Task<(IssuedTokens?, OAuthError?)> PasswordAsync(
        IFormCollection form,
        Client client,
        IReadOnlyList<string>? asked,
        HttpContext context
    )
    {
        SignInOutcome outcome;
        try
        {
            outcome = await signIn.TryAsync(form["username"].ToString(), form["password"].ToString(), context.RequestAborted);
        }
        catch (PasswordQueueFullException)
        {
            return (null, OAuthError.Limited(TimeSpan.FromSeconds(1)));
        }
        switch (outcome)
        {
            case SignInOutcome.LockedOut locked:
                metrics.SignInFailed("locked");
                return (null, OAuthError.Locked(locked.Until, time.GetUtcNow()));
            case SignInOutcome.Succeeded { User: var secured } when await factors.IsOnAsync(secured.Id, context.RequestAborted):
                // A password alone is not enough for this person, and the grant has no second step (security.md §4). Told only to who has it.
                metrics.SignInFailed("second_factor");
                return (null, new("invalid_grant", "This account has a second factor: sign in with the browser or a device code"));
            case SignInOutcome.Succeeded { User: var user }:
                var scope = GrantScopes.Grant(asked ?? client.DefaultScopes, user.Roles);
                var started = await signIns.StartAsync(
                    new(user, client.Id, scope, GrantTypes.Password, RequestOrigin.Of(context, addresses)),
                    context.RequestAborted
                );
                SignedIn(user.Id, client.Id);
                return (Issue(user, client, scope, started), null);
            default:
                metrics.SignInFailed("credentials");
                SignInFailed(client.Id);
                return (null, new("invalid_grant", "Invalid username or password"));
        }
    }

    private async Task<(IssuedTokens?, OAuthError?)> RefreshAsync(
        IFormCollection form,
        Client client,
        IReadOnlyList<string>? asked,
        HttpContext context
    )
    {
        var outcome = await refreshTokens.UseAsync(
            form["refresh_token"].ToString(),
            client.Id,
            asked,
            signInId => limits.TakeRotationAsync(context, signInId),
            RequestOrigin.Of(context, addresses),
            context.RequestAborted
        );
        switch (outcome)
        {
            case RefreshOutcome.Granted granted:
                var scope = GrantScopes.Narrow(granted.Scope, asked, client, granted.User.Roles);
                return (Issue(granted.User, client, scope, new(granted.SignInId, granted.Token)), null);
            case RefreshOutcome.Limited limited:
                return (null, OAuthError.Limited(limited.Wait));
            case RefreshOutcome.ScopeRefused:
                return (null, GrantScopes.Refused);
            case RefreshOutcome.Refused refused:
                if (refused.Revoked is var (signInId, userId))
                {
                    ReuseDetected(userId, client.Id);
                    await signIns.ToldAsync(signInId, userId, RefreshTokens.ReuseReason);
                }
                return (null, new("invalid_grant", refused.Reason));
            default:
                throw new InvalidOperationException($"Unknown outcome {outcome.GetType().Name}");
        }
    }

    private async Task<(IssuedTokens?, OAuthError?)> CodeAsync(IFormCollection form, Client client, HttpContext context)
    {
        var outcome = await codes.RedeemAsync(
            form["code"].ToString(),
            client,
            form["redirect_uri"].ToString(),
            form["code_verifier"].ToString(),
            RequestOrigin.Of(context, addresses),
            context.RequestAborted
        );
        switch (outcome)
        {
            case CodeOutcome.Granted granted:
                SignedIn(granted.User.Id, client.Id);
                return (await IssueAsync(granted.User, client, granted.Scope, granted.Started, granted.Facts), null);
            case CodeOutcome.UsedAgain used:
                CodeUsedAgain(used.UserId, client.Id);
                if (used.EndedSignInId is { } ended)
                    await signIns.ToldAsync(ended, used.UserId, AuthorizationCodes.ReuseReason);
                return (null, new("invalid_grant", "The authorization code has been used before"));
            default:
                return (null, new("invalid_grant", "Invalid or expired authorization code"));
        }
    }

    private async Task<(IssuedTokens?, OAuthError?)> DeviceAsync(IFormCollection form, Client client, HttpContext context)
    {
        var outcome = await devices.PollAsync(
            form["device_code"].ToString(),
            client,
            RequestOrigin.Of(context, addresses),
            context.RequestAborted
        );
        switch (outcome)
        {
            case DeviceOutcome.Granted granted:
                SignedIn(granted.User.Id, client.Id);
                return (await IssueAsync(granted.User, client, granted.Scope, granted.Started, granted.Facts), null);
            case DeviceOutcome.Refused refused:
                return (null, new(refused.Error, refused.Description));
            default:
                throw new InvalidOperationException($"Unknown outcome {outcome.GetType().Name}");
        }
    }

    private IssuedTokens Issue(UserSnapshot user, Client client, string scope, StartedSignIn started) =>
        new(
            accessTokens.Create(user.Id, client.Id, scope, user.Roles, started.Id),
            started.RefreshToken,
            scope,
            options.Value.AccessTokenSeconds
        );

    private async Task<IssuedTokens> IssueAsync(UserSnapshot user, Client client, string scope, StartedSignIn started, IdentityFacts facts)
    {
        var issued = Issue(user, client, scope, started);
        if (!scope.Split(' ').Contains(Scopes.OpenId))
            return issued;
        // The tokens are given: not cancelled, so that a client that hurries away cannot leave a sign-in that nobody has.
        var idToken = await identityTokens.CreateAsync(user, scope, issued.AccessToken, facts, CancellationToken.None);
        return issued with { IdToken = idToken };
    }

    [LoggerMessage(2011, LogLevel.Information, "User {UserId} signed in with {ClientId}")]
    private partial void SignedIn(string userId, string clientId);

    [LoggerMessage(2012, LogLevel.Information, "A sign-in with {ClientId} failed")]
    private partial void SignInFailed(string clientId);

    [LoggerMessage(2013, LogLevel.Warning, "A spent refresh token of user {UserId} came back through {ClientId}: that sign-in was ended")]
    private partial void ReuseDetected(string userId, string clientId);

    [LoggerMessage(2014, LogLevel.Warning, "An authorization code of user {UserId} was used again by {ClientId}: what it gave was ended")]
    private partial void CodeUsedAgain(string userId, string clientId);
}
