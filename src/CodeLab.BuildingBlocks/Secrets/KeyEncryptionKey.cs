using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using Microsoft.Extensions.Configuration;

namespace CodeLab.BuildingBlocks.Secrets;

/// <summary>
/// The key that encrypts every secret in the database (signing keys, key ring, provider keys). It lives outside the database and its
/// backup: in <c>CodeLab:KeyEncryptionKey</c> (base64 of 32 bytes), in the file <c>CodeLab:KeyEncryptionKeyFile</c>, or, by default, in
/// <c>keys/key-encryption.key</c> of the data directory with owner-only permissions (security.md §5.5). AES-256-GCM.
/// While keys are exchanged, the old one stays readable as <c>CodeLab:PreviousKeyEncryptionKey</c> or <c>…File</c> (security.md §9.2).
/// </summary>
public sealed class KeyEncryptionKey(Database database, IConfiguration configuration) : IDisposable
{
    private const byte Version = 1;
    private const int IdBytes = 4;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int HeaderBytes = 1 + IdBytes + NonceBytes + TagBytes;
    private readonly Lock _gate = new();
    private LoadedKey[]? _keys;

    /// <summary>The file that holds the key, unless the key itself is configured.</summary>
    public string FilePath =>
        configuration["CodeLab:KeyEncryptionKeyFile"] is { Length: > 0 } file
            ? Path.GetFullPath(file)
            : Path.Combine(database.DataDirectory, "keys", "key-encryption.key");

    private string? Configured => configuration["CodeLab:KeyEncryptionKey"] is { Length: > 0 } key ? key : null;

    /// <summary>True when there is a key to load. On a store that already holds secrets a missing key is an error, never a reason to make a new one.</summary>
    public bool Exists => Configured is not null || File.Exists(FilePath);

    /// <summary>Id of the key that encrypts now (<c>kek_id</c>): the first eight hex digits of its SHA-256.</summary>
    public string Id => Convert.ToHexStringLower(Keys()[0].Id);

    /// <summary>Id of the key a secret was encrypted with.</summary>
    public static string IdOf(ReadOnlySpan<byte> protectedSecret) =>
        protectedSecret.Length < HeaderBytes ? "" : Convert.ToHexStringLower(protectedSecret.Slice(1, IdBytes));

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
        var key = Keys()[0];
        var result = new byte[HeaderBytes + secret.Length];
        result[0] = Version;
        key.Id.CopyTo(result, 1);
        var nonce = result.AsSpan(1 + IdBytes, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        var tag = result.AsSpan(1 + IdBytes + NonceBytes, TagBytes);
        // A cipher keeps its state between calls: one at a time.
        lock (key)
            key.Cipher.Encrypt(nonce, secret, result.AsSpan(HeaderBytes), tag, Encoding.UTF8.GetBytes(purpose));
        return result;
    }

    /// <summary>Decrypts a secret.</summary>
    /// <exception cref="CryptographicException">It was encrypted by another key, for another purpose, or was changed.</exception>
    public byte[] Unprotect(ReadOnlySpan<byte> protectedSecret, string purpose)
    {
        var keys = Keys();
        if (protectedSecret.Length < HeaderBytes || protectedSecret[0] != Version)
            throw new CryptographicException($"The stored secret '{purpose}' has an unknown format");
        LoadedKey? key = null;
        foreach (var loaded in keys)
        {
            if (protectedSecret.Slice(1, IdBytes).SequenceEqual(loaded.Id))
                key = loaded;
        }
        if (key is null)
        {
            throw new CryptographicException(
                $"The stored secret '{purpose}' was encrypted with another key-encryption key than the one in use. "
                    + "Restore the key that belongs to this database."
            );
        }
        var secret = new byte[protectedSecret.Length - HeaderBytes];
        lock (key)
        {
            key.Cipher.Decrypt(
                protectedSecret.Slice(1 + IdBytes, NonceBytes),
                protectedSecret[HeaderBytes..],
                protectedSecret.Slice(1 + IdBytes + NonceBytes, TagBytes),
                secret,
                Encoding.UTF8.GetBytes(purpose)
            );
        }
        return secret;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var key in _keys ?? [])
            key.Cipher.Dispose();
    }

    // The current key first.
    private LoadedKey[] Keys()
    {
        if (_keys is { } loaded)
            return loaded;
        lock (_gate)
        {
            if (_keys is not null)
                return _keys;
            var current = Configured is { } text ? Load(text, "CodeLab:KeyEncryptionKey") : Load(File.ReadAllText(FilePath), FilePath);
            return _keys = Previous() is { } previous ? [current, previous] : [current];
        }
    }

    private LoadedKey? Previous()
    {
        if (configuration["CodeLab:PreviousKeyEncryptionKey"] is { Length: > 0 } text)
            return Load(text, "CodeLab:PreviousKeyEncryptionKey");
        return configuration["CodeLab:PreviousKeyEncryptionKeyFile"] is { Length: > 0 } file ? Load(File.ReadAllText(file), file) : null;
    }

    private static LoadedKey Load(string text, string origin)
    {
        var key = new byte[32];
        if (!Convert.TryFromBase64String(text.Trim(), key, out var length) || length != key.Length)
            throw new CryptographicException($"The key-encryption key is not the base64 of 32 bytes ({origin})");
        var loaded = new LoadedKey(SHA256.HashData(key)[..IdBytes], new AesGcm(key, TagBytes));
        CryptographicOperations.ZeroMemory(key);
        return loaded;
    }

    private sealed record LoadedKey(byte[] Id, AesGcm Cipher);
}
