using System.Data.Common;
using System.Text.Json;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Agent.Persistence;

namespace CodeLab.Modules.Agent.Events;

/// <summary>
/// Figures and audit entries of all sessions. They are counted when somebody asks, from where the last asker ended: a session that writes
/// pays nothing for them, and what is committed is in the next answer.
/// </summary>
internal sealed class EventReadings(Database database, ISessionStore store) : IDisposable
{
    // So much of one log is read before what was found is stored.
    private const int MostEvents = 5_000;
    private const int SessionsAtOnce = 100;
    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>Reads on in every log that has grown.</summary>
    public async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        // Askers at the same moment would do the same work twice; across hosts the place that is stated with every write decides.
        await _one.WaitAsync(cancellationToken);
        try
        {
            while (await BehindAsync(cancellationToken) is { Count: > 0 } behind)
            {
                foreach (var session in behind)
                    await ReadOnAsync(session, cancellationToken);
            }
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>All figures.</summary>
    public async Task<IReadOnlyList<(string Counter, string Subject, long Value)>> CountersAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command("SELECT counter, subject, value FROM agent_counters ORDER BY counter, subject", null);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var counters = new List<(string, string, long)>();
        while (await reader.ReadAsync(cancellationToken))
            counters.Add((reader.GetString(0), reader.GetString(1), reader.GetInt64(2)));
        return counters;
    }

    /// <summary>Audit entries, newest first.</summary>
    public async Task<IReadOnlyList<(string SessionId, AuditEntry Entry)>> AuditAsync(
        string? sessionId,
        string? type,
        int limit,
        CancellationToken cancellationToken
    )
    {
        List<(string, object)> parameters = [("@limit", limit)];
        List<string> filters = [];
        if (sessionId is not null)
        {
            filters.Add("session_id = @session");
            parameters.Add(("@session", sessionId));
        }
        if (type is not null)
        {
            filters.Add("type = @type");
            parameters.Add(("@type", type));
        }
        var where = filters.Count > 0 ? "WHERE " + string.Join(" AND ", filters) : "";
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            $"SELECT session_id, seq, occurred_at, type, turn_id, data FROM agent_audit {where} ORDER BY occurred_at DESC, session_id, seq DESC LIMIT @limit",
            null,
            [.. parameters]
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var entries = new List<(string, AuditEntry)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var entry = new AuditEntry(
                reader.GetInt64(1),
                DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(2)),
                reader.GetString(3),
                reader.GetString(4) is { Length: > 0 } turn ? turn : null,
                reader.GetFieldValue<byte[]>(5)
            );
            entries.Add((reader.GetString(0), entry));
        }
        return entries;
    }

    /// <summary>Ids of sessions by newest activity.</summary>
    public async Task<IReadOnlyList<string>> SessionsAsync(int limit, int offset, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT id FROM agent_sessions WHERE message_count > 0 ORDER BY last_activity DESC, id LIMIT @limit OFFSET @offset",
            null,
            ("@limit", limit),
            ("@offset", offset)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var ids = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
            ids.Add(reader.GetString(0));
        return ids;
    }

    /// <summary>The session that last did something.</summary>
    public async Task<string?> NewestSessionAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command("SELECT id FROM agent_sessions ORDER BY updated_at DESC LIMIT 1", null);
        return await command.ExecuteScalarAsync(cancellationToken) as string;
    }

    /// <summary>Counts a session from behind an event on; what stands before was counted elsewhere.</summary>
    public static async Task SkipAsync(DbConnection connection, DbTransaction? transaction, string sessionId, long throughSeq)
    {
        await using var command = connection.Command(
            "INSERT INTO agent_readings (session_id, through_seq, state) VALUES (@session, @through, @state) ON CONFLICT DO NOTHING",
            transaction,
            ("@session", sessionId),
            ("@through", throughSeq),
            ("@state", JsonSerializer.SerializeToUtf8Bytes(new SessionReading(), ReadingJson.Default.SessionReading))
        );
        await command.ExecuteNonQueryAsync();
    }

    public void Dispose() => _one.Dispose();

    private async Task<IReadOnlyList<Behind>> BehindAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT s.id, COALESCE(r.through_seq, 0), r.state FROM agent_sessions s LEFT JOIN agent_readings r ON r.session_id = s.id "
                + "WHERE s.last_seq > COALESCE(r.through_seq, 0) ORDER BY s.id LIMIT @limit",
            null,
            ("@limit", SessionsAtOnce)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var behind = new List<Behind>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var state = await reader.IsDBNullAsync(2, cancellationToken) ? null : reader.GetFieldValue<byte[]>(2);
            behind.Add(new(reader.GetString(0), reader.GetInt64(1), state));
        }
        return behind;
    }

    private async Task ReadOnAsync(Behind session, CancellationToken cancellationToken)
    {
        var counts = new Dictionary<(string Counter, string Subject), long>();
        var audit = new List<AuditEntry>();
        var reading = session.State is null ? new() : JsonSerializer.Deserialize(session.State, ReadingJson.Default.SessionReading)!;
        reading.OnCount = (counter, subject, by) => counts[(counter, subject)] = counts.GetValueOrDefault((counter, subject)) + by;
        reading.OnAudit = audit.Add;
        var through = session.Through;
        await foreach (var row in store.ReadAsync(session.Id, through, through + MostEvents, cancellationToken))
        {
            reading.Read(row);
            through = row.Seq;
        }
        if (through == session.Through)
            return;
        var state = JsonSerializer.SerializeToUtf8Bytes(reading, ReadingJson.Default.SessionReading);
        await database.TransactAsync(
            async (connection, transaction) =>
            {
                if (await MoveAsync(connection, transaction, session, through, state))
                {
                    await AddAsync(connection, transaction, counts);
                    await AddAsync(connection, transaction, session.Id, audit);
                }
                return 0;
            },
            cancellationToken
        );
    }

    /// <summary>Claims the part of the log that was read: false when another host counted it already.</summary>
    private static async Task<bool> MoveAsync(
        DbConnection connection,
        DbTransaction? transaction,
        Behind session,
        long through,
        byte[] state
    )
    {
        var sql =
            session.Through == 0
                ? "INSERT INTO agent_readings (session_id, through_seq, state) VALUES (@session, @through, @state) ON CONFLICT DO NOTHING"
                : "UPDATE agent_readings SET through_seq = @through, state = @state WHERE session_id = @session AND through_seq = @from";
        await using var command = connection.Command(
            sql,
            transaction,
            ("@session", session.Id),
            ("@through", through),
            ("@state", state),
            ("@from", session.Through)
        );
        return await command.ExecuteNonQueryAsync() == 1;
    }

    private static async Task AddAsync(
        DbConnection connection,
        DbTransaction? transaction,
        Dictionary<(string Counter, string Subject), long> counts
    )
    {
        // In one order everywhere, so that two hosts never wait for each other in a circle.
        foreach (var ((counter, subject), by) in counts.OrderBy(c => c.Key.Counter + c.Key.Subject, StringComparer.Ordinal))
        {
            await using var command = connection.Command(
                "INSERT INTO agent_counters (counter, subject, value) VALUES (@counter, @subject, @by) "
                    + "ON CONFLICT (counter, subject) DO UPDATE SET value = agent_counters.value + excluded.value",
                transaction,
                ("@counter", counter),
                ("@subject", subject),
                ("@by", by)
            );
            await command.ExecuteNonQueryAsync();
        }
    }

    private static async Task AddAsync(DbConnection connection, DbTransaction? transaction, string sessionId, List<AuditEntry> audit)
    {
        foreach (var entry in audit)
        {
            await using var command = connection.Command(
                "INSERT INTO agent_audit (session_id, seq, occurred_at, type, turn_id, data) VALUES (@session, @seq, @at, @type, @turn, @data)",
                transaction,
                ("@session", sessionId),
                ("@seq", entry.Seq),
                ("@at", entry.At.ToUnixTimeMilliseconds()),
                ("@type", entry.Type),
                ("@turn", entry.TurnId ?? ""),
                ("@data", entry.Data)
            );
            await command.ExecuteNonQueryAsync();
        }
    }

    /// <summary>A session whose log has grown.</summary>
    private sealed record Behind(string Id, long Through, byte[]? State);
}
