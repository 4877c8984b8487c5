using System.Collections.Immutable;
using System.Data.Common;
using System.Security.Cryptography;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Secrets;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace CodeLab.Modules.Auth.Keys;

/// <summary>A key of the ring.</summary>
/// <param name="Credentials">What tokens are signed and checked with.</param>
/// <param name="Modulus">Public modulus, base64url.</param>
/// <param name="Exponent">Public exponent, base64url.</param>
/// <param name="Generation">Counts up.</param>
/// <param name="CreatedAt">When it was made, UTC milliseconds.</param>
/// <param name="ActivatesAt">From when on it signs; until then it is only published.</param>
/// <param name="RetiresAt">From when on it is neither published nor accepted; null while that is open.</param>
internal sealed record SigningKey(
    SigningCredentials Credentials,
    string Modulus,
    string Exponent,
    int Generation,
    long CreatedAt,
    long ActivatesAt,
    long? RetiresAt
)
{
    public string Id => Credentials.Key.KeyId;
}

/// <summary>
/// The signing keys, in memory; the store is the truth, and every host reads it again (<see cref="KeyWatch"/>). A rotation has two phases
/// (security.md §3.7): the new key is published first, long enough for every host and every client that keeps the key set for an hour to know
/// it, and signs only then; the old one stays until the last token it signed has expired.
/// </summary>
internal sealed partial class KeyRing(
    Database database,
    KeyEncryptionKey kek,
    IAuditTrail audit,
    TimeProvider time,
    IOptions<AuthOptions> options,
    ILogger<KeyRing> logger
)
{
    private const string Signing = "sig";
    private const string Encryption = "enc";

    // Tokens live at most an hour; clocks of hosts and clients differ by some minutes at most.
    private static readonly TimeSpan _lastTokens = TimeSpan.FromMinutes(75);

    private ImmutableArray<SigningKey> _keys = [];

    /// <summary>Newest first.</summary>
    public IEnumerable<SigningKey> Published => _keys.Where(k => k.RetiresAt is not { } retires || retires > time.Milliseconds());

    /// <summary>What new tokens are signed with: the newest active key.</summary>
    public SigningCredentials Signer
    {
        get
        {
            var now = time.Milliseconds();
            foreach (var key in _keys)
            {
                if (key.ActivatesAt <= now && (key.RetiresAt is not { } retires || retires > now))
                    return key.Credentials;
            }
            throw new InvalidOperationException("The signing keys are not loaded yet");
        }
    }

    /// <summary>OpenIddict asks for a key of this kind; nothing is encrypted with it.</summary>
    public EncryptingCredentials Encrypter { get; private set; } = null!;

    public SigningKey? Find(string? id)
    {
        var now = time.Milliseconds();
        foreach (var key in _keys)
        {
            if (key.Id == id)
                return key.RetiresAt is { } retires && retires <= now ? null : key;
        }
        return null;
    }

    /// <summary>True when the newest key has been signing for so long that another one is due.</summary>
    public bool IsRotationDue =>
        _keys.FirstOrDefault() is { } newest
        && time.Milliseconds() - newest.CreatedAt >= (long)TimeSpan.FromDays(options.Value.SigningKeyDays).TotalMilliseconds;

    /// <summary>Loads the keys; makes them at the first start.</summary>
    /// <exception cref="InvalidOperationException">The store has keys, but the key-encryption key is gone (security.md §5.5).</exception>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        var rows = await ReadAsync(cancellationToken);
        if (rows.Count == 0)
        {
            kek.Create();
            var now = time.Milliseconds();
            var signing = NewRow(Signing, 1, NewRsa(), now);
            var encryption = NewRow(Encryption, 1, RandomNumberGenerator.GetBytes(32), now);
            await database.TransactAsync(
                async (connection, transaction) =>
                    await AddAsync(connection, transaction, signing) + await AddAsync(connection, transaction, encryption),
                cancellationToken
            );
            rows = await ReadAsync(cancellationToken);
        }
        else if (!kek.Exists)
        {
            throw new InvalidOperationException(
                $"The database at hand was encrypted with a key that is missing: {kek.FilePath}. Restore that file from its backup, or set "
                    + "CodeLab__KeyEncryptionKeyFile. A new key would make stored secrets unreadable, so none was made."
            );
        }
        Take(rows);
    }

    /// <summary>Reads the store again: another host may have rotated.</summary>
    public async Task ReloadAsync(CancellationToken cancellationToken) => Take(await ReadAsync(cancellationToken));

    /// <summary>Begins a rotation. Where one is under way already, that is the answer: two keys never wait at once.</summary>
    /// <param name="actor">Who asked; null for the schedule.</param>
    /// <param name="isCompromised">
    /// True when the key in use may be known to somebody: the new one signs at once, and all others are refused at once. Clients refresh.
    /// </param>
    /// <param name="cancellationToken">Stops it before anything is written.</param>
    /// <returns>The key that signs next.</returns>
    public async Task<SigningKey> RotateAsync(string? actor, bool isCompromised, CancellationToken cancellationToken)
    {
        await ReloadAsync(cancellationToken);
        var now = time.Milliseconds();
        var newest = _keys[0];
        if (!isCompromised && newest.ActivatesAt > now)
            return newest;
        var activates = isCompromised ? now : now + (long)TimeSpan.FromMinutes(options.Value.SigningKeyPublishMinutes).TotalMilliseconds;
        var retires = isCompromised ? now : activates + (long)_lastTokens.TotalMilliseconds;
        var row = NewRow(Signing, newest.Generation + 1, NewRsa(), activates);
        var rotated = await database.TransactAsync(
            async (connection, transaction) =>
            {
                // Two hosts that rotate at once make the same generation, and one of them gets it.
                if (await AddAsync(connection, transaction, row) == 0)
                    return false;
                await connection.ExecuteAsync(
                    "UPDATE auth_keys SET retires_at = @retires WHERE use = @use AND id <> @id AND (retires_at IS NULL OR retires_at > @retires)",
                    transaction,
                    [("@retires", retires), ("@use", Signing), ("@id", row.Id)],
                    CancellationToken.None
                );
                await audit.AppendAsync(
                    connection,
                    transaction,
                    new("key.rotated")
                    {
                        Actor = actor,
                        Subject = row.Id,
                        Reason = isCompromised ? "compromised" : null,
                        Metadata = new Dictionary<string, object?> { ["previous"] = newest.Id },
                    }
                );
                return true;
            },
            cancellationToken
        );
        if (rotated)
            Rotated(row.Id, DateTimeOffset.FromUnixTimeMilliseconds(activates));
        await ReloadAsync(CancellationToken.None);
        return _keys[0];
    }

    /// <summary>Deletes keys that have retired: their secrets are of no use to anybody but a thief.</summary>
    public Task<int> DeleteRetiredAsync(CancellationToken cancellationToken) =>
        database.TransactAsync(
            (connection, transaction) =>
                connection.ExecuteAsync(
                    "DELETE FROM auth_keys WHERE use = @use AND retires_at <= @now",
                    transaction,
                    [("@use", Signing), ("@now", time.Milliseconds())],
                    CancellationToken.None
                ),
            cancellationToken
        );

    private void Take(List<KeyRow> rows)
    {
        var known = _keys.ToDictionary(k => k.Id, StringComparer.Ordinal);
        var keys = ImmutableArray.CreateBuilder<SigningKey>();
        foreach (var row in rows)
        {
            if (row.Use != Signing)
            {
                Encrypter ??= ToEncrypter(row.Id, kek.Unprotect(row.Secret, Purpose(row.Id)));
                continue;
            }
            keys.Add(
                known.TryGetValue(row.Id, out var key)
                    ? key with
                    {
                        ActivatesAt = row.ActivatesAt,
                        RetiresAt = row.RetiresAt,
                    }
                    : ToSigningKey(row, kek.Unprotect(row.Secret, Purpose(row.Id)))
            );
        }
        _keys = [.. keys.OrderByDescending(k => k.Generation)];
    }

    private byte[] NewRsa()
    {
        using var rsa = RSA.Create(options.Value.SigningKeyBits);
        return rsa.ExportPkcs8PrivateKey();
    }

    private KeyRow NewRow(string use, int generation, byte[] secret, long activates)
    {
        var id = $"{time.GetUtcNow():yyyy-MM}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}";
        var row = new KeyRow
        {
            Id = id,
            Use = use,
            Generation = generation,
            Secret = kek.Protect(secret, Purpose(id)),
            CreatedAt = time.Milliseconds(),
            ActivatesAt = activates,
        };
        CryptographicOperations.ZeroMemory(secret);
        return row;
    }

    private async Task<int> AddAsync(DbConnection connection, DbTransaction? transaction, KeyRow row)
    {
        var added = await connection.ExecuteAsync(
            "INSERT INTO auth_keys (id, use, generation, secret, created_at, activates_at) "
                + "VALUES (@id, @use, @generation, @secret, @created, @activates) ON CONFLICT DO NOTHING",
            transaction,
            [
                ("@id", row.Id),
                ("@use", row.Use),
                ("@generation", row.Generation),
                ("@secret", row.Secret),
                ("@created", row.CreatedAt),
                ("@activates", row.ActivatesAt),
            ],
            CancellationToken.None
        );
        if (added == 1)
            KeyMade(row.Use, row.Id);
        return added;
    }

    private async Task<List<KeyRow>> ReadAsync(CancellationToken cancellationToken)
    {
        var rows = new List<KeyRow>();
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT id, use, generation, secret, created_at, activates_at, retires_at FROM auth_keys WHERE use IN ('sig', 'enc') ORDER BY generation",
            null
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(
                new()
                {
                    Id = reader.GetString(0),
                    Use = reader.GetString(1),
                    Generation = reader.GetInt32(2),
                    Secret = reader.GetFieldValue<byte[]>(3),
                    CreatedAt = reader.GetInt64(4),
                    ActivatesAt = reader.GetInt64(5),
                    RetiresAt = reader.NullableInt64(6),
                }
            );
        }
        return rows;
    }

    private static SigningKey ToSigningKey(KeyRow row, byte[] secret)
    {
        var rsa = RSA.Create();
        rsa.ImportPkcs8PrivateKey(secret, out _);
        CryptographicOperations.ZeroMemory(secret);
        var parameters = rsa.ExportParameters(includePrivateParameters: false);
        return new(
            new SigningCredentials(new RsaSecurityKey(rsa) { KeyId = row.Id }, SecurityAlgorithms.RsaSha256),
            Base64UrlEncoder.Encode(parameters.Modulus),
            Base64UrlEncoder.Encode(parameters.Exponent),
            row.Generation,
            row.CreatedAt,
            row.ActivatesAt,
            row.RetiresAt
        );
    }

    private static EncryptingCredentials ToEncrypter(string id, byte[] secret) =>
        new(new SymmetricSecurityKey(secret) { KeyId = id }, SecurityAlgorithms.Aes256KW, SecurityAlgorithms.Aes256CbcHmacSha512);

    private static string Purpose(string id) => "auth_keys/" + id;

    [LoggerMessage(2001, LogLevel.Information, "Made key {KeyId} for {Use}")]
    private partial void KeyMade(string use, string keyId);

    [LoggerMessage(2002, LogLevel.Information, "Key {KeyId} is published; it signs from {ActivatesAt} on")]
    private partial void Rotated(string keyId, DateTimeOffset activatesAt);
}
