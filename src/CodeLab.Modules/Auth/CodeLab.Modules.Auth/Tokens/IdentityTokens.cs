using System.Security.Cryptography;
using System.Text;
using CodeLab.Modules.Auth.Keys;
using CodeLab.Modules.Auth.Users;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>What an identity token says beside the user.</summary>
/// <param name="ClientId">The client it is for: its audience.</param>
/// <param name="SignInId">The sign-in.</param>
/// <param name="AuthenticatedAt">When the person proved who they are, UTC milliseconds.</param>
/// <param name="Methods">How (RFC 8176), separated by spaces.</param>
internal sealed record IdentityFacts(string ClientId, string SignInId, long AuthenticatedAt, string Methods)
{
    /// <summary>Nonce of the authorization request, which binds the token to the client's own browser session.</summary>
    public string? Nonce { get; init; }
}

/// <summary>
/// Writes identity tokens (OpenID Connect Core §2). They tell a client who signed in; no API takes them: their audience is the client, and
/// they lack the claim <c>type</c> of access tokens.
/// </summary>
internal sealed class IdentityTokens(KeyRing keys, Accounts accounts, TimeProvider time, IOptions<AuthOptions> options)
{
    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };

    public async Task<string> CreateAsync(
        UserSnapshot user,
        string scope,
        string accessToken,
        IdentityFacts facts,
        CancellationToken cancellationToken
    )
    {
        var now = time.GetUtcNow().UtcDateTime;
        var claims = await ClaimsAsync(user.Id, scope, cancellationToken);
        claims["auth_time"] = facts.AuthenticatedAt / 1000;
        claims["amr"] = facts.Methods.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        claims["azp"] = facts.ClientId;
        claims["sid"] = facts.SignInId;
        claims["at_hash"] = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(accessToken))[..16]);
        if (facts.Nonce is not null)
            claims["nonce"] = facts.Nonce;
        return _handler.CreateToken(
            new SecurityTokenDescriptor
            {
                Issuer = options.Value.Issuer,
                Audience = facts.ClientId,
                IssuedAt = now,
                Expires = now.AddSeconds(options.Value.AccessTokenSeconds),
                TokenType = "JWT",
                Claims = claims,
                SigningCredentials = keys.Signer,
            }
        );
    }

    /// <summary>What the scopes let a client know of a user: of <c>sub</c>, the name with <c>profile</c>, the address with <c>email</c>.</summary>
    public async Task<Dictionary<string, object>> ClaimsAsync(string userId, string scope, CancellationToken cancellationToken)
    {
        var claims = new Dictionary<string, object>(StringComparer.Ordinal) { ["sub"] = userId };
        var scopes = scope.Split(' ');
        var wantsName = scopes.Contains(Scopes.Profile);
        var wantsEmail = scopes.Contains(Scopes.Email);
        if ((wantsName || wantsEmail) && await accounts.FindAsync(userId, cancellationToken) is { } account)
        {
            if (wantsName)
                (claims["name"], claims["preferred_username"]) = (account.Username, account.Username);
            if (wantsEmail)
                claims["email"] = account.Email;
        }
        return claims;
    }
}
