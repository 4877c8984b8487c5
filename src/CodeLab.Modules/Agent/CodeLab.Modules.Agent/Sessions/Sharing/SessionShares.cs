using System.Data.Common;
using System.Globalization;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Protocol.Rest;

namespace CodeLab.Modules.Agent.Sessions.Sharing;

/// <summary>The table of shares.</summary>
internal sealed class SessionShares(Database database, IAuditTrail? audit = null)
{
    /// <summary>The roles a session is shared in.</summary>
    public static SessionRight? RightOf(string? role) =>
        role switch
        {
            "viewer" => SessionRight.Watch,
            "driver" => SessionRight.Drive,
            "owner" => SessionRight.Own,
            _ => null,
        };

    /// <summary>The most that shares with a person and the person's teams permit.</summary>
    public async Task<SessionRight> RightAsync(
        string sessionId,
        string userId,
        IReadOnlyList<string> teams,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            $"SELECT role FROM agent_shares WHERE session_id = @session AND {Grantee(teams)}",
            null,
            [("@session", sessionId), .. Parameters(userId, teams)]
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var most = SessionRight.None;
        while (await reader.ReadAsync(cancellationToken))
        {
            if (RightOf(reader.GetString(0)) is { } right && right > most)
                most = right;
        }
        return most;
    }

    /// <summary>Sessions shared with a person, newest activity first, and how many there are.</summary>
    public async Task<(IReadOnlyList<SessionRow> Rows, int Total)> ListAsync(
        string userId,
        IReadOnlyList<string> teams,
        SessionPage page,
        CancellationToken cancellationToken
    )
    {
        var own = page.WithOwn ? "s.owner = @user OR " : "s.owner <> @user AND ";
        return await ListAsync(
            $"({own}s.id IN (SELECT session_id FROM agent_shares WHERE {Grantee(teams)}))",
            [.. Parameters(userId, teams)],
            page,
            cancellationToken
        );
    }

    /// <summary>Sessions of some owners, newest activity first, and how many there are.</summary>
    public async Task<(IReadOnlyList<SessionRow> Rows, int Total)> ListOfAsync(
        IReadOnlyList<string> owners,
        SessionPage page,
        CancellationToken cancellationToken
    )
    {
        if (owners.Count == 0)
            return ([], 0);
        var names = string.Join(", ", Enumerable.Range(0, owners.Count).Select(i => $"@owner{i}"));
        return await ListAsync($"s.owner IN ({names})", [.. owners.Select((id, i) => ($"@owner{i}", (object)id))], page, cancellationToken);
    }

    private async Task<(IReadOnlyList<SessionRow> Rows, int Total)> ListAsync(
        string whose,
        (string, object)[] parameters,
        SessionPage page,
        CancellationToken cancellationToken
    )
    {
        var where =
            "(s.parent_kind IS NULL OR s.parent_kind <> 'task') AND " + (page.ActiveOnly ? "s.deleted_at IS NULL AND " : "") + whose;
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var count = connection.Command($"SELECT count(*) FROM agent_sessions s WHERE {where}", null, parameters);
        var total = Convert.ToInt32(await count.ExecuteScalarAsync(cancellationToken), CultureInfo.InvariantCulture);
        await using var command = connection.Command(
            $"SELECT {SessionRows.SessionReadColumns} FROM agent_sessions s WHERE {where} "
                + "ORDER BY last_activity DESC, id LIMIT @limit OFFSET @offset",
            null,
            [.. parameters, ("@limit", page.Limit), ("@offset", page.Offset)]
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<SessionRow>();
        while (await reader.ReadAsync(cancellationToken))
            rows.Add(SessionRows.ReadSession(reader));
        return (rows, total);
    }

    /// <summary>Sessions that work on tasks of a session now.</summary>
    public async Task<IReadOnlyList<string>> OpenTasksAsync(string sessionId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT id FROM agent_sessions WHERE parent_id = @session AND parent_kind = 'task' AND has_open_turn ORDER BY created_at, id",
            null,
            ("@session", sessionId)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var tasks = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
            tasks.Add(reader.GetString(0));
        return tasks;
    }

    /// <summary>The shares of a session, oldest first.</summary>
    public async Task<IReadOnlyList<SessionShare>> ReadAsync(string sessionId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT kind, grantee_id, role, added_by, added_at FROM agent_shares WHERE session_id = @session "
                + "ORDER BY added_at, kind, grantee_id",
            null,
            ("@session", sessionId)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<SessionShare>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(
                new()
                {
                    Kind = reader.GetString(0),
                    Id = reader.GetString(1),
                    Role = reader.GetString(2),
                    AddedBy = reader.GetString(3),
                    AddedAt = DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(4)),
                }
            );
        }
        return found;
    }

    /// <summary>Adds a share, or changes its role.</summary>
    public Task PutAsync(string sessionId, SessionShare share, CancellationToken cancellationToken) =>
        database.TransactAsync(
            async (connection, transaction) =>
            {
                await using var command = connection.Command(
                    "INSERT INTO agent_shares (session_id, kind, grantee_id, role, added_by, added_at) "
                        + "VALUES (@session, @kind, @id, @role, @by, @at) "
                        + "ON CONFLICT (session_id, kind, grantee_id) DO UPDATE SET role = excluded.role, added_by = excluded.added_by",
                    transaction,
                    ("@session", sessionId),
                    ("@kind", share.Kind),
                    ("@id", share.Id),
                    ("@role", share.Role),
                    ("@by", share.AddedBy),
                    ("@at", share.AddedAt.ToUnixTimeMilliseconds())
                );
                await command.ExecuteNonQueryAsync();
                await RecordAsync(
                    connection,
                    transaction,
                    "session.shared",
                    share.AddedBy,
                    sessionId,
                    $"{share.Kind}:{share.Id}",
                    share.Role
                );
                return 0;
            },
            cancellationToken
        );

    /// <summary>Ends a share; false when there is none.</summary>
    public Task<bool> RemoveAsync(string sessionId, string kind, string id, string by, CancellationToken cancellationToken) =>
        database.TransactAsync(
            async (connection, transaction) =>
            {
                await using var command = connection.Command(
                    "DELETE FROM agent_shares WHERE session_id = @session AND kind = @kind AND grantee_id = @id",
                    transaction,
                    ("@session", sessionId),
                    ("@kind", kind),
                    ("@id", id)
                );
                if (await command.ExecuteNonQueryAsync() == 0)
                    return false;
                await RecordAsync(connection, transaction, "session.unshared", by, sessionId, $"{kind}:{id}", null);
                return true;
            },
            cancellationToken
        );

    private Task RecordAsync(
        DbConnection connection,
        DbTransaction? transaction,
        string type,
        string by,
        string sessionId,
        string subject,
        string? role
    ) =>
        audit is null
            ? Task.CompletedTask
            : audit.AppendAsync(
                connection,
                transaction,
                new AuditEvent(type)
                {
                    Actor = by,
                    Subject = subject,
                    Session = sessionId,
                    Reason = role,
                }
            );

    // Ids are parameters; only their number is in the text.
    private static string Grantee(IReadOnlyList<string> teams) =>
        teams.Count == 0
            ? "kind = 'user' AND grantee_id = @user"
            : "((kind = 'user' AND grantee_id = @user) OR (kind = 'team' AND grantee_id IN ("
                + string.Join(", ", Enumerable.Range(0, teams.Count).Select(i => $"@team{i}"))
                + ")))";

    private static IEnumerable<(string, object)> Parameters(string userId, IReadOnlyList<string> teams) =>
        [("@user", userId), .. teams.Select((id, i) => ($"@team{i}", (object)id))];
}

/// <summary>A page of sessions.</summary>
/// <param name="Limit">Most rows.</param>
/// <param name="Offset">Rows to skip.</param>
/// <param name="ActiveOnly">Leave deleted ones out.</param>
/// <param name="WithOwn">The person's own sessions too.</param>
internal readonly record struct SessionPage(int Limit, int Offset, bool ActiveOnly, bool WithOwn);
