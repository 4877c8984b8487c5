using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using Microsoft.Extensions.Configuration;

namespace CodeLab.BuildingBlocks.Secrets;

/// <summary>
/// The key that encrypts every secret in the database (signing keys, key ring, provider keys). It lives outside the database and its
/// backup: in <c>CodeLab:KeyEncryptionKey</c> (base64 of 32 bytes), in the file <c>CodeLab:KeyEncryptionKeyFile</c>, or, by default, in
/// <c>keys/key-encryption.key</c> of the data directory with owner-only permissions (security.md §5.5). AES-256-GCM.
/// </summary>
public sealed class KeyEncryptionKey(Database database, IConfiguration configuration) : IDisposable
{
    private const byte Version = 1;
    private const int IdBytes = 4;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int HeaderBytes = 1 + IdBytes + NonceBytes + TagBytes;
    private readonly Lock _gate = new();
    private AesGcm? _cipher;
    private byte[] _id = [];

    /// <summary>The file that holds the key, unless the key itself is configured.</summary>
    public string FilePath =>
        configuration["CodeLab:KeyEncryptionKeyFile"] is { Length: > 0 } file
            ? Path.GetFullPath(file)
            : Path.Combine(database.DataDirectory, "keys", "key-encryption.key");

    private string? Configured => configuration["CodeLab:KeyEncryptionKey"] is { Length: > 0 } key ? key : null;

    /// <summary>True when there is a key to load. On a store that already holds secrets a missing key is an error, never a reason to make a new one.</summary>
    public bool Exists => Configured is not null || File.Exists(FilePath);

    /// <summary>Makes a new key file with owner-only permissions; does nothing when a key exists.</summary>
    public void Create()
    {
        if (Exists)
            return;
        PrivateDirectory.Create(Path.GetDirectoryName(FilePath)!);
        var text = Encoding.ASCII.GetBytes(Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)) + "\n");
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            using var file = new FileStream(FilePath, options);
            file.Write(text);
            file.Flush(flushToDisk: true);
        }
        catch (IOException) when (File.Exists(FilePath))
        {
            // Another host that shares the folder was faster: its key is the key.
        }
    }

    /// <summary>Encrypts a secret.</summary>
    /// <param name="secret">What to hide.</param>
    /// <param name="purpose">What it is and which row it belongs to: a secret moved to another row does not decrypt.</param>
    public byte[] Protect(ReadOnlySpan<byte> secret, string purpose)
    {
        var cipher = Cipher();
        var result = new byte[HeaderBytes + secret.Length];
        result[0] = Version;
        _id.CopyTo(result, 1);
        var nonce = result.AsSpan(1 + IdBytes, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        var tag = result.AsSpan(1 + IdBytes + NonceBytes, TagBytes);
        cipher.Encrypt(nonce, secret, result.AsSpan(HeaderBytes), tag, Encoding.UTF8.GetBytes(purpose));
        return result;
    }

    /// <summary>Decrypts a secret.</summary>
    /// <exception cref="CryptographicException">It was encrypted by another key, for another purpose, or was changed.</exception>
    public byte[] Unprotect(ReadOnlySpan<byte> protectedSecret, string purpose)
    {
        var cipher = Cipher();
        if (protectedSecret.Length < HeaderBytes || protectedSecret[0] != Version)
            throw new CryptographicException($"The stored secret '{purpose}' has an unknown format");
        if (!protectedSecret.Slice(1, IdBytes).SequenceEqual(_id))
        {
            throw new CryptographicException(
                $"The stored secret '{purpose}' was encrypted with another key-encryption key than the one in use. "
                    + "Restore the key that belongs to this database."
            );
        }
        var secret = new byte[protectedSecret.Length - HeaderBytes];
        cipher.Decrypt(
            protectedSecret.Slice(1 + IdBytes, NonceBytes),
            protectedSecret[HeaderBytes..],
            protectedSecret.Slice(1 + IdBytes + NonceBytes, TagBytes),
            secret,
            Encoding.UTF8.GetBytes(purpose)
        );
        return secret;
    }

    /// <inheritdoc/>
    public void Dispose() => _cipher?.Dispose();

    private AesGcm Cipher()
    {
        lock (_gate)
        {
            if (_cipher is not null)
                return _cipher;
            var text = Configured ?? File.ReadAllText(FilePath);
            var key = new byte[32];
            if (!Convert.TryFromBase64String(text.Trim(), key, out var length) || length != key.Length)
                throw new CryptographicException($"The key-encryption key is not the base64 of 32 bytes ({Origin})");
            _id = SHA256.HashData(key)[..IdBytes];
            _cipher = new AesGcm(key, TagBytes);
            CryptographicOperations.ZeroMemory(key);
            return _cipher;
        }
    }

    private string Origin => Configured is null ? FilePath : "CodeLab:KeyEncryptionKey";
}
