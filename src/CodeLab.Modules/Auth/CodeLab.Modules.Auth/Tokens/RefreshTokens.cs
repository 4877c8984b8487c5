using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Limits;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>How a use of a refresh token ended.</summary>
internal abstract record RefreshOutcome
{
    /// <summary>A token to answer with.</summary>
    /// <param name="SignInId">The sign-in.</param>
    /// <param name="User">Its user, as the store has it now.</param>
    /// <param name="Scope">Scopes granted at sign-in.</param>
    /// <param name="Token">The successor.</param>
    /// <param name="Replayed">True when it had been answered before, within the replay window.</param>
    public sealed record Granted(string SignInId, UserSnapshot User, string Scope, string Token, bool Replayed) : RefreshOutcome;

    /// <summary>The sign-in was rotated too often.</summary>
    public sealed record Limited(TimeSpan Wait) : RefreshOutcome;

    /// <summary>A scope was asked for that was not granted at sign-in. The token is not spent.</summary>
    public sealed record ScopeRefused : RefreshOutcome;

    /// <summary>No token.</summary>
    /// <param name="Reason">Why, for the client.</param>
    /// <param name="Revoked">The sign-in that this use ended, with its user; null when nothing ended.</param>
    public sealed record Refused(string Reason, (string SignInId, string UserId)? Revoked = null) : RefreshOutcome;
}

/// <summary>
/// Refresh tokens. OpenIddict's own rotation is not atomic (twelve uses at once gave up to eleven successors, or ended the sign-in of an
/// honest client), so the rule lives here: one conditional write decides who rotates, and whoever comes with the same token within the
/// window gets the same successor (security.md §3.3, G1).
/// </summary>
internal sealed class RefreshTokens(
    Database database,
    SignIns signIns,
    IAuditTrail audit,
    AuthMetrics metrics,
    TimeProvider time,
    IOptions<AuthOptions> options
)
{
    public const string ReuseReason = "refresh.reuse_detected";
    private const string Revoked = "token.revoked";

    private const string Find = """
        SELECT t.expires_at, t.used_at, t.successor, s.id, s.client_id, s.scope, s.expires_at, s.revoked_at, s.security_stamp,
            u.id, u.user_name, u.security_stamp, u.roles, u.disabled_at
        FROM auth_refresh_tokens t
        JOIN auth_sign_ins s ON s.id = t.sign_in_id
        JOIN auth_users u ON u.id = s.user_id
        WHERE t.hash = $1
        """;

    private static readonly byte[] _successorInfo = Encoding.ASCII.GetBytes("codelab refresh successor v1");

    /// <summary>Uses a refresh token.</summary>
    /// <param name="token">The token as the client sent it.</param>
    /// <param name="clientId">The client that sent it.</param>
    /// <param name="asked">Scopes asked for; null for those of the sign-in.</param>
    /// <param name="mayRotate">Asked before a rotation, with the id of the sign-in.</param>
    /// <param name="origin">Where the request came from.</param>
    /// <param name="cancellationToken">Stops before the write, never in the middle of it.</param>
    public async Task<RefreshOutcome> UseAsync(
        string token,
        string clientId,
        IReadOnlyList<string>? asked,
        Func<string, ValueTask<RateDecision>> mayRotate,
        RequestOrigin origin,
        CancellationToken cancellationToken
    )
    {
        var hash = Hash(token);
        var row = await FindAsync(hash, cancellationToken);
        if (row is null || row.ClientId != clientId)
            return new RefreshOutcome.Refused("Invalid or expired refresh token");
        if (Fault(row) is { } fault)
            return new RefreshOutcome.Refused(fault);
        if (asked is not null && !asked.All(row.Scope.Split(' ').Contains))
            return new RefreshOutcome.ScopeRefused();
        if (row.UsedAt is null)
        {
            if (await mayRotate(row.SignInId) is { Allowed: false } limit)
                return new RefreshOutcome.Limited(limit.RetryAfter);
            // Not cancelled once begun: the client may be gone, but what is written is what the next try replays.
            if (await RotateAsync(hash, token, row, origin) is { } successor)
                return new RefreshOutcome.Granted(row.SignInId, row.User!, row.Scope, successor, Replayed: false);
            // Somebody else rotated between our look and our write.
            row = await FindAsync(hash, cancellationToken);
            if (row is null || Fault(row) is not null || row.UsedAt is null)
                return new RefreshOutcome.Refused("Refresh token has been revoked");
        }
        var age = time.Milliseconds() - row.UsedAt.Value;
        if (age <= options.Value.RefreshReplaySeconds * 1000L && row.Successor is { } sealedSuccessor)
        {
            metrics.Rotated("replayed");
            await audit.AppendAsync(Event("refresh.replayed_in_grace", row, origin), cancellationToken);
            return new RefreshOutcome.Granted(row.SignInId, row.User!, row.Scope, Open(sealedSuccessor, token, hash), Replayed: true);
        }
        metrics.Rotated("reused");
        var reuse = Event(ReuseReason, row, origin) with { Outcome = "denied" };
        await database.TransactAsync(
            (connection, transaction) => signIns.EndAsync(connection, transaction, row.SignInId, reuse),
            CancellationToken.None
        );
        return new RefreshOutcome.Refused("Refresh token has been revoked (reuse detected)", (row.SignInId, row.UserId));
    }

    /// <summary>Ends the sign-in a refresh token belongs to (RFC 7009); null when there is none of this client, or it had ended.</summary>
    public async Task<(string SignInId, string UserId)?> RevokeAsync(
        string token,
        string clientId,
        RequestOrigin origin,
        CancellationToken cancellationToken
    )
    {
        var row = await FindAsync(Hash(token), cancellationToken);
        return row is null || row.ClientId != clientId
            ? null
            : await RevokeSignInAsync(row.SignInId, row.UserId, clientId, origin, cancellationToken);
    }

    /// <summary>Ends one sign-in; null when it had ended before.</summary>
    public async Task<(string SignInId, string UserId)?> RevokeSignInAsync(
        string signInId,
        string userId,
        string clientId,
        RequestOrigin origin,
        CancellationToken cancellationToken
    )
    {
        var entry = new AuditEvent(Revoked)
        {
            Actor = userId,
            ClientId = clientId,
            Ip = origin.Ip,
            UserAgent = origin.UserAgent,
        };
        var ended = await database.TransactAsync(
            (connection, transaction) => signIns.EndAsync(connection, transaction, signInId, entry),
            cancellationToken
        );
        return ended ? (signInId, userId) : null;
    }

    /// <summary>What a living, unspent refresh token stands for (RFC 7662); null for every other.</summary>
    public async Task<RefreshTokenState?> InspectAsync(string token, CancellationToken cancellationToken)
    {
        var row = await FindAsync(Hash(token), cancellationToken);
        return row is null || Fault(row) is not null || row.UsedAt is not null
            ? null
            : new(row.SignInId, row.UserId, row.User!.UserName, row.ClientId, row.Scope, row.ExpiresAt);
    }

    public static string NewToken() => "clr_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    public static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>End of a new refresh token: it slides, but not past the end of its sign-in.</summary>
    public static long Expiry(AuthOptions options, long now, long signInEnds) =>
        Math.Min(now + (long)TimeSpan.FromDays(options.RefreshTokenDays).TotalMilliseconds, signInEnds);

    /// <summary>Writes the successor if the token is still the live one; null when it is not.</summary>
    private async Task<string?> RotateAsync(byte[] hash, string token, Row row, RequestOrigin origin)
    {
        var successor = NewToken();
        var rotation = new Rotation(
            hash,
            Seal(successor, token, hash),
            Hash(successor),
            row.SignInId,
            time.Milliseconds(),
            row.SignInExpiresAt,
            origin
        );
        var entry = Event("refresh.rotated", row, origin);
        var rotated = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var written = connection is NpgsqlConnection postgres
                    ? await WriteAsync(postgres, (NpgsqlTransaction)transaction!, rotation)
                    : await WriteAsync(connection, rotation);
                if (written)
                    await audit.AppendAsync(connection, transaction, entry);
                return written;
            },
            CancellationToken.None
        );
        if (!rotated)
            return null;
        metrics.Rotated("rotated");
        return successor;
    }

    private async Task<bool> WriteAsync(DbConnection connection, Rotation rotation)
    {
        var spent = await connection.ExecuteAsync(
            "UPDATE auth_refresh_tokens SET used_at = @now, successor = @successor WHERE hash = @hash AND used_at IS NULL "
                + "AND EXISTS (SELECT 1 FROM auth_sign_ins WHERE id = @id AND revoked_at IS NULL)",
            null,
            [("@now", rotation.Now), ("@successor", rotation.Sealed), ("@hash", rotation.Hash), ("@id", rotation.SignInId)],
            CancellationToken.None
        );
        if (spent != 1)
            return false;
        await connection.ExecuteAsync(
            "INSERT INTO auth_refresh_tokens (hash, sign_in_id, expires_at) VALUES (@hash, @id, @expires)",
            null,
            [("@hash", rotation.Next), ("@id", rotation.SignInId), ("@expires", Expiry(options.Value, rotation.Now, rotation.SignInEnds))],
            CancellationToken.None
        );
        await connection.ExecuteAsync(
            "UPDATE auth_sign_ins SET last_used_at = @now, ip = @ip WHERE id = @id",
            null,
            [("@now", rotation.Now), ("@ip", Sql.Text(rotation.Origin.Ip)), ("@id", rotation.SignInId)],
            CancellationToken.None
        );
        return true;
    }

    /// <summary>The same in one round trip.</summary>
    private async Task<bool> WriteAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, Rotation rotation)
    {
        await using var command = new NpgsqlCommand(
            """
            WITH spent AS (
                UPDATE auth_refresh_tokens SET used_at = $1, successor = $2 WHERE hash = $3 AND used_at IS NULL
                    AND EXISTS (SELECT 1 FROM auth_sign_ins WHERE id = $4 AND revoked_at IS NULL)
                RETURNING sign_in_id
            ), next AS (
                INSERT INTO auth_refresh_tokens (hash, sign_in_id, expires_at) SELECT $5, sign_in_id, $6 FROM spent
            ), used AS (
                UPDATE auth_sign_ins SET last_used_at = $1, ip = NULLIF($7, '') WHERE id IN (SELECT sign_in_id FROM spent)
            )
            SELECT COUNT(*) FROM spent
            """,
            connection,
            transaction
        );
        object[] values =
        [
            rotation.Now,
            rotation.Sealed,
            rotation.Hash,
            rotation.SignInId,
            rotation.Next,
            Expiry(options.Value, rotation.Now, rotation.SignInEnds),
            rotation.Origin.Ip ?? "",
        ];
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return (long)(await command.ExecuteScalarAsync(CancellationToken.None))! == 1;
    }

    private string? Fault(Row row)
    {
        var now = time.Milliseconds();
        if (row.IsRevoked)
            return "Refresh token has been revoked";
        if (row.ExpiresAt <= now || row.SignInExpiresAt <= now)
            return "Refresh token has expired";
        // Gone, disabled, or with another password than at sign-in: told alike (security.md §3.4).
        return row.User is null ? "Refresh token has been revoked" : null;
    }

    private ValueTask<Row?> FindAsync(byte[] hash, CancellationToken cancellationToken) =>
        database.FirstAsync(Find, [hash], ToRow, cancellationToken);

    private static Row ToRow(DbDataReader reader)
    {
        var stamp = reader.GetString(11);
        var usable = reader.IsDBNull(13) && reader.GetString(8) == stamp;
        return new()
        {
            ExpiresAt = reader.GetInt64(0),
            UsedAt = reader.NullableInt64(1),
            Successor = reader.IsDBNull(2) ? null : reader.GetFieldValue<byte[]>(2),
            SignInId = reader.GetString(3),
            ClientId = reader.GetString(4),
            Scope = reader.GetString(5),
            SignInExpiresAt = reader.GetInt64(6),
            IsRevoked = !reader.IsDBNull(7),
            UserId = reader.GetString(9),
            User = usable ? new(reader.GetString(9), reader.GetString(10), stamp, Users.User.Split(reader.GetString(12))) : null,
        };
    }

    private static AuditEvent Event(string type, Row row, RequestOrigin origin) =>
        new(type)
        {
            Actor = row.UserId,
            Subject = row.SignInId,
            Session = row.SignInId,
            ClientId = row.ClientId,
            Ip = origin.Ip,
            UserAgent = origin.UserAgent,
        };

    private static byte[] Seal(string successor, string token, byte[] hash)
    {
        var plain = Encoding.ASCII.GetBytes(successor);
        var result = new byte[12 + 16 + plain.Length];
        RandomNumberGenerator.Fill(result.AsSpan(0, 12));
        using var cipher = new AesGcm(SuccessorKey(token), 16);
        cipher.Encrypt(result.AsSpan(0, 12), plain, result.AsSpan(28), result.AsSpan(12, 16), hash);
        return result;
    }

    private static string Open(byte[] sealedSuccessor, string token, byte[] hash)
    {
        var plain = new byte[sealedSuccessor.Length - 28];
        using var cipher = new AesGcm(SuccessorKey(token), 16);
        cipher.Decrypt(sealedSuccessor.AsSpan(0, 12), sealedSuccessor.AsSpan(28), sealedSuccessor.AsSpan(12, 16), plain, hash);
        return Encoding.ASCII.GetString(plain);
    }

    // The database alone cannot open a successor: the key comes from the token, of which it has the hash only.
    private static byte[] SuccessorKey(string token) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(token), 32, salt: null, info: _successorInfo);

    private sealed record Rotation(
        byte[] Hash,
        byte[] Sealed,
        byte[] Next,
        string SignInId,
        long Now,
        long SignInEnds,
        RequestOrigin Origin
    );

    private sealed record Row
    {
        public required long ExpiresAt { get; init; }
        public required long? UsedAt { get; init; }
        public required byte[]? Successor { get; init; }
        public required string SignInId { get; init; }
        public required string ClientId { get; init; }
        public required string Scope { get; init; }
        public required long SignInExpiresAt { get; init; }
        public required bool IsRevoked { get; init; }
        public required string UserId { get; init; }
        public required UserSnapshot? User { get; init; }
    }
}

/// <summary>A living refresh token.</summary>
internal sealed record RefreshTokenState(string SignInId, string UserId, string UserName, string ClientId, string Scope, long ExpiresAt);
