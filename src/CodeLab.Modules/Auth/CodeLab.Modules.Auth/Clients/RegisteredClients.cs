using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Tokens;

namespace CodeLab.Modules.Auth.Clients;

/// <summary>A client of the database, in full.</summary>
internal sealed record RegisteredClient(
    string Id,
    string Name,
    byte[]? SecretHash,
    IReadOnlyList<string> Grants,
    IReadOnlyList<string> Scopes,
    IReadOnlyList<string> RedirectUris,
    long CreatedAt,
    bool IsEnabled
);

/// <summary>What is to become of a client; null leaves a part as it is.</summary>
internal sealed record ClientChange
{
    public string? Name { get; init; }
    public IReadOnlyList<string>? Grants { get; init; }
    public IReadOnlyList<string>? Scopes { get; init; }
    public IReadOnlyList<string>? RedirectUris { get; init; }
    public bool? Enabled { get; init; }

    /// <summary>True for a new secret; the old one is void at once.</summary>
    public bool RotateSecret { get; init; }
}

/// <summary>Clients that administrators register. All nodes know of a change within 5 s (<see cref="ClientWatch"/>).</summary>
internal sealed class RegisteredClients(
    Database database,
    ClientRegistry registry,
    SignIns signIns,
    IAuditTrail audit,
    IClusterBus bus,
    TimeProvider time
)
{
    private const string Columns = "id, name, secret_hash, grants, scopes, redirect_uris, created_at, disabled_at";
    private static readonly Error _notFound = new("CLIENT_NOT_FOUND", "There is no such client.", 404);

    public async Task<IReadOnlyList<RegisteredClient>> ListAsync(CancellationToken cancellationToken)
    {
        var all = new List<RegisteredClient>();
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command($"SELECT {Columns} FROM auth_clients ORDER BY id", null);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            all.Add(Read(reader));
        return all;
    }

    /// <summary>Registers a client; its secret is in the answer and nowhere else.</summary>
    public async Task<Result<(RegisteredClient Client, string? Secret)>> AddAsync(
        RegisteredClient wanted,
        bool isConfidential,
        string actor,
        RequestOrigin origin
    )
    {
        if (Fault(wanted, isConfidential) is { } fault)
            return fault;
        var secret = isConfidential ? NewSecret() : null;
        var client = wanted with { SecretHash = secret is null ? null : Hash(secret), CreatedAt = time.Milliseconds() };
        if (registry.IsFixed(client.Id))
            return Taken(client.Id);
        var added = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var rows = await connection.ExecuteAsync(
                    $"""
                    INSERT INTO auth_clients (id, name, secret_hash, grants, scopes, redirect_uris, created_at, created_by)
                    VALUES (@id, @name, {(client.SecretHash is null ? "NULL" : "@hash")}, @grants, @scopes, @redirects, @now, @actor)
                    ON CONFLICT DO NOTHING
                    """,
                    transaction,
                    Parameters(client, [("@now", client.CreatedAt), ("@actor", actor)]),
                    CancellationToken.None
                );
                if (rows == 1)
                    await audit.AppendAsync(connection, transaction, Event("client.created", client.Id, actor, origin));
                return rows;
            },
            CancellationToken.None
        );
        if (added == 0)
            return Taken(client.Id);
        await TellAsync();
        return (client, secret);
    }

    /// <summary>Changes a client. One that is disabled loses its sign-ins.</summary>
    public async Task<Result<(RegisteredClient Client, string? Secret)>> ChangeAsync(
        string id,
        ClientChange change,
        string actor,
        RequestOrigin origin
    )
    {
        if ((await ListAsync(CancellationToken.None)).FirstOrDefault(c => c.Id == id) is not { } before)
            return _notFound;
        var isConfidential = before.SecretHash is not null;
        if (change.RotateSecret && !isConfidential)
            return Invalid("rotate_secret", "A public client has no secret. Register a confidential one instead.");
        var secret = change.RotateSecret ? NewSecret() : null;
        var after = before with
        {
            Name = change.Name ?? before.Name,
            Grants = change.Grants ?? before.Grants,
            Scopes = change.Scopes ?? before.Scopes,
            RedirectUris = change.RedirectUris ?? before.RedirectUris,
            IsEnabled = change.Enabled ?? before.IsEnabled,
            SecretHash = secret is null ? before.SecretHash : Hash(secret),
        };
        if (Fault(after, isConfidential) is { } fault)
            return fault;
        var ended = await database.TransactAsync(
            async (connection, transaction) =>
            {
                await connection.ExecuteAsync(
                    $"""
                    UPDATE auth_clients SET name = @name, grants = @grants, scopes = @scopes, redirect_uris = @redirects,
                        secret_hash = {(after.SecretHash is null ? "NULL" : "@hash")},
                        disabled_at = {(after.IsEnabled ? "NULL" : "COALESCE(disabled_at, @now)")}
                    WHERE id = @id
                    """,
                    transaction,
                    Parameters(after, after.IsEnabled ? [] : [("@now", time.Milliseconds())]),
                    CancellationToken.None
                );
                await audit.AppendAsync(
                    connection,
                    transaction,
                    Event("client.changed", id, actor, origin) with
                    {
                        Metadata = new Dictionary<string, object?>
                        {
                            ["enabled"] = after.IsEnabled,
                            ["secret_rotated"] = secret is not null,
                            ["scopes"] = string.Join(' ', after.Scopes),
                        },
                    }
                );
                return after.IsEnabled || !before.IsEnabled ? [] : await EndSignInsAsync(connection, transaction, id, "client.disabled");
            },
            CancellationToken.None
        );
        await TellAsync(ended, "client.disabled");
        return (after, secret);
    }

    /// <summary>Takes a client away, with its sign-ins and what people allowed it.</summary>
    public async Task<Error?> DeleteAsync(string id, string actor, RequestOrigin origin)
    {
        var ended = await database.TransactAsync<List<(string SignInId, string UserId)>?>(
            async (connection, transaction) =>
            {
                (string, object?)[] parameters = [("@id", id)];
                if (await connection.ExecuteAsync("DELETE FROM auth_clients WHERE id = @id", transaction, parameters, default) == 0)
                    return null;
                await connection.ExecuteAsync("DELETE FROM auth_consents WHERE client_id = @id", transaction, parameters, default);
                await audit.AppendAsync(connection, transaction, Event("client.deleted", id, actor, origin));
                return await EndSignInsAsync(connection, transaction, id, "client.deleted");
            },
            CancellationToken.None
        );
        if (ended is null)
            return _notFound;
        await TellAsync(ended, "client.deleted");
        return null;
    }

    private async Task<List<(string SignInId, string UserId)>> EndSignInsAsync(
        DbConnection connection,
        DbTransaction? transaction,
        string clientId,
        string reason
    )
    {
        var ended = new List<(string, string)>();
        await using var command = connection.Command(
            "UPDATE auth_sign_ins SET revoked_at = @now, revoked_reason = @reason WHERE client_id = @client AND revoked_at IS NULL "
                + "RETURNING id, user_id",
            transaction,
            ("@now", time.Milliseconds()),
            ("@reason", reason),
            ("@client", clientId)
        );
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        while (await reader.ReadAsync(CancellationToken.None))
            ended.Add((reader.GetString(0), reader.GetString(1)));
        return ended;
    }

    private async Task TellAsync(List<(string SignInId, string UserId)>? ended = null, string reason = "")
    {
        await bus.PublishAsync(ClientWatch.Channel, default, CancellationToken.None);
        foreach (var (signInId, userId) in ended ?? [])
            await signIns.ToldAsync(signInId, userId, reason);
    }

    private static (string, object?)[] Parameters(RegisteredClient client, (string, object?)[] more) =>
        [
            ("@id", client.Id),
            ("@name", client.Name),
            .. client.SecretHash is { } hash ? [("@hash", hash)] : Array.Empty<(string, object?)>(),
            ("@grants", string.Join(' ', client.Grants)),
            ("@scopes", string.Join(' ', client.Scopes)),
            ("@redirects", string.Join('\n', client.RedirectUris)),
            .. more,
        ];

    private static Error? Fault(RegisteredClient client, bool isConfidential)
    {
        if (client.Name.Length is 0 or > 200)
            return Invalid("name", "The name must have 1 to 200 characters.");
        if (client.Grants.Count == 0 || client.Scopes.Count == 0)
            return Invalid("grants", "Name at least one grant and one scope.");
        return
            ClientRules.Faults(client.Id, isConfidential, client.Grants, client.Scopes, client.RedirectUris).FirstOrDefault() is { } fault
            ? Invalid("client", fault)
            : null;
    }

    private static AuditEvent Event(string type, string id, string actor, RequestOrigin origin) =>
        new(type)
        {
            Actor = actor,
            Subject = id,
            ClientId = id,
            Ip = origin.Ip,
            UserAgent = origin.UserAgent,
        };

    private static Error Taken(string id) => new("CLIENT_EXISTS", $"The client id '{id}' is taken.", 409);

    private static Error Invalid(string field, string message) =>
        new("INVALID_REQUEST", message, 400) { Details = new Dictionary<string, string> { ["field"] = field } };

    private static string NewSecret() => "cls_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    private static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    private static RegisteredClient Read(DbDataReader reader) =>
        new(
            reader.GetString(0),
            reader.GetString(1),
            reader.IsDBNull(2) ? null : reader.GetFieldValue<byte[]>(2),
            ClientRegistry.Words(reader.GetString(3)),
            ClientRegistry.Words(reader.GetString(4)),
            ClientRegistry.Lines(reader.GetString(5)),
            reader.GetInt64(6),
            reader.IsDBNull(7)
        );
}
