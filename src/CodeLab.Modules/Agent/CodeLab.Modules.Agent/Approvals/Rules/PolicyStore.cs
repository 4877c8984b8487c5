using System.Data.Common;
using System.Text.Json;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Data.Sqlite;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>Rules, remembered decisions and levels in the database. Every change is audited in its own transaction (security.md §13).</summary>
internal sealed class PolicyStore(Database database, IServiceProvider services)
{
    private readonly bool _sqlite = database.Provider == DatabaseProvider.Sqlite;

    // Another module may be away (benchmarks, tests of this module alone): then there is no audit to write to.
    private readonly IAuditTrail? _audit = services.GetService<IAuditTrail>();

    /// <summary>All rules, in the order they are looked at.</summary>
    public Task<List<PolicyRuleInfo>> RulesAsync(CancellationToken cancellationToken) =>
        ReadAsync(
            "SELECT id, rule, author, created_at, updated_at, last_used_at FROM agent_policies ORDER BY position, id",
            row => new PolicyRuleInfo
            {
                Id = row.GetString(0),
                Rule = JsonSerializer.Deserialize(row.GetString(1), ProtocolJson.Default.PolicyRuleBody)!,
                Author = row.GetString(2),
                CreatedAt = Time(row, 3)!.Value,
                UpdatedAt = Time(row, 4)!.Value,
                LastUsedAt = Time(row, 5),
            },
            cancellationToken
        );

    /// <summary>Adds a rule, or writes over one with the same id.</summary>
    public Task SaveAsync(PolicyRuleInfo rule, CancellationToken cancellationToken) =>
        WriteAsync(
            "INSERT INTO agent_policies (id, rule, position, author, created_at, updated_at) VALUES (@a, @b, @c, @d, @e, @f) "
                + "ON CONFLICT (id) DO UPDATE SET rule = excluded.rule, position = excluded.position, author = excluded.author, "
                + "updated_at = excluded.updated_at",
            new("settings.changed")
            {
                Actor = rule.Author,
                Subject = rule.Id,
                Reason = "policy rule written",
                Metadata = new Dictionary<string, object?>
                {
                    ["level"] = rule.Rule.Level,
                    ["effect"] = rule.Rule.Effect,
                    ["enabled"] = rule.Rule.Enabled != false,
                },
            },
            cancellationToken,
            rule.Id,
            JsonSerializer.Serialize(rule.Rule, ProtocolJson.Default.PolicyRuleBody),
            rule.Rule.Position ?? PolicyRule.DefaultPosition,
            rule.Author,
            rule.CreatedAt,
            rule.UpdatedAt
        );

    /// <summary>Takes a rule away; false when there was none.</summary>
    public Task<bool> DeleteAsync(string id, string by, CancellationToken cancellationToken) =>
        WriteAsync(
            "DELETE FROM agent_policies WHERE id = @a",
            new("settings.changed")
            {
                Actor = by,
                Subject = id,
                Reason = "policy rule deleted",
            },
            cancellationToken,
            id
        );

    /// <summary>Remembered decisions, newest first: of one owner, or of all.</summary>
    public Task<List<(RememberedRule Rule, RememberedDecision Shown)>> RememberedAsync(
        string? owner,
        CancellationToken cancellationToken
    ) =>
        ReadAsync(
            "SELECT id, owner, session_id, rule, created_at, last_used_at FROM agent_remembered "
                + (owner is null ? "" : "WHERE owner = @a ")
                + "ORDER BY created_at DESC, id LIMIT 1000",
            row =>
            {
                var rule = JsonSerializer.Deserialize(row.GetString(3), LogJson.Default.RememberedRule)!;
                var scope = rule.Scope ?? "session";
                return (
                    rule,
                    new RememberedDecision
                    {
                        Id = row.GetString(0),
                        Scope = scope,
                        SessionId = scope == "session" ? row.GetString(2) : null,
                        Project = rule.Project,
                        ToolName = rule.ToolName,
                        Command = rule.ExactCommand,
                        Owner = row.GetString(1),
                        Author = rule.CreatedBy,
                        CreatedAt = Time(row, 4)!.Value,
                        ExpiresAt = rule.ExpiresAt,
                        LastUsedAt = Time(row, 5),
                    }
                );
            },
            cancellationToken,
            owner is null ? [] : [owner]
        );

    /// <summary>Adds a remembered decision to a transaction that is open: the one of the event that made it.</summary>
    public Task RememberAsync(
        DbConnection connection,
        DbTransaction? transaction,
        string owner,
        string sessionId,
        RememberedRule rule,
        DateTimeOffset now
    ) =>
        ExecuteAsync(
            connection,
            transaction,
            "INSERT INTO agent_remembered (id, owner, session_id, rule, created_at) VALUES (@a, @b, @c, @d, @e)",
            rule.Id!,
            owner,
            sessionId,
            JsonSerializer.Serialize(rule, LogJson.Default.RememberedRule),
            now
        );

    /// <summary>Takes a remembered decision away; false when there was none.</summary>
    public Task<bool> ForgetAsync(string id, string by, CancellationToken cancellationToken) =>
        WriteAsync(
            "DELETE FROM agent_remembered WHERE id = @a",
            new("settings.changed")
            {
                Actor = by,
                Subject = id,
                Reason = "remembered decision revoked",
            },
            cancellationToken,
            id
        );

    /// <summary>The level a user chose, or null.</summary>
    public async Task<string?> AutonomyAsync(string owner, CancellationToken cancellationToken) =>
        (
            await ReadAsync("SELECT level FROM agent_autonomy WHERE owner = @a", row => row.GetString(0), cancellationToken, owner)
        ).FirstOrDefault();

    /// <summary>Stores the level a user chose.</summary>
    public Task SetAutonomyAsync(string owner, string level, DateTimeOffset now, CancellationToken cancellationToken) =>
        WriteAsync(
            "INSERT INTO agent_autonomy (owner, level, updated_at) VALUES (@a, @b, @c) "
                + "ON CONFLICT (owner) DO UPDATE SET level = excluded.level, updated_at = excluded.updated_at",
            new("settings.changed")
            {
                Actor = owner,
                Subject = owner,
                Reason = $"autonomy {level}",
            },
            cancellationToken,
            owner,
            level,
            now
        );

    /// <summary>Notes when rules were last used.</summary>
    public Task TouchAsync(IReadOnlyCollection<(string Id, DateTimeOffset At)> used, CancellationToken cancellationToken) =>
        database.TransactAsync(
            async (connection, transaction) =>
            {
                foreach (var (id, at) in used)
                {
                    var table = id.StartsWith("rem_", StringComparison.Ordinal) ? "agent_remembered" : "agent_policies";
                    await ExecuteAsync(connection, transaction, $"UPDATE {table} SET last_used_at = @a WHERE id = @b", at, id);
                }
                return true;
            },
            cancellationToken
        );

    /// <summary>What waits for a decision, of everybody, oldest first.</summary>
    public Task<List<QueuedApproval>> PendingAsync(CancellationToken cancellationToken) =>
        ReadAsync(
            "SELECT s.id, s.title, s.owner, a.call_id, a.tool_name, a.arguments, a.reason, a.created_at FROM agent_approvals a "
                + "JOIN agent_sessions s ON s.id = a.session_id WHERE a.status = 'pending' AND s.deleted_at IS NULL "
                + "ORDER BY a.created_at, a.call_id LIMIT 1000",
            row => new QueuedApproval
            {
                SessionId = row.GetString(0),
                SessionTitle = row.IsDBNull(1) ? null : row.GetString(1),
                Owner = row.GetString(2),
                CallId = row.GetString(3),
                ToolName = row.GetString(4),
                Arguments = JsonElement.Parse(row.GetFieldValue<byte[]>(5)),
                Reason = row.GetString(6),
                CreatedAt = Time(row, 7)!.Value,
            },
            cancellationToken
        );

    /// <summary>Sessions with the newest activity, of everybody.</summary>
    public Task<List<string>> RecentSessionsAsync(int limit, CancellationToken cancellationToken) =>
        ReadAsync("SELECT id FROM agent_sessions ORDER BY last_activity DESC LIMIT @a", row => row.GetString(0), cancellationToken, limit);

    private async Task<List<T>> ReadAsync<T>(
        string sql,
        Func<DbDataReader, T> read,
        CancellationToken cancellationToken,
        params object[] values
    )
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = Command(connection, null, sql, values);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var all = new List<T>();
        while (await rows.ReadAsync(cancellationToken))
            all.Add(read(rows));
        return all;
    }

    private Task<bool> WriteAsync(string sql, AuditEvent audit, CancellationToken cancellationToken, params object[] values) =>
        database.TransactAsync(
            async (connection, transaction) =>
            {
                if (await ExecuteAsync(connection, transaction, sql, values) == 0)
                    return false;
                if (_audit is not null)
                    await _audit.AppendAsync(connection, transaction, audit);
                return true;
            },
            cancellationToken
        );

    private async Task<int> ExecuteAsync(DbConnection connection, DbTransaction? transaction, string sql, params object[] values)
    {
        await using var command = Command(connection, transaction, sql, values);
        // On SQLite this ends before it returns, as a transaction of its writer demands.
        return await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private DbCommand Command(DbConnection connection, DbTransaction? transaction, string sql, object[] values)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = transaction;
        for (var i = 0; i < values.Length; i++)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = "@" + (char)('a' + i);
            parameter.Value = values[i] is DateTimeOffset time && _sqlite ? UnixMicroseconds.From(time) : values[i];
            command.Parameters.Add(parameter);
        }
        return command;
    }

    private DateTimeOffset? Time(DbDataReader row, int column) =>
        row.IsDBNull(column) ? null
        : _sqlite ? UnixMicroseconds.ToTime(row.GetInt64(column))
        : row.GetFieldValue<DateTimeOffset>(column);
}
