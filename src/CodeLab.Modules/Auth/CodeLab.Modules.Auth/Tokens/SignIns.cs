using System.Data.Common;
using System.Diagnostics;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>A sign-in about to begin.</summary>
/// <param name="User">Who signs in, as the store has it now.</param>
/// <param name="ClientId">The client.</param>
/// <param name="Scope">Scopes, sorted, separated by spaces.</param>
/// <param name="Grant">Grant that gave it, for the audit.</param>
/// <param name="Origin">Where the request came from.</param>
internal sealed record NewSignIn(UserSnapshot User, string ClientId, string Scope, string Grant, RequestOrigin Origin)
{
    /// <summary>How the person proved who they are (<see cref="SignInRow.Methods"/>).</summary>
    public string Methods { get; init; } = "pwd";

    /// <summary>False for a client that is not to stay signed in.</summary>
    public bool HasRefreshToken { get; init; } = true;
}

/// <summary>A sign-in that began.</summary>
/// <param name="Id">Its id, claim <c>sid</c> of its access tokens.</param>
/// <param name="RefreshToken">Its first refresh token.</param>
internal sealed record StartedSignIn(string Id, string? RefreshToken);

/// <summary>Beginning and end of sign-ins of clients: the families of tokens (security.md G1).</summary>
internal sealed class SignIns(
    Database database,
    IAuditTrail audit,
    RightsChanges changes,
    AuthMetrics metrics,
    TimeProvider time,
    IOptions<AuthOptions> options
)
{
    /// <summary>Begins a sign-in in a transaction of its own.</summary>
    public Task<StartedSignIn> StartAsync(NewSignIn start, CancellationToken cancellationToken) =>
        database.TransactAsync((connection, transaction) => StartAsync(connection, transaction, start), cancellationToken);

    /// <summary>Begins a sign-in in the caller's transaction.</summary>
    public async Task<StartedSignIn> StartAsync(DbConnection connection, DbTransaction? transaction, NewSignIn start)
    {
        var id = Guid.CreateVersion7(time.GetUtcNow()).ToString();
        var now = time.Milliseconds();
        var ends = now + (long)TimeSpan.FromDays(options.Value.SignInDays).TotalMilliseconds;
        await connection.ExecuteAsync(
            """
            INSERT INTO auth_sign_ins
                (id, user_id, client_id, scope, security_stamp, methods, ip, user_agent, created_at, last_used_at, expires_at)
            VALUES (@id, @user, @client, @scope, @stamp, @methods, @ip, @agent, @now, @now, @ends)
            """,
            transaction,
            [
                ("@id", id),
                ("@user", start.User.Id),
                ("@client", start.ClientId),
                ("@scope", start.Scope),
                ("@stamp", start.User.SecurityStamp),
                ("@methods", start.Methods),
                ("@ip", Sql.Text(start.Origin.Ip)),
                ("@agent", Sql.Text(start.Origin.UserAgent)),
                ("@now", now),
                ("@ends", ends),
            ],
            CancellationToken.None
        );
        string? token = null;
        if (start.HasRefreshToken)
        {
            token = RefreshTokens.NewToken();
            await connection.ExecuteAsync(
                "INSERT INTO auth_refresh_tokens (hash, sign_in_id, expires_at) VALUES (@hash, @id, @expires)",
                transaction,
                [("@hash", RefreshTokens.Hash(token)), ("@id", id), ("@expires", RefreshTokens.Expiry(options.Value, now, ends))],
                CancellationToken.None
            );
        }
        await audit.AppendAsync(
            connection,
            transaction,
            new(start.Grant == "password" ? "auth.legacy_grant" : "token.issued")
            {
                Actor = start.User.Id,
                Subject = id,
                Session = id,
                ClientId = start.ClientId,
                Ip = start.Origin.Ip,
                UserAgent = start.Origin.UserAgent,
                Metadata = new Dictionary<string, object?> { ["grant"] = start.Grant, ["scope"] = start.Scope },
            }
        );
        return new(id, token);
    }

    /// <summary>Ends a sign-in; false when there is none or it had ended before. Live connections hear of it by <see cref="ToldAsync"/>.</summary>
    public async Task<bool> EndAsync(DbConnection connection, DbTransaction? transaction, string signInId, AuditEvent reason)
    {
        var ended = await connection.ExecuteAsync(
            "UPDATE auth_sign_ins SET revoked_at = @now, revoked_reason = @reason WHERE id = @id AND revoked_at IS NULL",
            transaction,
            [("@now", time.Milliseconds()), ("@reason", reason.Type), ("@id", signInId)],
            CancellationToken.None
        );
        if (ended == 1)
            await audit.AppendAsync(connection, transaction, reason with { Subject = signInId, Session = signInId });
        return ended == 1;
    }

    /// <summary>Tells every live surface that a sign-in has ended; after the commit, and whether or not the caller is still there.</summary>
    public async Task ToldAsync(string signInId, string userId, string reason)
    {
        var since = Stopwatch.GetTimestamp();
        await changes.TellAsync(new UserRightsChanged(userId, reason) { SignInId = signInId });
        metrics.Revoked(reason, "success", since);
    }
}
