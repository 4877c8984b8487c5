using System.Buffers.Binary;
using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Secrets;
using CodeLab.Modules.Auth.Persistence;

namespace CodeLab.Modules.Auth.Audit;

/// <summary>
/// The key of the audit's MACs. It lies in the database, encrypted by the key-encryption key, and never changes: with another one the whole
/// chain would have to be written anew.
/// </summary>
internal sealed class AuditKey(KeyEncryptionKey kek, TimeProvider time)
{
    private const string Use = "mac";
    private static readonly byte[] _rowDomain = Encoding.ASCII.GetBytes("codelab audit row v1");
    private static readonly byte[] _sealDomain = Encoding.ASCII.GetBytes("codelab audit seal v1");
    private byte[]? _key;

    private byte[] Key => _key ?? throw new InvalidOperationException("The key of the audit is not loaded yet");

    /// <summary>True once rows can be written.</summary>
    public bool IsLoaded => _key is not null;

    /// <summary>Loads the key; makes it at the first start.</summary>
    public async Task LoadAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        if (await ReadAsync(connection, cancellationToken))
            return;
        kek.Create();
        var secret = RandomNumberGenerator.GetBytes(32);
        var id = $"{time.GetUtcNow():yyyy-MM}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}";
        await connection.ExecuteAsync(
            "INSERT INTO auth_keys (id, use, generation, secret, created_at, activates_at) VALUES (@id, @use, 1, @secret, @now, @now) "
                + "ON CONFLICT DO NOTHING",
            null,
            [("@id", id), ("@use", Use), ("@secret", kek.Protect(secret, Purpose(id))), ("@now", time.Milliseconds())],
            cancellationToken
        );
        // Another host may have been faster: what is stored counts.
        if (!await ReadAsync(connection, cancellationToken))
            throw new InvalidOperationException("The key of the audit could not be stored");
    }

    /// <summary>Reads the key without making one; false when there is none.</summary>
    public async Task<bool> ReadAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        await using var command = connection.Command("SELECT id, secret FROM auth_keys WHERE use = @use", null, ("@use", Use));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
            return false;
        _key = kek.Unprotect(reader.GetFieldValue<byte[]>(1), Purpose(reader.GetString(0)));
        return true;
    }

    /// <summary>MAC of a row, which does not have its place in the table yet.</summary>
    public byte[] Sign(AuditRecord row)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Key);
        mac.AppendData(_rowDomain);
        row.AppendTo(mac);
        return mac.GetHashAndReset();
    }

    /// <summary>The link of the chain that seals a row behind the one before it.</summary>
    public byte[] Seal(long number, ReadOnlySpan<byte> previous, AuditRecord row)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Key);
        Span<byte> numbers = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(numbers, number);
        BinaryPrimitives.WriteInt64BigEndian(numbers[8..], row.Seq);
        mac.AppendData(_sealDomain);
        mac.AppendData(numbers);
        mac.AppendData(previous);
        row.AppendTo(mac);
        mac.AppendData(row.Mac);
        return mac.GetHashAndReset();
    }

    private static string Purpose(string id) => "auth_keys/" + id;
}
