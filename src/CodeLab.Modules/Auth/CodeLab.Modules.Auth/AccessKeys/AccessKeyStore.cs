using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.AccessKeys;

/// <summary>A key as its owner sees it in lists: never the secret.</summary>
internal sealed record AccessKey(string Id, string Name, IReadOnlyList<string> Scopes, DateTimeOffset CreatedAt)
{
    public required string UserId { get; init; }
    public IReadOnlyList<string>? Models { get; init; }
    public int? Rpm { get; init; }
    public int? Tpm { get; init; }
    public NewKeyBudget? Budget { get; init; }
    public DateTimeOffset? ExpiresAt { get; init; }
    public DateTimeOffset? LastUsedAt { get; init; }

    /// <summary>Last four characters of the current secret.</summary>
    public string? Ending { get; init; }

    /// <summary>While an older secret works on after a rotation: when that ends.</summary>
    public DateTimeOffset? OverlapUntil { get; init; }

    /// <summary>The secret; only in the answer that made it.</summary>
    public string? Key { get; init; }
}

/// <summary>
/// Personal access tokens and virtual keys (security.md §9.3): 32 random bytes behind a prefix that scanners recognise, of which the store
/// has the SHA-256. A plain hash will do: nobody guesses 256 bits.
/// </summary>
internal sealed class AccessKeyStore(
    Database database,
    RightsChanges changes,
    IAuditTrail audit,
    Callers callers,
    TimeProvider time,
    IOptions<AuthOptions> options
)
{
    public const string Prefix = "clk_";

    private const string Columns =
        "k.id, k.user_id, k.name, k.scopes, k.models, k.requests_per_minute, k.tokens_per_minute, k.budget_micros, k.budget_currency, "
        + "k.budget_period, k.created_at, k.expires_at, k.last_used_at, "
        + "(SELECT s.ending FROM auth_access_key_secrets s WHERE s.key_id = k.id AND s.expires_at IS NULL), "
        + "(SELECT MAX(s.expires_at) FROM auth_access_key_secrets s WHERE s.key_id = k.id AND s.expires_at > @now)";

    /// <summary>Makes a key. What it asks for has been checked by <see cref="AccessKeyRules"/>.</summary>
    public async Task<Result<AccessKey>> CreateAsync(
        string userId,
        NewAccessKey asked,
        IReadOnlyList<string> scopes,
        CancellationToken cancellationToken
    )
    {
        var id = Guid.NewGuid().ToString();
        var secret = NewSecret();
        var now = time.GetUtcNow();
        var budget = asked.Budget is { } b ? b with { Currency = b.Currency ?? "USD", Period = b.Period ?? "total" } : null;
        var entry = callers.Stamp(Event("vkey.created", id, userId, ("scopes", scopes), ("expires_at", asked.ExpiresAt)));
        var made = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var count = await connection.ScalarAsync(
                    "SELECT COUNT(*) FROM auth_access_keys WHERE user_id = @user AND revoked_at IS NULL",
                    transaction,
                    [("@user", userId)],
                    default
                );
                if (Convert.ToInt64(count, System.Globalization.CultureInfo.InvariantCulture) >= AccessKeyRules.MostPerUser)
                    return false;
                await connection.ExecuteAsync(
                    "INSERT INTO auth_access_keys (id, user_id, name, scopes, models, requests_per_minute, tokens_per_minute, "
                        + "budget_micros, budget_currency, budget_period, created_at, expires_at) "
                        + "VALUES (@id, @user, @name, @scopes, @models, @rpm, @tpm, @micros, @currency, @period, @now, @expires)",
                    transaction,
                    [
                        ("@id", id),
                        ("@user", userId),
                        ("@name", asked.Name!.Trim()),
                        ("@scopes", string.Join(' ', scopes)),
                        ("@models", Sql.Text(asked.Models is null ? null : string.Join('\n', asked.Models))),
                        ("@rpm", asked.Rpm),
                        ("@tpm", asked.Tpm),
                        ("@micros", budget is null ? null : (long)(budget.Amount * 1_000_000)),
                        ("@currency", Sql.Text(budget?.Currency)),
                        ("@period", Sql.Text(budget?.Period)),
                        ("@now", now.ToUnixTimeMilliseconds()),
                        ("@expires", asked.ExpiresAt?.ToUnixTimeMilliseconds()),
                    ],
                    default
                );
                await AddSecretAsync(connection, transaction, id, secret, now);
                await audit.AppendAsync(connection, transaction, entry);
                return true;
            },
            cancellationToken
        );
        if (!made)
            return AccessKeyRules.TooMany;
        return new AccessKey(id, asked.Name!.Trim(), scopes, now)
        {
            UserId = userId,
            Models = asked.Models,
            Rpm = asked.Rpm,
            Tpm = asked.Tpm,
            Budget = budget,
            ExpiresAt = asked.ExpiresAt,
            Ending = secret[^4..],
            Key = secret,
        };
    }

    /// <summary>Keys that are not revoked, by id, from after <paramref name="cursor"/>; of one user, or of all.</summary>
    public async Task<IReadOnlyList<AccessKey>> ListAsync(string? userId, int limit, string? cursor, CancellationToken cancellationToken)
    {
        var keys = new List<AccessKey>();
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            $"SELECT {Columns} FROM auth_access_keys k WHERE k.revoked_at IS NULL AND k.id > @cursor "
                + (userId is null ? "" : "AND k.user_id = @user ")
                + "ORDER BY k.id LIMIT @limit",
            null,
            ("@user", userId ?? ""),
            ("@cursor", cursor ?? ""),
            ("@limit", limit),
            ("@now", time.Milliseconds())
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            keys.Add(Read(reader));
        return keys;
    }

    /// <summary>Gives a key a new secret; the present one works on for the overlap, so that who uses it can be told in peace.</summary>
    public async Task<AccessKey?> RotateAsync(string id, string userId, TimeSpan? overlap, CancellationToken cancellationToken)
    {
        var secret = NewSecret();
        var now = time.GetUtcNow();
        var until = now + (overlap ?? TimeSpan.FromHours(options.Value.AccessKeyOverlapHours));
        var entry = callers.Stamp(Event("vkey.rotated", id, userId, ("overlap_until", until)));
        var rotated = await database.TransactAsync(
            async (connection, transaction) =>
            {
                // Locks the key as well, so that two rotations at once leave one current secret.
                var found = await connection.ExecuteAsync(
                    "UPDATE auth_access_keys SET name = name WHERE id = @id AND user_id = @user AND revoked_at IS NULL "
                        + "AND (expires_at IS NULL OR expires_at > @now)",
                    transaction,
                    [("@id", id), ("@user", userId), ("@now", now.ToUnixTimeMilliseconds())],
                    default
                );
                if (found == 0)
                    return false;
                await connection.ExecuteAsync(
                    "DELETE FROM auth_access_key_secrets WHERE key_id = @id AND expires_at <= @now",
                    transaction,
                    [("@id", id), ("@now", now.ToUnixTimeMilliseconds())],
                    default
                );
                await connection.ExecuteAsync(
                    "UPDATE auth_access_key_secrets SET expires_at = @until WHERE key_id = @id AND (expires_at IS NULL OR expires_at > @until)",
                    transaction,
                    [("@id", id), ("@until", until.ToUnixTimeMilliseconds())],
                    default
                );
                await AddSecretAsync(connection, transaction, id, secret, now);
                await audit.AppendAsync(connection, transaction, entry);
                return true;
            },
            cancellationToken
        );
        if (!rotated)
            return null;
        await ToldAsync(userId, "vkey.rotated", closesConnections: overlap == TimeSpan.Zero);
        var keys = await ListAsync(userId, AccessKeyRules.MostPerUser, null, cancellationToken);
        return keys.FirstOrDefault(k => k.Id == id) is { } key ? key with { Key = secret } : null;
    }

    /// <summary>Revokes a key for good, on every node within 5 s; false when there is none.</summary>
    /// <param name="id">The key.</param>
    /// <param name="ownerId">Whose it must be; null for an administrator, who may revoke all.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<bool> RevokeAsync(string id, string? ownerId, CancellationToken cancellationToken)
    {
        var stamp = callers.Stamp(new AuditEvent("vkey.revoked"));
        var owner = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var user = await connection.ScalarAsync(
                    "UPDATE auth_access_keys SET revoked_at = @now WHERE id = @id AND revoked_at IS NULL "
                        + (ownerId is null ? "" : "AND user_id = @owner ")
                        + "RETURNING user_id",
                    transaction,
                    [("@now", time.Milliseconds()), ("@id", id), ("@owner", ownerId ?? "")],
                    default
                );
                if (user is not string userId)
                    return null;
                await audit.AppendAsync(
                    connection,
                    transaction,
                    stamp with
                    {
                        Subject = id,
                        Metadata = new Dictionary<string, object?> { ["owner"] = userId },
                    }
                );
                return userId;
            },
            cancellationToken
        );
        if (owner is null)
            return false;
        await ToldAsync(owner, "vkey.revoked", closesConnections: true);
        return true;
    }

    /// <summary>SHA-256 of a key as it was presented.</summary>
    public static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    private Task ToldAsync(string userId, string reason, bool closesConnections) =>
        // What a key opened closes with it; the user's other connections close too and come back, since they still may.
        closesConnections ? changes.TellAsync(new UserRightsChanged(userId, reason)) : Task.CompletedTask;

    private static async Task AddSecretAsync(
        DbConnection connection,
        DbTransaction? transaction,
        string id,
        string secret,
        DateTimeOffset now
    ) =>
        await connection.ExecuteAsync(
            "INSERT INTO auth_access_key_secrets (hash, key_id, ending, created_at) VALUES (@hash, @id, @ending, @now)",
            transaction,
            [("@hash", Hash(secret)), ("@id", id), ("@ending", secret[^4..]), ("@now", now.ToUnixTimeMilliseconds())],
            default
        );

    private static AccessKey Read(DbDataReader reader) =>
        new(
            reader.GetString(0),
            reader.GetString(2),
            reader.GetString(3).Split(' ', StringSplitOptions.RemoveEmptyEntries),
            DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(10))
        )
        {
            UserId = reader.GetString(1),
            Models = reader.NullableText(4)?.Split('\n'),
            Rpm = (int?)reader.NullableInt64(5),
            Tpm = (int?)reader.NullableInt64(6),
            Budget = reader.NullableInt64(7) is { } micros
                ? new(micros / 1_000_000m, reader.NullableText(8), reader.NullableText(9))
                : null,
            ExpiresAt = Time(reader.NullableInt64(11)),
            LastUsedAt = Time(reader.NullableInt64(12)),
            Ending = reader.NullableText(13),
            OverlapUntil = Time(reader.NullableInt64(14)),
        };

    private static DateTimeOffset? Time(long? milliseconds) => milliseconds is { } at ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null;

    private static string NewSecret() =>
        Prefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private static AuditEvent Event(string type, string id, string owner, params ReadOnlySpan<(string Name, object? Value)> facts)
    {
        var metadata = new Dictionary<string, object?> { ["owner"] = owner };
        foreach (var (name, value) in facts)
            metadata[name] = value;
        return new(type) { Subject = id, Metadata = metadata };
    }
}
