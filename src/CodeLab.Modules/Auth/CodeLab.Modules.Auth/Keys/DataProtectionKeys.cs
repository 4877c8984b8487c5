using System.Xml.Linq;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Secrets;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Keys;

/// <summary>Keeps the data-protection key ring in the database, shared by all hosts and encrypted (security.md §10).</summary>
internal sealed class DataProtectionKeys(Database database) : IXmlRepository
{
    // The interface of the framework is synchronous, and the ring is read once a day.
    public IReadOnlyCollection<XElement> GetAllElements()
    {
        using var connection = Open();
        using var command = connection.Command("SELECT xml FROM auth_data_protection_keys", null);
        using var reader = command.ExecuteReader();
        var elements = new List<XElement>();
        while (reader.Read())
            elements.Add(XElement.Parse(reader.GetString(0)));
        return elements;
    }

    public void StoreElement(XElement element, string friendlyName)
    {
        using var connection = Open();
        using var command = connection.Command(
            "INSERT INTO auth_data_protection_keys (id, xml) VALUES (@id, @xml)",
            null,
            ("@id", friendlyName),
            ("@xml", element.ToString(SaveOptions.DisableFormatting))
        );
        command.ExecuteNonQuery();
    }

    private System.Data.Common.DbConnection Open() => database.OpenAsync(CancellationToken.None).GetAwaiter().GetResult();
}

/// <summary>Encrypts an element of the ring with the key-encryption key.</summary>
internal sealed class EncryptedXml(KeyEncryptionKey kek) : IXmlEncryptor
{
    public EncryptedXmlInfo Encrypt(XElement plaintextElement)
    {
        var secret = System.Text.Encoding.UTF8.GetBytes(plaintextElement.ToString(SaveOptions.DisableFormatting));
        var element = new XElement("kek", Convert.ToBase64String(kek.Protect(secret, DecryptedXml.Purpose)));
        return new EncryptedXmlInfo(element, typeof(DecryptedXml));
    }
}

/// <summary>Decrypts what <see cref="EncryptedXml"/> wrote; the framework finds it by name.</summary>
internal sealed class DecryptedXml(IServiceProvider services) : IXmlDecryptor
{
    public const string Purpose = "auth_data_protection_keys";

    public XElement Decrypt(XElement encryptedElement)
    {
        var kek = services.GetRequiredService<KeyEncryptionKey>();
        var secret = kek.Unprotect(Convert.FromBase64String(encryptedElement.Value), Purpose);
        return XElement.Parse(System.Text.Encoding.UTF8.GetString(secret));
    }
}

internal static class DataProtectionSetup
{
    public static void AddStoredDataProtection(this IServiceCollection services)
    {
        services.AddDataProtection().SetApplicationName("codelab");
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(provider => new ConfigureNamedOptions<KeyManagementOptions>(
            Options.DefaultName,
            o =>
            {
                o.XmlRepository = new DataProtectionKeys(provider.GetRequiredService<Database>());
                o.XmlEncryptor = new EncryptedXml(provider.GetRequiredService<KeyEncryptionKey>());
            }
        ));
        // The framework would load the ring before the listener opens and before the tables exist; it is loaded when first needed.
        foreach (var warmUp in services.Where(IsWarmUp).ToList())
            services.Remove(warmUp);
    }

    private static bool IsWarmUp(ServiceDescriptor service) =>
        service.ServiceType == typeof(IHostedService)
        && service.ImplementationType?.FullName?.StartsWith("Microsoft.AspNetCore.DataProtection", StringComparison.Ordinal) == true;
}
