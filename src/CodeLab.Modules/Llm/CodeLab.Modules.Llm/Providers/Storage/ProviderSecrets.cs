using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Secrets;

namespace CodeLab.Modules.Llm.Providers.Storage;

/// <summary>An encrypted provider key as its row keeps it.</summary>
/// <param name="Cipher">Nonce, tag and ciphertext under the row's data key.</param>
/// <param name="WrappedDataKey">The data key under the key-encryption key.</param>
/// <param name="KekId">Which key-encryption key.</param>
/// <param name="Last4">What people are shown.</param>
internal sealed record SealedSecret(byte[] Cipher, byte[] WrappedDataKey, string KekId, string Last4);

/// <summary>
/// Envelopes provider keys (security.md §9.2): every row has a data key of its own, which the key-encryption key wraps. Exchanging that key
/// re-wraps 32 bytes a row and never touches the provider's key. A secret moved to another row or provider does not decrypt.
/// </summary>
internal sealed class ProviderSecrets(KeyEncryptionKey kek)
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    /// <summary>True when there is a key-encryption key to use.</summary>
    public bool IsReady => kek.Exists;

    public string CurrentKekId => kek.Id;

    /// <summary>Makes the key-encryption key of a store that holds no secret yet.</summary>
    public void Create() => kek.Create();

    public SealedSecret Seal(string secret, string rowId, string provider)
    {
        var dataKey = RandomNumberGenerator.GetBytes(32);
        var text = Encoding.UTF8.GetBytes(secret);
        var sealedText = new byte[NonceBytes + TagBytes + text.Length];
        var nonce = sealedText.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using (var cipher = new AesGcm(dataKey, TagBytes))
        {
            cipher.Encrypt(
                nonce,
                text,
                sealedText.AsSpan(NonceBytes + TagBytes),
                sealedText.AsSpan(NonceBytes, TagBytes),
                Associated(rowId, provider)
            );
        }
        var wrapped = kek.Protect(dataKey, Purpose(rowId, provider));
        CryptographicOperations.ZeroMemory(dataKey);
        CryptographicOperations.ZeroMemory(text);
        // Of a short key even four characters would be too much of it.
        return new SealedSecret(sealedText, wrapped, kek.Id, secret.Length >= 12 ? secret[^4..] : "");
    }

    /// <exception cref="CryptographicException">Another key-encryption key, another row, or changed bytes.</exception>
    public string Open(byte[] cipherText, byte[] wrappedDataKey, string rowId, string provider)
    {
        if (cipherText.Length < NonceBytes + TagBytes)
            throw new CryptographicException("The stored key of a provider has an unknown format");
        var dataKey = kek.Unprotect(wrappedDataKey, Purpose(rowId, provider));
        var text = new byte[cipherText.Length - NonceBytes - TagBytes];
        using (var cipher = new AesGcm(dataKey, TagBytes))
        {
            cipher.Decrypt(
                cipherText.AsSpan(0, NonceBytes),
                cipherText.AsSpan(NonceBytes + TagBytes),
                cipherText.AsSpan(NonceBytes, TagBytes),
                text,
                Associated(rowId, provider)
            );
        }
        CryptographicOperations.ZeroMemory(dataKey);
        return Encoding.UTF8.GetString(text);
    }

    /// <summary>The same data key under the key-encryption key of now.</summary>
    /// <exception cref="CryptographicException">It can not be unwrapped: the row is left as it is.</exception>
    public byte[] Rewrap(byte[] wrappedDataKey, string rowId, string provider)
    {
        var dataKey = kek.Unprotect(wrappedDataKey, Purpose(rowId, provider));
        var wrapped = kek.Protect(dataKey, Purpose(rowId, provider));
        CryptographicOperations.ZeroMemory(dataKey);
        return wrapped;
    }

    private static string Purpose(string rowId, string provider) => $"llm_providers/{rowId}/{provider}";

    private static byte[] Associated(string rowId, string provider) => Encoding.UTF8.GetBytes(Purpose(rowId, provider));
}
