using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;

namespace CodeLab.Modules.Auth.Users;

/// <summary>A sign-in as its user sees it (protocol.md §2.10): a device, a program, a browser.</summary>
internal sealed record SignInInfo(
    string SessionId,
    string ClientId,
    DateTimeOffset CreatedAt,
    DateTimeOffset LastUsed,
    DateTimeOffset ExpiresAt,
    bool Current
)
{
    public string? IpAddress { get; init; }
    public string? UserAgent { get; init; }

    /// <summary>How the person proved who they are, e.g. <c>pwd otp</c>.</summary>
    public required string Methods { get; init; }
}

/// <summary>Lists and ends the sign-ins of a user.</summary>
internal sealed class OwnSignIns(
    Database database,
    AccountChanges accountChanges,
    RightsChanges changes,
    IAuditTrail audit,
    Callers callers,
    TimeProvider time
)
{
    private const int Most = 500;

    /// <summary>Sign-ins that live, the last used first.</summary>
    public async Task<IReadOnlyList<SignInInfo>> ListAsync(string userId, string? currentId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            """
            SELECT s.id, s.client_id, s.created_at, s.last_used_at, s.expires_at, s.ip, s.user_agent, s.methods
            FROM auth_sign_ins s
            JOIN auth_users u ON u.id = s.user_id
            WHERE s.user_id = @user AND s.revoked_at IS NULL AND s.expires_at > @now AND s.security_stamp = u.security_stamp
            ORDER BY s.last_used_at DESC
            LIMIT @most
            """,
            null,
            ("@user", userId),
            ("@now", time.Milliseconds()),
            ("@most", Most)
        );
        var found = new List<SignInInfo>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(
                new(
                    reader.GetString(0),
                    reader.GetString(1),
                    DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(2)),
                    DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(3)),
                    DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(4)),
                    reader.GetString(0) == currentId
                )
                {
                    IpAddress = reader.NullableText(5),
                    UserAgent = reader.NullableText(6),
                    Methods = reader.GetString(7),
                }
            );
        }
        return found;
    }

    /// <summary>Ends one sign-in of a user; false when there is none that lives.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="signInId">Which.</param>
    /// <param name="reason">Event of the audit: <c>logout</c> or <c>token.revoked</c>.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<bool> EndAsync(string userId, string signInId, string reason, CancellationToken cancellationToken)
    {
        var entry = callers.Stamp(new AuditEvent(reason) { Subject = userId }) with { Session = signInId };
        var ended = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var count = await connection.ExecuteAsync(
                    "UPDATE auth_sign_ins SET revoked_at = @now, revoked_reason = @reason "
                        + "WHERE id = @id AND user_id = @user AND revoked_at IS NULL",
                    transaction,
                    [("@now", time.Milliseconds()), ("@reason", reason), ("@id", signInId), ("@user", userId)],
                    default
                );
                if (count == 1)
                    await audit.AppendAsync(connection, transaction, entry);
                return count == 1;
            },
            cancellationToken
        );
        if (ended)
            await changes.TellAsync(new UserRightsChanged(userId, reason) { SignInId = signInId });
        return ended;
    }

    /// <summary>Ends all sign-ins of a user but one; tells how many it was.</summary>
    public async Task<int> EndAllAsync(string userId, string? except, string reason, CancellationToken cancellationToken)
    {
        var entry = callers.Stamp(new AuditEvent(reason) { Subject = userId });
        var ended = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var count = await accountChanges.EndSignInsAsync(connection, transaction, userId, reason, except);
                if (count > 0)
                    await audit.AppendAsync(
                        connection,
                        transaction,
                        entry with
                        {
                            Metadata = new Dictionary<string, object?> { ["count"] = count },
                        }
                    );
                return count;
            },
            cancellationToken
        );
        if (ended > 0)
            await changes.TellAsync(new UserRightsChanged(userId, reason));
        return ended;
    }
}
