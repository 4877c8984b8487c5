using System.Security.Cryptography;
using System.Text.Json;
using CodeLab.Modules.Llm.Persistence.Rows;

namespace CodeLab.Modules.Llm.Providers.Storage;

/// <summary>A provider of the database, ready to be used: or the reason why it can not be.</summary>
/// <param name="Row">As stored.</param>
/// <param name="Settings">How to reach it; null when it is off or its key can not be read.</param>
/// <param name="Fault">Why it can not be used, for administrators; null when it can.</param>
internal sealed record StoredProvider(ProviderRow Row, ProviderSettings? Settings, string? Fault)
{
    /// <summary>Reads a row. A key that can not be decrypted makes this one provider unusable and nothing else.</summary>
    public static StoredProvider From(ProviderRow row, IReadOnlyDictionary<string, IProviderKind> kinds, ProviderSecrets secrets)
    {
        if (!row.Enabled)
            return new(row, null, "It is switched off.");
        if (!kinds.TryGetValue(row.Kind, out var kind))
            return new(row, null, $"This version does not know the kind '{row.Kind}'.");
        var address = row.BaseUrl is null ? kind.OfficialUrl : new Uri(row.BaseUrl);
        if (address is null)
            return new(row, null, "It has no base URL.");
        string key;
        try
        {
            key =
                row.SecretCipher is { } cipher && row.WrappedDataKey is { } wrapped
                    ? secrets.IsReady
                        ? secrets.Open(cipher, wrapped, row.Id, row.Name)
                        : throw new CryptographicException("There is no key-encryption key")
                    : "";
        }
        catch (CryptographicException)
        {
            return new(
                row,
                null,
                "Its key can not be decrypted: the key-encryption key is not the one it was encrypted with. Restore that key "
                    + "(CodeLab__KeyEncryptionKey or …File; while keys are exchanged CodeLab__PreviousKeyEncryptionKey), or set the provider's key anew."
            );
        }
        var settings = new ProviderSettings(row.Name, row.Kind)
        {
            BaseUrl = address,
            ApiKey = key,
            Models = JsonSerializer.Deserialize(row.Models, StorageJson.Default.ListString) ?? [],
            AllowPrivateNetwork = row.AllowPrivateNetwork,
            Extra = JsonSerializer.Deserialize(row.Settings, StorageJson.Default.DictionaryStringString) ?? [],
        };
        return new(row, settings, null);
    }
}
