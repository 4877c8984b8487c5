using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;

namespace CodeLab.Modules.Auth.Browser;

/// <summary>Users who may sign in, for sign-ins that do not begin with a password.</summary>
internal sealed class EnabledUsers(Database database, TimeProvider time)
{
    /// <summary>The user; null when there is none or it is disabled.</summary>
    public async Task<UserSnapshot?> FindAsync(string userId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT id, user_name, security_stamp, roles FROM auth_users WHERE id = @id AND disabled_at IS NULL",
            null,
            ("@id", userId)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new(reader.GetString(0), reader.GetString(1), reader.GetString(2), User.Split(reader.GetString(3)))
            : null;
    }

    /// <summary>True when the user can sign in by password.</summary>
    public async Task<bool> HasPasswordAsync(string userId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.ScalarAsync(
            "SELECT 1 FROM auth_users WHERE id = @id AND password_hash IS NOT NULL",
            null,
            [("@id", userId)],
            cancellationToken
        )
            is not null;
    }

    /// <summary>Notes that the user signed in; a password does so itself.</summary>
    public Task SignedInAsync(string userId, CancellationToken cancellationToken) =>
        database.TransactAsync(
            (connection, transaction) =>
                connection.ExecuteAsync(
                    "UPDATE auth_users SET last_sign_in_at = @now WHERE id = @id",
                    transaction,
                    [("@now", time.Milliseconds()), ("@id", userId)],
                    CancellationToken.None
                ),
            cancellationToken
        );
}
