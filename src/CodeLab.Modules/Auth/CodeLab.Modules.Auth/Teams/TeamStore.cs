using System.Data.Common;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;

namespace CodeLab.Modules.Auth.Teams;

/// <summary>A team as administrators see it.</summary>
internal sealed record Team(string Id, string Name, DateTimeOffset CreatedAt)
{
    public int MemberCount { get; init; }

    /// <summary>Only where one team is shown.</summary>
    public IReadOnlyList<TeamMember>? Members { get; init; }
}

/// <summary>A member of a team.</summary>
internal sealed record TeamMember(string UserId, string Username, bool IsLead, DateTimeOffset AddedAt);

/// <summary>Teams and who is in them. A lead of a team sees what its members do.</summary>
internal sealed class TeamStore(Database database, IAuditTrail audit, Callers callers, RightsChanges changes, TimeProvider time)
{
    private const int LongestName = 100;

    private static readonly Error _exists = new("TEAM_EXISTS", "There is a team of this name.", 409);

    public static Error NotFound { get; } = new("TEAM_NOT_FOUND", "There is no such team.", 404);

    /// <summary>Teams by name, from after <paramref name="cursor"/>.</summary>
    public async Task<IReadOnlyList<Team>> ListAsync(int limit, string? cursor, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await ReadAsync(
            connection,
            "WHERE t.normalized_name > @cursor ORDER BY t.normalized_name LIMIT @limit",
            [("@cursor", cursor ?? ""), ("@limit", limit)],
            cancellationToken
        );
    }

    /// <summary>A team with its members.</summary>
    public async Task<Team?> FindAsync(string id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var found = await ReadAsync(connection, "WHERE t.id = @id", [("@id", id)], cancellationToken);
        if (found.Count == 0)
            return null;
        var members = new List<TeamMember>();
        await using var command = connection.Command(
            "SELECT m.user_id, u.user_name, m.is_lead, m.added_at FROM auth_team_members m JOIN auth_users u ON u.id = m.user_id "
                + "WHERE m.team_id = @id ORDER BY u.normalized_user_name",
            null,
            ("@id", id)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            members.Add(
                new(
                    reader.GetString(0),
                    reader.GetString(1),
                    reader.GetBoolean(2),
                    DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(3))
                )
            );
        }
        return found[0] with { Members = members };
    }

    /// <summary>Teams a user is in.</summary>
    public async Task<IReadOnlyList<TeamInfo>> OfUserAsync(string userId, CancellationToken cancellationToken)
    {
        var teams = new List<TeamInfo>();
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT t.id, t.name, m.is_lead FROM auth_team_members m JOIN auth_teams t ON t.id = m.team_id "
                + "WHERE m.user_id = @user ORDER BY t.normalized_name",
            null,
            ("@user", userId)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            teams.Add(new(reader.GetString(0), reader.GetString(1), reader.GetBoolean(2)));
        return teams;
    }

    public async Task<Result<Team>> CreateAsync(string name, CancellationToken cancellationToken)
    {
        if (NameFault(name) is { } fault)
            return fault;
        var team = new Team(Guid.NewGuid().ToString(), name.Trim(), time.GetUtcNow());
        var added = await WriteAsync(
            new AuditEvent("team.created") { Subject = team.Id },
            async (connection, transaction) =>
                await connection.ExecuteAsync(
                    "INSERT INTO auth_teams (id, name, normalized_name, created_at) VALUES (@id, @name, @normal, @now) ON CONFLICT DO NOTHING",
                    transaction,
                    [
                        ("@id", team.Id),
                        ("@name", team.Name),
                        ("@normal", Normalize(name)),
                        ("@now", team.CreatedAt.ToUnixTimeMilliseconds()),
                    ],
                    default
                ) == 1,
            cancellationToken
        );
        return added ? team : _exists;
    }

    public async Task<Result<Team>> RenameAsync(string id, string name, CancellationToken cancellationToken)
    {
        if (NameFault(name) is { } fault)
            return fault;
        var renamed = await WriteAsync(
            new AuditEvent("team.renamed") { Subject = id },
            async (connection, transaction) =>
                await connection.ExecuteAsync(
                    "UPDATE auth_teams SET name = @name, normalized_name = @normal WHERE id = @id "
                        + "AND NOT EXISTS (SELECT 1 FROM auth_teams o WHERE o.normalized_name = @normal AND o.id <> @id)",
                    transaction,
                    [("@id", id), ("@name", name.Trim()), ("@normal", Normalize(name))],
                    default
                ) == 1,
            cancellationToken
        );
        var team = await FindAsync(id, cancellationToken);
        if (team is null)
            return NotFound;
        return renamed ? team : _exists;
    }

    public async Task<bool> DeleteAsync(string id, CancellationToken cancellationToken)
    {
        var team = await FindAsync(id, cancellationToken);
        var deleted = await WriteAsync(
            new AuditEvent("team.deleted") { Subject = id },
            async (connection, transaction) =>
                await connection.ExecuteAsync("DELETE FROM auth_teams WHERE id = @id", transaction, [("@id", id)], default) == 1,
            cancellationToken
        );
        foreach (var member in deleted ? team?.Members ?? [] : [])
            await changes.TellAsync(new UserRightsChanged(member.UserId, "team.deleted"));
        return deleted;
    }

    /// <summary>Puts a user into a team, or changes whether they lead it.</summary>
    public async Task<Error?> PutMemberAsync(string teamId, string userId, bool isLead, CancellationToken cancellationToken)
    {
        var put = await WriteAsync(
            Membership("team.member_set", teamId, userId, isLead),
            async (connection, transaction) =>
                await connection.ExecuteAsync(
                    "INSERT INTO auth_team_members (team_id, user_id, is_lead, added_at) "
                        + "SELECT t.id, u.id, @lead, @now FROM auth_teams t, auth_users u WHERE t.id = @team AND u.id = @user "
                        + "ON CONFLICT (team_id, user_id) DO UPDATE SET is_lead = excluded.is_lead",
                    transaction,
                    [("@team", teamId), ("@user", userId), ("@lead", isLead), ("@now", time.Milliseconds())],
                    default
                ) == 1,
            cancellationToken
        );
        if (put)
        {
            // Who leads no more is let go of what only a lead may watch; who may still watch comes back.
            if (!isLead)
                await changes.TellAsync(new UserRightsChanged(userId, "team.member_set"));
            return null;
        }
        return await FindAsync(teamId, cancellationToken) is null ? NotFound : UserErrors.NotFound;
    }

    public async Task<bool> RemoveMemberAsync(string teamId, string userId, CancellationToken cancellationToken)
    {
        var removed = await WriteAsync(
            Membership("team.member_removed", teamId, userId, isLead: null),
            async (connection, transaction) =>
                await connection.ExecuteAsync(
                    "DELETE FROM auth_team_members WHERE team_id = @team AND user_id = @user",
                    transaction,
                    [("@team", teamId), ("@user", userId)],
                    default
                ) == 1,
            cancellationToken
        );
        // Sessions of the team, and those shared with it, are not for this user any more (security.md G2).
        if (removed)
            await changes.TellAsync(new UserRightsChanged(userId, "team.member_removed"));
        return removed;
    }

    /// <summary>A name as it is compared and sorted.</summary>
    public static string Normalize(string name) => name.Trim().ToUpperInvariant();

    private Task<bool> WriteAsync(
        AuditEvent entry,
        Func<DbConnection, DbTransaction?, Task<bool>> write,
        CancellationToken cancellationToken
    )
    {
        var stamped = callers.Stamp(entry);
        return database.TransactAsync(
            async (connection, transaction) =>
            {
                var done = await write(connection, transaction);
                if (done)
                    await audit.AppendAsync(connection, transaction, stamped);
                return done;
            },
            cancellationToken
        );
    }

    private static AuditEvent Membership(string type, string teamId, string userId, bool? isLead) =>
        new(type)
        {
            Subject = userId,
            Metadata = new Dictionary<string, object?> { ["team"] = teamId, ["lead"] = isLead },
        };

    private static Error? NameFault(string name) =>
        name.Trim().Length is 0 or > LongestName || name.Any(char.IsControl)
            ? AccountRules.Invalid("name", $"The name of a team has 1 to {LongestName} characters.")
            : null;

    private static async Task<List<Team>> ReadAsync(
        DbConnection connection,
        string where,
        (string Name, object? Value)[] parameters,
        CancellationToken cancellationToken
    )
    {
        var teams = new List<Team>();
        await using var command = connection.Command(
            "SELECT t.id, t.name, t.created_at, (SELECT COUNT(*) FROM auth_team_members m WHERE m.team_id = t.id) FROM auth_teams t "
                + where,
            null,
            parameters
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            teams.Add(
                new(reader.GetString(0), reader.GetString(1), DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(2)))
                {
                    MemberCount = (int)reader.GetInt64(3),
                }
            );
        }
        return teams;
    }
}
