using System.Data.Common;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;

namespace CodeLab.Modules.Auth.Passkeys;

/// <summary>
/// Identity's store of users with passkeys in a table of ours, by plain SQL: EF's model need not be built for somebody to sign in.
/// </summary>
internal sealed class PasskeyStore(AuthDbContext context, Database database) : UserOnlyStore<User, AuthDbContext>(context)
{
    private const string Columns =
        "credential_id, public_key, created_at, sign_count, transports, is_user_verified, is_backup_eligible, is_backed_up, "
        + "attestation_object, client_data_json, name";

    public override async Task<User?> FindByIdAsync(string userId, CancellationToken cancellationToken = default)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await FindUserAsync(connection, "u.id = @key", userId, cancellationToken);
    }

    public override async Task<User?> FindByPasskeyIdAsync(byte[] credentialId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await FindUserAsync(
            connection,
            "u.id = (SELECT user_id FROM auth_passkeys WHERE credential_id = @key)",
            credentialId,
            cancellationToken
        );
    }

    public override async Task<IList<UserPasskeyInfo>> GetPasskeysAsync(User user, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(user);
        await using var connection = await database.OpenAsync(cancellationToken);
        return await ReadAsync(connection, "user_id = @user", [("@user", user.Id)], cancellationToken);
    }

    public override async Task<UserPasskeyInfo?> FindPasskeyAsync(User user, byte[] credentialId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(user);
        await using var connection = await database.OpenAsync(cancellationToken);
        var found = await ReadAsync(
            connection,
            "user_id = @user AND credential_id = @id",
            [("@user", user.Id), ("@id", credentialId)],
            cancellationToken
        );
        return found.FirstOrDefault();
    }

    /// <summary>Adds a passkey, or notes how one was used. One that belongs to somebody else is left alone.</summary>
    public override async Task AddOrUpdatePasskeyAsync(User user, UserPasskeyInfo passkey, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(user);
        ArgumentNullException.ThrowIfNull(passkey);
        var written = await database.TransactAsync(
            (connection, transaction) =>
                connection.ExecuteAsync(
                    "INSERT INTO auth_passkeys (credential_id, user_id, name, public_key, sign_count, transports, is_user_verified, "
                        + "is_backup_eligible, is_backed_up, attestation_object, client_data_json, created_at) "
                        + "VALUES (@id, @user, @name, @key, @count, @transports, @verified, @eligible, @backed, @attestation, @client, @now) "
                        + "ON CONFLICT (credential_id) DO UPDATE SET sign_count = excluded.sign_count, "
                        + "is_user_verified = excluded.is_user_verified, is_backed_up = excluded.is_backed_up "
                        + "WHERE auth_passkeys.user_id = excluded.user_id",
                    transaction,
                    [
                        ("@id", passkey.CredentialId),
                        ("@user", user.Id),
                        ("@name", passkey.Name ?? "Passkey"),
                        ("@key", passkey.PublicKey),
                        ("@count", (long)passkey.SignCount),
                        ("@transports", string.Join(' ', passkey.Transports ?? [])),
                        ("@verified", passkey.IsUserVerified),
                        ("@eligible", passkey.IsBackupEligible),
                        ("@backed", passkey.IsBackedUp),
                        ("@attestation", passkey.AttestationObject),
                        ("@client", passkey.ClientDataJson),
                        ("@now", passkey.CreatedAt.ToUnixTimeMilliseconds()),
                    ],
                    CancellationToken.None
                ),
            cancellationToken
        );
        if (written == 0)
            throw new InvalidOperationException("The passkey belongs to another user");
    }

    public override Task RemovePasskeyAsync(User user, byte[] credentialId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(user);
        return database.TransactAsync(
            (connection, transaction) =>
                connection.ExecuteAsync(
                    "DELETE FROM auth_passkeys WHERE user_id = @user AND credential_id = @id",
                    transaction,
                    [("@user", user.Id), ("@id", credentialId)],
                    CancellationToken.None
                ),
            cancellationToken
        );
    }

    private static async Task<User?> FindUserAsync(DbConnection connection, string where, object key, CancellationToken cancellationToken)
    {
        await using var command = connection.Command(
            "SELECT u.id, u.user_name, u.security_stamp, u.roles, u.disabled_at FROM auth_users u WHERE " + where,
            null,
            ("@key", key)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
            return null;
        return new User
        {
            Id = reader.GetString(0),
            UserName = reader.GetString(1),
            SecurityStamp = reader.GetString(2),
            Roles = reader.GetString(3),
            DisabledAt = reader.NullableInt64(4) is { } at ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null,
        };
    }

    private static async Task<List<UserPasskeyInfo>> ReadAsync(
        DbConnection connection,
        string where,
        (string Name, object? Value)[] parameters,
        CancellationToken cancellationToken
    )
    {
        var found = new List<UserPasskeyInfo>();
        await using var command = connection.Command(
            $"SELECT {Columns} FROM auth_passkeys WHERE {where} ORDER BY created_at",
            null,
            parameters
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(
                new UserPasskeyInfo(
                    reader.GetFieldValue<byte[]>(0),
                    reader.GetFieldValue<byte[]>(1),
                    DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(2)),
                    (uint)reader.GetInt64(3),
                    reader.GetString(4).Split(' ', StringSplitOptions.RemoveEmptyEntries),
                    reader.GetBoolean(5),
                    reader.GetBoolean(6),
                    reader.GetBoolean(7),
                    reader.GetFieldValue<byte[]>(8),
                    reader.GetFieldValue<byte[]>(9)
                )
                {
                    Name = reader.GetString(10),
                }
            );
        }
        return found;
    }
}
