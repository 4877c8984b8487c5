using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Limits;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;
using Microsoft.Extensions.Options;

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
/// Sign-ins and their refresh tokens. OpenIddict's own rotation is not atomic (twelve uses at once gave up to eleven successors, or ended
/// the sign-in of an honest client), so the rule lives here: one conditional write decides who rotates, and whoever comes with the same
/// token within the window gets the same successor (security.md §3.3, G1).
/// </summary>
internal sealed class RefreshTokens(Database database, TimeProvider time, IOptions<AuthOptions> options)
{
    public const string ReuseReason = "refresh.reuse_detected";
    private static readonly byte[] _successorInfo = Encoding.ASCII.GetBytes("codelab refresh successor v1");

    /// <summary>Begins a sign-in; its id goes into access tokens as <c>sid</c>.</summary>
    public async Task<(string SignInId, string Token)> StartAsync(
        UserSnapshot user,
        string clientId,
        string scope,
        CancellationToken cancellationToken
    )
    {
        var id = Guid.CreateVersion7(time.GetUtcNow()).ToString();
        var token = NewToken();
        var now = time.Milliseconds();
        var ends = now + Days(options.Value.SignInDays);
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(
            "INSERT INTO auth_sign_ins (id, user_id, client_id, scope, security_stamp, created_at, last_used_at, expires_at) "
                + "VALUES (@id, @user, @client, @scope, @stamp, @now, @now, @ends)",
            transaction,
            [
                ("@id", id),
                ("@user", user.Id),
                ("@client", clientId),
                ("@scope", scope),
                ("@stamp", user.SecurityStamp),
                ("@now", now),
                ("@ends", ends),
            ],
            cancellationToken
        );
        await InsertAsync(connection, transaction, token, id, ends, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return (id, token);
    }

    /// <summary>Uses a refresh token.</summary>
    /// <param name="token">The token as the client sent it.</param>
    /// <param name="clientId">The client that sent it.</param>
    /// <param name="asked">Scopes asked for; null for those of the sign-in.</param>
    /// <param name="mayRotate">Asked before a rotation, with the id of the sign-in.</param>
    /// <param name="cancellationToken">Stops before the write, never in the middle of it.</param>
    public async Task<RefreshOutcome> UseAsync(
        string token,
        string clientId,
        IReadOnlyList<string>? asked,
        Func<string, ValueTask<RateDecision>> mayRotate,
        CancellationToken cancellationToken
    )
    {
        var hash = Hash(token);
        await using var connection = await database.OpenAsync(cancellationToken);
        var row = await FindAsync(connection, hash, cancellationToken);
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
            if (await RotateAsync(connection, hash, token, row, CancellationToken.None) is { } successor)
                return new RefreshOutcome.Granted(row.SignInId, row.User!, row.Scope, successor, Replayed: false);
            // Somebody else rotated between our look and our write.
            row = await FindAsync(connection, hash, cancellationToken);
            if (row is null || Fault(row) is not null || row.UsedAt is null)
                return new RefreshOutcome.Refused("Refresh token has been revoked");
        }
        var age = time.Milliseconds() - row.UsedAt.Value;
        if (age <= options.Value.RefreshReplaySeconds * 1000L && row.Successor is { } sealedSuccessor)
            return new RefreshOutcome.Granted(row.SignInId, row.User!, row.Scope, Open(sealedSuccessor, token, hash), Replayed: true);
        await RevokeAsync(connection, row.SignInId, ReuseReason, CancellationToken.None);
        return new RefreshOutcome.Refused("Refresh token has been revoked (reuse detected)", (row.SignInId, row.User!.Id));
    }

    /// <summary>Ends the sign-in a refresh token belongs to (RFC 7009); null when there is none of this client.</summary>
    public async Task<(string SignInId, string UserId)?> RevokeAsync(string token, string clientId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var row = await FindAsync(connection, Hash(token), cancellationToken);
        if (row is null || row.ClientId != clientId)
            return null;
        await RevokeAsync(connection, row.SignInId, "token.revoked", cancellationToken);
        return (row.SignInId, row.UserId);
    }

    /// <summary>Ends one sign-in; null when it had ended before.</summary>
    public async Task<(string SignInId, string UserId)?> RevokeSignInAsync(string signInId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var user = await connection.ScalarAsync(
            "SELECT user_id FROM auth_sign_ins WHERE id = @id",
            null,
            [("@id", signInId)],
            cancellationToken
        );
        return user is string userId && await RevokeAsync(connection, signInId, "token.revoked", cancellationToken) == 1
            ? (signInId, userId)
            : null;
    }

    /// <summary>Ends one sign-in.</summary>
    private Task<int> RevokeAsync(DbConnection connection, string signInId, string reason, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(
            "UPDATE auth_sign_ins SET revoked_at = @now, revoked_reason = @reason WHERE id = @id AND revoked_at IS NULL",
            null,
            [("@now", time.Milliseconds()), ("@reason", reason), ("@id", signInId)],
            cancellationToken
        );

    /// <summary>Writes the successor if the token is still the live one; null when it is not.</summary>
    private async Task<string?> RotateAsync(
        DbConnection connection,
        byte[] hash,
        string token,
        Row row,
        CancellationToken cancellationToken
    )
    {
        var successor = NewToken();
        var now = time.Milliseconds();
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var rotated = await connection.ExecuteAsync(
            "UPDATE auth_refresh_tokens SET used_at = @now, successor = @successor WHERE hash = @hash AND used_at IS NULL "
                + "AND EXISTS (SELECT 1 FROM auth_sign_ins WHERE id = @id AND revoked_at IS NULL)",
            transaction,
            [("@now", now), ("@successor", Seal(successor, token, hash)), ("@hash", hash), ("@id", row.SignInId)],
            cancellationToken
        );
        if (rotated != 1)
            return null;
        await InsertAsync(connection, transaction, successor, row.SignInId, row.SignInExpiresAt, cancellationToken);
        await connection.ExecuteAsync(
            "UPDATE auth_sign_ins SET last_used_at = @now WHERE id = @id",
            transaction,
            [("@now", now), ("@id", row.SignInId)],
            cancellationToken
        );
        await transaction.CommitAsync(cancellationToken);
        return successor;
    }

    private async Task InsertAsync(
        DbConnection connection,
        DbTransaction transaction,
        string token,
        string signInId,
        long signInEnds,
        CancellationToken cancellationToken
    )
    {
        var expires = Math.Min(time.Milliseconds() + Days(options.Value.RefreshTokenDays), signInEnds);
        await connection.ExecuteAsync(
            "INSERT INTO auth_refresh_tokens (hash, sign_in_id, expires_at) VALUES (@hash, @id, @expires)",
            transaction,
            [("@hash", Hash(token)), ("@id", signInId), ("@expires", expires)],
            cancellationToken
        );
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

    private static async Task<Row?> FindAsync(DbConnection connection, byte[] hash, CancellationToken cancellationToken)
    {
        await using var command = connection.Command(
            """
            SELECT t.expires_at, t.used_at, t.successor, s.id, s.client_id, s.scope, s.expires_at, s.revoked_at, s.security_stamp,
                u.id, u.user_name, u.security_stamp, u.roles, u.disabled_at
            FROM auth_refresh_tokens t
            JOIN auth_sign_ins s ON s.id = t.sign_in_id
            JOIN auth_users u ON u.id = s.user_id
            WHERE t.hash = @hash
            """,
            null,
            ("@hash", hash)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
            return null;
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

    private static long Days(int days) => (long)TimeSpan.FromDays(days).TotalMilliseconds;

    private static string NewToken() => "clr_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

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
