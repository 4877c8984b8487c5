using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Persistence;

namespace CodeLab.Modules.Auth.Grants.AuthorizationCode;

/// <summary>What people have allowed third-party clients.</summary>
internal sealed class Consents(Database database, TimeProvider time)
{
    /// <summary>True when the person has allowed the client all of these scopes.</summary>
    public async Task<bool> CoversAsync(string userId, string clientId, IEnumerable<string> scopes, CancellationToken cancellationToken)
    {
        var given = await database.FirstAsync(
            "SELECT scope FROM auth_consents WHERE user_id = $1 AND client_id = $2",
            [userId, clientId],
            reader => reader.GetString(0),
            cancellationToken
        );
        return given is not null && scopes.All(given.Split(' ').Contains);
    }

    /// <summary>Remembers that the person allowed these scopes, beside those allowed before.</summary>
    public Task AllowAsync(string userId, string clientId, IEnumerable<string> scopes, CancellationToken cancellationToken) =>
        database.TransactAsync(
            async (connection, transaction) =>
            {
                var before = await connection.ScalarAsync(
                    "SELECT scope FROM auth_consents WHERE user_id = @user AND client_id = @client",
                    transaction,
                    [("@user", userId), ("@client", clientId)],
                    CancellationToken.None
                );
                var all = Tokens.GrantScopes.Join(
                    (before as string ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Concat(scopes)
                );
                return await connection.ExecuteAsync(
                    "INSERT INTO auth_consents (user_id, client_id, scope, created_at) VALUES (@user, @client, @scope, @now) "
                        + "ON CONFLICT (user_id, client_id) DO UPDATE SET scope = @scope",
                    transaction,
                    [("@user", userId), ("@client", clientId), ("@scope", all), ("@now", time.Milliseconds())],
                    CancellationToken.None
                );
            },
            cancellationToken
        );
}
