using System.Security.Claims;
using CodeLab.Modules.Auth.Keys;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>Writes and verifies access tokens: RS256 JWTs with the claims of protocol.md §2.2.</summary>
internal sealed class AccessTokens
{
    public const string Kind = "access";
    private const string TokenType = "JWT";
    private static readonly TimeSpan _tolerance = TimeSpan.FromSeconds(5);
    private readonly KeyRing _keys;
    private readonly TimeProvider _time;
    private readonly AuthOptions _options;
    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false, MapInboundClaims = false };
    private readonly TokenValidationParameters _parameters;

    public AccessTokens(KeyRing keys, TimeProvider time, IOptions<AuthOptions> options)
    {
        _keys = keys;
        _time = time;
        _options = options.Value;
        _parameters = new()
        {
            ValidIssuer = _options.Issuer,
            ValidAudience = _options.Audience,
            // Nothing but what we sign with: neither "none" nor a MAC keyed with the public key.
            ValidAlgorithms = [SecurityAlgorithms.RsaSha256],
            ValidTypes = [TokenType],
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            TryAllIssuerSigningKeys = false,
            IssuerSigningKeyResolver = (_, _, kid, _) => _keys.Find(kid) is { } key ? [key.Credentials.Key] : [],
            LifetimeValidator = IsAlive,
            NameClaimType = "sub",
            RoleClaimType = "role",
        };
    }

    /// <summary>Writes a token.</summary>
    /// <param name="subject">User id, or client id of a service.</param>
    /// <param name="clientId">Client it is for.</param>
    /// <param name="scope">Scopes, sorted, separated by spaces.</param>
    /// <param name="roles">Roles of the user at this moment.</param>
    /// <param name="signInId">Sign-in it belongs to; null for a service.</param>
    public string Create(string subject, string clientId, string scope, IReadOnlyList<string> roles, string? signInId)
    {
        var now = _time.GetUtcNow().UtcDateTime;
        var claims = new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["sub"] = subject,
            ["client_id"] = clientId,
            ["scope"] = scope,
            ["type"] = Kind,
            ["jti"] = Guid.NewGuid().ToString(),
        };
        if (roles.Count > 0)
            claims["role"] = roles.Count == 1 ? roles[0] : roles.ToArray();
        if (signInId is not null)
            claims["sid"] = signInId;
        return _handler.CreateToken(
            new SecurityTokenDescriptor
            {
                Issuer = _options.Issuer,
                Audience = _options.Audience,
                IssuedAt = now,
                NotBefore = now,
                Expires = now.AddSeconds(_options.AccessTokenSeconds),
                TokenType = TokenType,
                Claims = claims,
                SigningCredentials = _keys.Signer,
            }
        );
    }

    /// <summary>Verifies signature, issuer, audience, lifetime and type; whether the sign-in still lives is asked elsewhere.</summary>
    /// <returns>The claims, or the reason for a refusal.</returns>
    public async Task<(ClaimsIdentity? Claims, DateTimeOffset Expires, string Fault)> VerifyAsync(string token)
    {
        var result = await _handler.ValidateTokenAsync(token, _parameters);
        if (!result.IsValid)
            return (null, default, result.Exception is SecurityTokenExpiredException ? "Token has expired" : "Invalid token");
        if (result.ClaimsIdentity.FindFirst("type")?.Value != Kind)
            return (null, default, "Invalid token");
        return (result.ClaimsIdentity, new DateTimeOffset(result.SecurityToken.ValidTo, TimeSpan.Zero), "");
    }

    private bool IsAlive(DateTime? notBefore, DateTime? expires, SecurityToken token, TokenValidationParameters parameters)
    {
        var now = _time.GetUtcNow().UtcDateTime;
        if (expires is not { } end || now >= end + _tolerance)
            throw new SecurityTokenExpiredException();
        return notBefore is not { } start || now >= start - _tolerance;
    }
}
