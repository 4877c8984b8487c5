using System.Collections.Immutable;
using System.Data.Common;
using System.Security.Cryptography;
using CodeLab.BuildingBlocks.Secrets;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace CodeLab.Modules.Auth.Keys;

/// <summary>A published key of the ring.</summary>
internal sealed record SigningKey(SigningCredentials Credentials, string Modulus, string Exponent, long ActivatesAt, long? RetiresAt)
{
    public string Id => Credentials.Key.KeyId;
}

/// <summary>The signing keys, in memory. The newest active one signs; all that have not retired are published and accepted.</summary>
internal sealed partial class KeyRing(KeyEncryptionKey kek, TimeProvider time, IOptions<AuthOptions> options, ILogger<KeyRing> logger)
{
    private const string Signing = "sig";
    private const string Encryption = "enc";

    private ImmutableArray<SigningKey> _keys = [];

    /// <summary>Newest first.</summary>
    public IEnumerable<SigningKey> Published => _keys.Where(k => k.RetiresAt is not { } retires || retires > time.Milliseconds());

    /// <summary>What new tokens are signed with.</summary>
    public SigningCredentials Signer =>
        _keys.FirstOrDefault(k => k.ActivatesAt <= time.Milliseconds())?.Credentials
        ?? throw new InvalidOperationException("The signing keys are not loaded yet");

    /// <summary>Encrypts what OpenIddict hands to clients sealed (authorization and device codes).</summary>
    public EncryptingCredentials Encrypter { get; private set; } = null!;

    public SigningKey? Find(string? id) => Published.FirstOrDefault(k => k.Id == id);

    /// <summary>Loads the keys; makes them at the first start.</summary>
    /// <exception cref="InvalidOperationException">The store has keys, but the key-encryption key is gone (security.md §5.5).</exception>
    public async Task LoadAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        var rows = await ReadAsync(connection, cancellationToken);
        if (rows.Count == 0)
        {
            kek.Create();
            await AddAsync(connection, Signing, NewRsa(), cancellationToken);
            await AddAsync(connection, Encryption, RandomNumberGenerator.GetBytes(32), cancellationToken);
            rows = await ReadAsync(connection, cancellationToken);
        }
        else if (!kek.Exists)
        {
            throw new InvalidOperationException(
                $"The database at hand was encrypted with a key that is missing: {kek.FilePath}. Restore that file from its backup, or set "
                    + "CodeLab__KeyEncryptionKeyFile. A new key would make stored secrets unreadable, so none was made."
            );
        }
        var keys = ImmutableArray.CreateBuilder<SigningKey>();
        foreach (var row in rows)
        {
            var secret = kek.Unprotect(row.Secret, Purpose(row.Id));
            if (row.Use == Signing)
                keys.Add(ToSigningKey(row, secret));
            else
                Encrypter = ToEncrypter(row.Id, secret);
        }
        _keys = [.. keys.OrderByDescending(k => k.ActivatesAt)];
    }

    private byte[] NewRsa()
    {
        using var rsa = RSA.Create(options.Value.SigningKeyBits);
        return rsa.ExportPkcs8PrivateKey();
    }

    private async Task AddAsync(DbConnection connection, string use, byte[] secret, CancellationToken cancellationToken)
    {
        var now = time.Milliseconds();
        var id = $"{time.GetUtcNow():yyyy-MM}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}";
        var added = await connection.ExecuteAsync(
            "INSERT INTO auth_keys (id, use, generation, secret, created_at, activates_at) VALUES (@id, @use, 1, @secret, @now, @now) "
                + "ON CONFLICT DO NOTHING",
            null,
            [("@id", id), ("@use", use), ("@secret", kek.Protect(secret, Purpose(id))), ("@now", now)],
            cancellationToken
        );
        CryptographicOperations.ZeroMemory(secret);
        if (added == 1)
            KeyMade(use, id);
    }

    private static async Task<List<(string Id, string Use, byte[] Secret, long ActivatesAt, long? RetiresAt)>> ReadAsync(
        DbConnection connection,
        CancellationToken cancellationToken
    )
    {
        var rows = new List<(string, string, byte[], long, long?)>();
        await using var command = connection.Command(
            "SELECT id, use, secret, activates_at, retires_at FROM auth_keys WHERE use IN ('sig', 'enc') ORDER BY generation",
            null
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(
                (reader.GetString(0), reader.GetString(1), reader.GetFieldValue<byte[]>(2), reader.GetInt64(3), reader.NullableInt64(4))
            );
        }
        return rows;
    }

    private static SigningKey ToSigningKey((string Id, string Use, byte[] Secret, long ActivatesAt, long? RetiresAt) row, byte[] secret)
    {
        var rsa = RSA.Create();
        rsa.ImportPkcs8PrivateKey(secret, out _);
        CryptographicOperations.ZeroMemory(secret);
        var parameters = rsa.ExportParameters(includePrivateParameters: false);
        var credentials = new SigningCredentials(new RsaSecurityKey(rsa) { KeyId = row.Id }, SecurityAlgorithms.RsaSha256);
        return new(
            credentials,
            Base64UrlEncoder.Encode(parameters.Modulus),
            Base64UrlEncoder.Encode(parameters.Exponent),
            row.ActivatesAt,
            row.RetiresAt
        );
    }

    private static EncryptingCredentials ToEncrypter(string id, byte[] secret) =>
        new(new SymmetricSecurityKey(secret) { KeyId = id }, SecurityAlgorithms.Aes256KW, SecurityAlgorithms.Aes256CbcHmacSha512);

    private static string Purpose(string id) => "auth_keys/" + id;

    [LoggerMessage(2001, LogLevel.Information, "Made key {KeyId} for {Use}")]
    private partial void KeyMade(string use, string keyId);
}
