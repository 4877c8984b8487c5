using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;

namespace CodeLab.Modules.Auth.Audit;

/// <summary>Which rows of the audit are asked for.</summary>
internal sealed record AuditFilter
{
    /// <summary>Types, ours or the published names; null for all.</summary>
    public IReadOnlyList<string>? Types { get; init; }

    /// <summary>User id, sign-in name or client id of who did it.</summary>
    public string? Actor { get; init; }

    /// <summary>Id or sign-in name of what it was done to.</summary>
    public string? Subject { get; init; }

    public string? Outcome { get; init; }

    public string? Session { get; init; }

    public DateTimeOffset? From { get; init; }

    public DateTimeOffset? To { get; init; }
}

/// <summary>A row with its place in the chain.</summary>
/// <param name="Row">The row.</param>
/// <param name="Number">Number of its seal; null while it is not sealed.</param>
/// <param name="Hash">Hash of its seal.</param>
internal sealed record AuditEntry(AuditRecord Row, long? Number, byte[]? Hash);

/// <summary>Reads the audit and puts names to ids: today's name, or a pseudonym where the user is gone.</summary>
internal sealed class AuditReader(Database database)
{
    /// <summary>Rows that fit, newest first, before a place in the table.</summary>
    public Task<List<AuditEntry>> NewestAsync(AuditFilter filter, long? before, int limit, CancellationToken cancellationToken) =>
        ReadAsync(filter, before is { } place ? ("a.seq < @place", place) : null, "DESC", limit, cancellationToken);

    /// <summary>Rows that fit, oldest first, after a place in the table.</summary>
    public Task<List<AuditEntry>> OldestAsync(AuditFilter filter, long after, int limit, CancellationToken cancellationToken) =>
        ReadAsync(filter, ("a.seq > @place", after), "ASC", limit, cancellationToken);

    /// <summary>Names of the users among some ids.</summary>
    public async Task<Dictionary<string, string>> NamesAsync(IEnumerable<string?> ids, CancellationToken cancellationToken)
    {
        var asked = ids.OfType<string>().Where(IsUserId).Distinct(StringComparer.Ordinal).ToArray();
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        if (asked.Length == 0)
            return names;
        var parameters = asked.Select((id, i) => ($"@u{i}", (object?)id)).ToArray();
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            $"SELECT id, user_name FROM auth_users WHERE id IN ({string.Join(", ", parameters.Select(p => p.Item1))})",
            null,
            parameters
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            names[reader.GetString(0)] = reader.GetString(1);
        return names;
    }

    /// <summary>Name of who acted: a user's, the pseudonym of one who is gone, or a client id as it is.</summary>
    public static string? ActorName(string? id, Dictionary<string, string> names) =>
        id is null ? null
        : names.TryGetValue(id, out var name) ? name
        : IsUserId(id) ? Pseudonym(id)
        : id;

    /// <summary>Name of what it was done to, where that is or was a user.</summary>
    public static string? SubjectName(AuditRecord row, Dictionary<string, string> names) =>
        row.Subject is null ? null
        : names.TryGetValue(row.Subject, out var name) ? name
        : IsUserId(row.Subject) && AuditNames.IsAboutUser(row.Type) ? Pseudonym(row.Subject)
        : null;

    /// <summary>What a deleted user is called: always the same, and no way back to the name.</summary>
    public static string Pseudonym(string userId) =>
        "deleted-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(userId)))[..8];

    private static bool IsUserId(string id) => Guid.TryParseExact(id, "D", out _);

    private async Task<List<AuditEntry>> ReadAsync(
        AuditFilter filter,
        (string Condition, long Place)? place,
        string order,
        int limit,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var parameters = new List<(string, object?)> { ("@limit", limit) };
        var where = new StringBuilder("1 = 1");
        void And(string condition, params ReadOnlySpan<(string, object?)> values)
        {
            where.Append(" AND ").Append(condition);
            parameters.AddRange(values);
        }
        if (place is { } at)
            And(at.Condition, ("@place", at.Place));
        if (filter.Types is { Count: > 0 } types)
        {
            var named = types.SelectMany(AuditNames.Meant).Distinct(StringComparer.Ordinal).ToArray();
            And($"a.type IN ({string.Join(", ", named.Select((_, i) => $"@type{i}"))})");
            parameters.AddRange(named.Select((t, i) => ($"@type{i}", (object?)t)));
        }
        if (filter.Actor is { } actor)
            And("a.actor = @actor", ("@actor", await IdOfAsync(connection, actor, cancellationToken)));
        if (filter.Subject is { } subject)
            And("a.subject = @subject", ("@subject", await IdOfAsync(connection, subject, cancellationToken)));
        if (filter.Outcome is { } outcome)
            And("a.outcome = @outcome", ("@outcome", outcome));
        if (filter.Session is { } session)
            And("a.session = @session", ("@session", session));
        if (filter.From is { } from)
            And("a.time >= @from", ("@from", from.ToUnixTimeMilliseconds()));
        if (filter.To is { } to)
            And("a.time < @to", ("@to", to.ToUnixTimeMilliseconds()));
        await using var command = connection.Command(
            $"SELECT {AuditRecord.Columns}, s.number, s.hash FROM auth_audit a LEFT JOIN auth_audit_seals s ON s.audit_id = a.id "
                + $"WHERE {where} ORDER BY a.seq {order} LIMIT @limit",
            null,
            [.. parameters]
        );
        var entries = new List<AuditEntry>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var isSealed = !reader.IsDBNull(14);
            entries.Add(new(AuditRecord.Read(reader, 0), reader.NullableInt64(14), isSealed ? reader.GetFieldValue<byte[]>(15) : null));
        }
        return entries;
    }

    private static async Task<string> IdOfAsync(DbConnection connection, string idOrName, CancellationToken cancellationToken) =>
        await connection.ScalarAsync(
            "SELECT id FROM auth_users WHERE normalized_user_name = @name",
            null,
            [("@name", PasswordSignIn.Normalize(idOrName))],
            cancellationToken
        ) as string
        ?? idOrName;
}

/// <summary>Names of events: ours, and the published ones of protocol.md §2.8 as aliases (design.md §13).</summary>
internal static class AuditNames
{
    private static readonly Dictionary<string, string> _published = new(StringComparer.Ordinal)
    {
        ["refresh.rotated"] = "token_refresh",
        ["token.revoked"] = "token_revoke",
        ["refresh.reuse_detected"] = "security_incident_refresh_reuse",
        ["user.created"] = "registration",
        ["password.reset"] = "password_reset_completed",
    };

    /// <summary>The published name of a type; the type itself where there is none.</summary>
    public static string Published(string type) => _published.GetValueOrDefault(type, type);

    /// <summary>Types that a name stands for.</summary>
    public static IEnumerable<string> Meant(string name)
    {
        var meant = _published.Where(p => p.Value == name).Select(p => p.Key).ToArray();
        return meant.Length > 0 ? meant : [name];
    }

    /// <summary>True when the subject of such an event is a user.</summary>
    public static bool IsAboutUser(string type) =>
        type is "login_success" or "login_failed" or "account_locked" or "account_unlocked" or "logout" or "setup.claimed"
        || type.StartsWith("user.", StringComparison.Ordinal)
        || type.StartsWith("role.", StringComparison.Ordinal)
        || type.StartsWith("password.", StringComparison.Ordinal)
        || type.StartsWith("token.", StringComparison.Ordinal)
        || type.StartsWith("refresh.", StringComparison.Ordinal)
        || type.StartsWith("team.", StringComparison.Ordinal);
}
