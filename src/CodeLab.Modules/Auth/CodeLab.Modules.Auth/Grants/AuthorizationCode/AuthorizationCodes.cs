using System.Buffers.Text;
using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Tokens;
using CodeLab.Modules.Auth.Users;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace CodeLab.Modules.Auth.Grants.AuthorizationCode;

/// <summary>What a code stands for.</summary>
internal sealed record NewCode(string ClientId, BrowserUser User, string Scope, string RedirectUri, string CodeChallenge)
{
    public string? Nonce { get; init; }
}

/// <summary>How the use of a code ended.</summary>
internal abstract record CodeOutcome
{
    public sealed record Granted(UserSnapshot User, string Scope, StartedSignIn Started, IdentityFacts Facts) : CodeOutcome;

    /// <summary>It had been used: somebody else has it too. What it gave is ended now, unless it was before.</summary>
    public sealed record UsedAgain(string UserId, string? EndedSignInId) : CodeOutcome;

    /// <summary>Unknown, expired, of another client or address, without the right verifier: told alike.</summary>
    public sealed record Refused : CodeOutcome;
}

/// <summary>
/// Authorization codes (RFC 6749 §4.1 with PKCE, RFC 7636): 32 random bytes, kept by their hash for 60 s, and spent by one conditional
/// write in the transaction that begins the sign-in.
/// </summary>
internal sealed class AuthorizationCodes(Database database, SignIns signIns, TimeProvider time)
{
    public const string ReuseReason = "code.reuse_detected";
    private const int Seconds = 60;
    private const int ShortestVerifier = 43;
    private const int LongestVerifier = 128;

    /// <summary>Makes a code.</summary>
    public async Task<string> IssueAsync(NewCode code, CancellationToken cancellationToken)
    {
        var secret = "clc_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        var now = time.Milliseconds();
        await database.TransactAsync(
            (connection, transaction) =>
                connection.ExecuteAsync(
                    """
                    INSERT INTO auth_codes (hash, client_id, user_id, browser_sign_in_id, scope, redirect_uri, code_challenge, nonce,
                        created_at, expires_at)
                    VALUES (@hash, @client, @user, @browser, @scope, @redirect, @challenge, @nonce, @now, @expires)
                    """,
                    transaction,
                    [
                        ("@hash", RefreshTokens.Hash(secret)),
                        ("@client", code.ClientId),
                        ("@user", code.User.UserId),
                        ("@browser", code.User.SignInId),
                        ("@scope", code.Scope),
                        ("@redirect", code.RedirectUri),
                        ("@challenge", code.CodeChallenge),
                        ("@nonce", Sql.Text(code.Nonce)),
                        ("@now", now),
                        ("@expires", now + Seconds * 1000L),
                    ],
                    CancellationToken.None
                ),
            cancellationToken
        );
        return secret;
    }

    /// <summary>Trades a code for a sign-in.</summary>
    public Task<CodeOutcome> RedeemAsync(
        string code,
        Client client,
        string redirectUri,
        string verifier,
        RequestOrigin origin,
        CancellationToken cancellationToken
    )
    {
        var hash = RefreshTokens.Hash(code);
        return database.TransactAsync(
            async (connection, transaction) =>
            {
                var row = await FindAsync(connection, transaction, hash);
                if (row is null || row.ClientId != client.Id)
                    return new CodeOutcome.Refused();
                if (row.IsUsed)
                    return await EndAsync(connection, transaction, row, client, origin);
                var now = time.Milliseconds();
                // A wrong verifier or address does not spend the code: whoever stole it could else take it from its owner.
                if (row.ExpiresAt <= now || row.RedirectUri != redirectUri || !Proves(verifier, row.CodeChallenge))
                    return new CodeOutcome.Refused();
                var browser = await LivingBrowserSignIn.FindAsync(connection, transaction, row.BrowserSignInId, row.UserId, now);
                if (browser is null)
                    return new CodeOutcome.Refused();
                return await GrantAsync(connection, transaction, hash, row, browser, client, origin);
            },
            cancellationToken
        );
    }

    private async Task<CodeOutcome> GrantAsync(
        DbConnection connection,
        DbTransaction? transaction,
        byte[] hash,
        Row row,
        LivingBrowserSignIn browser,
        Client client,
        RequestOrigin origin
    )
    {
        var scopes = row.Scope.Split(' ');
        var scope = GrantScopes.Grant(scopes.Where(s => s != Scopes.OfflineAccess && client.Scopes.Contains(s)), browser.User.Roles);
        var started = await signIns.StartAsync(
            connection,
            transaction,
            new(browser.User, client.Id, scope, GrantTypes.AuthorizationCode, origin)
            {
                Methods = browser.Methods,
                HasRefreshToken = GrantScopes.StaysSignedIn(row.Scope, client),
            }
        );
        var spent = await connection.ExecuteAsync(
            "UPDATE auth_codes SET used_at = @now, sign_in_id = @signIn WHERE hash = @hash AND used_at IS NULL",
            transaction,
            [("@now", time.Milliseconds()), ("@signIn", started.Id), ("@hash", hash)],
            CancellationToken.None
        );
        if (spent == 1)
        {
            var facts = new IdentityFacts(client.Id, started.Id, browser.AuthenticatedAt, browser.Methods) { Nonce = row.Nonce };
            return new CodeOutcome.Granted(browser.User, scope, started, facts);
        }
        // Two came at once and the other was first. This is the second use: both sign-ins go, the other's and the one just written.
        var other = await FindAsync(connection, transaction, hash);
        await signIns.EndAsync(connection, transaction, started.Id, Reuse(row, client, origin));
        return await EndAsync(connection, transaction, other ?? row, client, origin);
    }

    private async Task<CodeOutcome> EndAsync(
        DbConnection connection,
        DbTransaction? transaction,
        Row row,
        Client client,
        RequestOrigin origin
    )
    {
        var ended = row.SignInId is not null && await signIns.EndAsync(connection, transaction, row.SignInId, Reuse(row, client, origin));
        return new CodeOutcome.UsedAgain(row.UserId, ended ? row.SignInId : null);
    }

    private static AuditEvent Reuse(Row row, Client client, RequestOrigin origin) =>
        new(ReuseReason)
        {
            Actor = row.UserId,
            ClientId = client.Id,
            Ip = origin.Ip,
            UserAgent = origin.UserAgent,
            Outcome = "denied",
        };

    /// <summary>PKCE S256 (RFC 7636 §4.6).</summary>
    private static bool Proves(string verifier, string challenge)
    {
        if (verifier.Length is < ShortestVerifier or > LongestVerifier || !verifier.All(IsUnreserved))
            return false;
        var answer = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
        return CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(answer), Encoding.ASCII.GetBytes(challenge));
    }

    private static bool IsUnreserved(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' or '~';

    private static async Task<Row?> FindAsync(DbConnection connection, DbTransaction? transaction, byte[] hash)
    {
        await using var command = connection.Command(
            "SELECT client_id, user_id, browser_sign_in_id, scope, redirect_uri, code_challenge, nonce, expires_at, used_at, sign_in_id "
                + "FROM auth_codes WHERE hash = @hash",
            transaction,
            ("@hash", hash)
        );
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        if (!await reader.ReadAsync(CancellationToken.None))
            return null;
        return new(
            reader.GetString(0),
            reader.GetString(1),
            reader.NullableText(2),
            reader.GetString(3),
            reader.GetString(4),
            reader.GetString(5),
            reader.NullableText(6),
            reader.GetInt64(7),
            !reader.IsDBNull(8),
            reader.NullableText(9)
        );
    }

    private sealed record Row(
        string ClientId,
        string UserId,
        string? BrowserSignInId,
        string Scope,
        string RedirectUri,
        string CodeChallenge,
        string? Nonce,
        long ExpiresAt,
        bool IsUsed,
        string? SignInId
    );
}
