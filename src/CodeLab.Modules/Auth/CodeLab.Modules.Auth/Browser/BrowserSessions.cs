using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;
using MediatR;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Browser;

/// <summary>A living browser session as the store has it now.</summary>
internal sealed record BrowserState(string SignInId, string UserId, string UserName, IReadOnlyList<string> Roles)
{
    public required string Methods { get; init; }

    public required string Scope { get; init; }

    public string? Language { get; init; }

    public required long LastUsedAt { get; init; }
}

/// <summary>
/// Browser sessions. Each is a sign-in like those of other clients, so that it ends with them: when its user is disabled, has a new
/// password, or revokes it (security.md G2). It is read anew for every page, so that this is at once.
/// </summary>
internal sealed class BrowserSessions(
    Database database,
    BrowserCookie cookie,
    ClientAddress addresses,
    IAuditTrail audit,
    Callers callers,
    RightsChanges changes,
    TimeProvider time,
    IOptions<BrowserOptions> options
)
{
    // What pages may do is decided by roles; a role's own limits hold in any case.
    public const string Scope = "api:admin api:read api:write llm:invoke";
    private static readonly TimeSpan _touchEvery = TimeSpan.FromSeconds(30);

    /// <summary>Begins a session, ends the one the browser had, and gives it the cookie.</summary>
    /// <param name="context">The request; its response gets the cookie.</param>
    /// <param name="user">Who it is; the security stamp is the one that was checked.</param>
    /// <param name="methods">How they proved it, as <see cref="SignInRow.Methods"/>.</param>
    public async Task<string> StartAsync(HttpContext context, UserSnapshot user, string methods)
    {
        var old = cookie.TryRead(context.Request, out var oldId, out _) ? oldId : null;
        var now = time.GetUtcNow();
        var id = Guid.CreateVersion7(now).ToString();
        var agent = context.Request.Headers.UserAgent.ToString();
        var entry = callers.Stamp(
            new("login_success")
            {
                Actor = user.Id,
                Subject = user.Id,
                Session = id,
                ClientId = BrowserSession.ClientId,
                Metadata = new Dictionary<string, object?>(StringComparer.Ordinal) { ["methods"] = methods },
            }
        );
        await database.TransactAsync(
            async (connection, transaction) =>
            {
                await connection.ExecuteAsync(
                    "INSERT INTO auth_sign_ins (id, user_id, client_id, scope, security_stamp, methods, ip, user_agent, created_at, "
                        + "last_used_at, expires_at) "
                        + "VALUES (@id, @user, @client, @scope, @stamp, @methods, @ip, @agent, @now, @now, @ends)",
                    transaction,
                    [
                        ("@id", id),
                        ("@user", user.Id),
                        ("@client", BrowserSession.ClientId),
                        ("@scope", Scope),
                        ("@stamp", user.SecurityStamp),
                        ("@methods", methods),
                        ("@ip", addresses.Of(context)),
                        ("@agent", agent.Length > 256 ? agent[..256] : agent),
                        ("@now", now.ToUnixTimeMilliseconds()),
                        ("@ends", (now + TimeSpan.FromHours(options.Value.Hours)).ToUnixTimeMilliseconds()),
                    ],
                    CancellationToken.None
                );
                // A password alone has told of itself.
                if (methods != "pwd")
                    await audit.AppendAsync(connection, transaction, entry);
                return true;
            },
            context.RequestAborted
        );
        cookie.Write(context, id, now);
        // A new sign-in never goes on with an old id, and leaves no session behind that nobody sees any more.
        if (old is not null)
            await EndAsync(old, "logout");
        return id;
    }

    /// <summary>The session; null when it does not live. Counts as use when <paramref name="isActive"/>.</summary>
    public async Task<BrowserState?> FindAsync(string signInId, bool isActive, CancellationToken cancellationToken)
    {
        var now = time.Milliseconds();
        var state = await ReadAsync(signInId, now, cancellationToken);
        if (state is not null && isActive && now - state.LastUsedAt > _touchEvery.TotalMilliseconds)
        {
            await database.TransactAsync(
                (connection, transaction) =>
                    connection.ExecuteAsync(
                        "UPDATE auth_sign_ins SET last_used_at = @now WHERE id = @id AND last_used_at < @now AND revoked_at IS NULL",
                        transaction,
                        [("@now", now), ("@id", signInId)],
                        CancellationToken.None
                    ),
                cancellationToken
            );
        }
        return state;
    }

    /// <summary>Ends the session of a request and takes its cookie back.</summary>
    public async Task SignOutAsync(HttpContext context)
    {
        if (cookie.TryRead(context.Request, out var id, out _))
            await EndAsync(id, "logout");
        BrowserCookie.Delete(context);
    }

    /// <summary>Notes that the person has just proved who they are once more.</summary>
    public void Confirm(HttpContext context, string signInId) => cookie.Write(context, signInId, time.GetUtcNow());

    /// <summary>True when the person proved who they are within the last minutes.</summary>
    public bool IsRecent(DateTimeOffset confirmedAt) => time.GetUtcNow() - confirmedAt < TimeSpan.FromMinutes(options.Value.RecentMinutes);

    private async Task<BrowserState?> ReadAsync(string signInId, long now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            """
            SELECT s.user_id, u.user_name, u.roles, s.methods, s.scope, u.language, s.last_used_at
            FROM auth_sign_ins s
            JOIN auth_users u ON u.id = s.user_id
            WHERE s.id = @id AND s.client_id = @client AND s.revoked_at IS NULL AND s.expires_at > @now AND s.last_used_at > @idle
                AND u.disabled_at IS NULL AND u.security_stamp = s.security_stamp
            """,
            null,
            ("@id", signInId),
            ("@client", BrowserSession.ClientId),
            ("@now", now),
            ("@idle", now - (long)TimeSpan.FromMinutes(options.Value.IdleMinutes).TotalMilliseconds)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
            return null;
        return new(signInId, reader.GetString(0), reader.GetString(1), User.Split(reader.GetString(2)))
        {
            Methods = reader.GetString(3),
            Scope = reader.GetString(4),
            Language = reader.IsDBNull(5) ? null : reader.GetString(5),
            LastUsedAt = reader.GetInt64(6),
        };
    }

    private async Task EndAsync(string signInId, string reason)
    {
        var entry = callers.Stamp(
            new(reason)
            {
                Subject = signInId,
                Session = signInId,
                ClientId = BrowserSession.ClientId,
            }
        );
        // Done even if the browser has left: what was asked is that the session ends.
        var user = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var ended = await connection.ScalarAsync(
                    "UPDATE auth_sign_ins SET revoked_at = @now, revoked_reason = @reason "
                        + "WHERE id = @id AND client_id = @client AND revoked_at IS NULL RETURNING user_id",
                    transaction,
                    [("@now", time.Milliseconds()), ("@reason", reason), ("@id", signInId), ("@client", BrowserSession.ClientId)],
                    CancellationToken.None
                );
                if (ended is string userId)
                    await audit.AppendAsync(connection, transaction, entry with { Actor = entry.Actor ?? userId });
                return ended as string;
            },
            CancellationToken.None
        );
        if (user is not { } userId)
            return;
        await changes.TellAsync(new UserRightsChanged(userId, reason) { SignInId = signInId });
    }
}

/// <summary>Answers <see cref="CheckBrowserSessionCommand"/>.</summary>
internal sealed class CheckBrowserSessionHandler(BrowserSessions sessions)
    : IRequestHandler<CheckBrowserSessionCommand, BrowserSessionInfo?>
{
    public async Task<BrowserSessionInfo?> Handle(CheckBrowserSessionCommand request, CancellationToken cancellationToken) =>
        await sessions.FindAsync(request.SignInId, request.IsActive, cancellationToken) is { } state
            ? new(state.SignInId, state.UserId, state.UserName, state.Roles, state.Language)
            : null;
}
