using Npgsql;
using NpgsqlTypes;

namespace CodeLab.Modules.Agent.Persistence.Postgres;

/// <summary>
/// One append as one statement: it is its own transaction, so a step of a session costs one round trip. The lease's row is share-locked
/// first, which makes a take-over wait or be seen; everything else hangs on the session's row having been written.
/// </summary>
internal static class PostgresAppend
{
    /// <summary>Lifts a server that commits before it is durable to <c>on</c>, for this transaction; leaves stricter settings alone.</summary>
    public const string Durably =
        "CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN set_config('synchronous_commit', 'on', true) END";

    private const string Sql = $"""
        WITH lease AS MATERIALIZED (
            SELECT epoch FROM agent_leases WHERE session_id = $1 AND epoch = $2 AND holder IS NOT NULL FOR SHARE
        ), known AS MATERIALIZED (
            SELECT seq FROM agent_inputs WHERE owner = $4 AND input_id = $17
        ), written AS (
            INSERT INTO agent_sessions ({SessionRows.SessionColumns})
            SELECT $1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16 FROM lease
            WHERE NOT EXISTS (SELECT FROM known) AND ($3 = 1 OR EXISTS (SELECT FROM agent_sessions WHERE id = $1))
            ON CONFLICT (id) DO UPDATE SET title = excluded.title, description = excluded.description, agent = excluded.agent,
                model = excluded.model, status = excluded.status, has_open_turn = excluded.has_open_turn,
                message_count = excluded.message_count, last_seq = excluded.last_seq, updated_at = excluded.updated_at,
                last_activity = excluded.last_activity, deleted_at = excluded.deleted_at
            WHERE agent_sessions.last_seq = $3 - 1
            RETURNING id
        ), events AS (
            INSERT INTO agent_events (session_id, {SessionRows.EventColumns})
            SELECT w.id, e.* FROM written w, unnest($18, $19, $20, $21) AS e
        ), inputs AS (
            INSERT INTO agent_inputs (owner, input_id, session_id, seq) SELECT $4, $17, w.id, $3 FROM written w WHERE $17 IS NOT NULL
        ), calls AS (
            INSERT INTO agent_tool_calls (session_id, call_id, tool_name, state, args_hash, attempt, epoch, dispatched_at, updated_at)
            SELECT w.id, c.* FROM written w, unnest($22, $23, $24, $25, $26, $27, $28, $29) AS c
            ON CONFLICT (session_id, call_id) DO UPDATE SET tool_name = excluded.tool_name, state = excluded.state,
                args_hash = excluded.args_hash, attempt = excluded.attempt, epoch = excluded.epoch,
                dispatched_at = excluded.dispatched_at, updated_at = excluded.updated_at
        ), approvals AS (
            INSERT INTO agent_approvals (session_id, {SessionRows.ApprovalColumns})
            SELECT w.id, a.* FROM written w, unnest($30, $31, $32, $33, $34, $35, $36, $37, $38) AS a
            ON CONFLICT (session_id, call_id) DO UPDATE SET tool_name = excluded.tool_name, arguments = excluded.arguments,
                reason = excluded.reason, status = excluded.status, decided_at = excluded.decided_at, decided_by = excluded.decided_by,
                door = excluded.door
            WHERE agent_approvals.status = 'pending'
        ), snapshot AS (
            INSERT INTO agent_snapshots (session_id, seq, payload) SELECT w.id, $39, $40 FROM written w WHERE $39 IS NOT NULL
            ON CONFLICT (session_id) DO UPDATE SET seq = excluded.seq, payload = excluded.payload WHERE excluded.seq > agent_snapshots.seq
        )
        SELECT EXISTS (SELECT FROM lease), (SELECT seq FROM known), EXISTS (SELECT FROM written), {Durably}
        """;

    /// <summary>Writes, or says why not.</summary>
    public static async Task<AppendResult> RunAsync(NpgsqlConnection connection, AppendRequest request, CancellationToken cancellationToken)
    {
        if (request.Also.Count == 0)
            return await RunAsync(connection, null, request, cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var result = await RunAsync(connection, transaction, request, cancellationToken);
        if (result is not AppendResult.Committed)
            return result;
        foreach (var also in request.Also)
            await also(connection, transaction);
        await transaction.CommitAsync(cancellationToken);
        return result;
    }

    private static async Task<AppendResult> RunAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction? transaction,
        AppendRequest request,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(Sql, connection, transaction);
        Bind(command.Parameters, request);
        // Prepared once for each physical connection; afterwards this is free.
        await command.PrepareAsync(cancellationToken);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        if (!row.GetBoolean(0))
            return new AppendResult.Fenced();
        if (!await row.IsDBNullAsync(1, cancellationToken))
            return new AppendResult.Duplicate(row.GetInt64(1));
        return row.GetBoolean(2) ? new AppendResult.Committed() : new AppendResult.Fenced();
    }

    private static void Bind(NpgsqlParameterCollection values, AppendRequest request)
    {
        var row = request.Session;
        var (events, calls, approvals) = (request.Events, request.Calls, request.Approvals);
        Add(values, NpgsqlDbType.Varchar, request.SessionId);
        Add(values, NpgsqlDbType.Bigint, request.Epoch);
        Add(values, NpgsqlDbType.Bigint, request.FirstSeq);
        Add(values, NpgsqlDbType.Varchar, row.Owner);
        Add(values, NpgsqlDbType.Text, row.Title);
        Add(values, NpgsqlDbType.Text, row.Description);
        Add(values, NpgsqlDbType.Varchar, row.Agent);
        Add(values, NpgsqlDbType.Varchar, row.Model);
        Add(values, NpgsqlDbType.Varchar, row.Status);
        Add(values, NpgsqlDbType.Boolean, row.HasOpenTurn);
        Add(values, NpgsqlDbType.Integer, row.MessageCount);
        Add(values, NpgsqlDbType.Bigint, row.LastSeq);
        Add(values, NpgsqlDbType.TimestampTz, Utc(row.CreatedAt));
        Add(values, NpgsqlDbType.TimestampTz, Utc(row.UpdatedAt));
        Add(values, NpgsqlDbType.TimestampTz, Utc(row.LastActivity));
        Add(values, NpgsqlDbType.TimestampTz, Utc(row.DeletedAt));
        Add(values, NpgsqlDbType.Varchar, request.InputId);
        AddAll(values, NpgsqlDbType.Bigint, events, e => e.Seq);
        AddAll(values, NpgsqlDbType.Varchar, events, e => e.Type);
        AddAll(values, NpgsqlDbType.Bytea, events, e => e.Payload);
        AddAll(values, NpgsqlDbType.TimestampTz, events, e => Utc(e.CreatedAt));
        AddAll(values, NpgsqlDbType.Varchar, calls, c => c.CallId);
        AddAll(values, NpgsqlDbType.Varchar, calls, c => c.ToolName);
        AddAll(values, NpgsqlDbType.Varchar, calls, c => c.State);
        AddAll(values, NpgsqlDbType.Varchar, calls, c => c.ArgsHash);
        AddAll(values, NpgsqlDbType.Integer, calls, c => c.Attempt);
        AddAll(values, NpgsqlDbType.Bigint, calls, c => c.Epoch);
        AddAll(values, NpgsqlDbType.TimestampTz, calls, c => Utc(c.DispatchedAt));
        AddAll(values, NpgsqlDbType.TimestampTz, calls, c => Utc(c.UpdatedAt));
        AddAll(values, NpgsqlDbType.Varchar, approvals, a => a.CallId);
        AddAll(values, NpgsqlDbType.Varchar, approvals, a => a.ToolName);
        AddAll(values, NpgsqlDbType.Bytea, approvals, a => a.Arguments);
        AddAll(values, NpgsqlDbType.Text, approvals, a => a.Reason);
        AddAll(values, NpgsqlDbType.Varchar, approvals, a => a.Status);
        AddAll(values, NpgsqlDbType.TimestampTz, approvals, a => Utc(a.CreatedAt));
        AddAll(values, NpgsqlDbType.TimestampTz, approvals, a => Utc(a.DecidedAt));
        AddAll(values, NpgsqlDbType.Varchar, approvals, a => a.DecidedBy);
        AddAll(values, NpgsqlDbType.Varchar, approvals, a => a.Door);
        Add(values, NpgsqlDbType.Bigint, request.Snapshot?.Seq);
        Add(values, NpgsqlDbType.Bytea, request.Snapshot?.Payload);
    }

    private static void Add(NpgsqlParameterCollection values, NpgsqlDbType type, object? value) =>
        values.Add(new NpgsqlParameter { NpgsqlDbType = type, Value = value ?? DBNull.Value });

    private static void AddAll<TRow, TValue>(
        NpgsqlParameterCollection values,
        NpgsqlDbType type,
        IReadOnlyList<TRow> rows,
        Func<TRow, TValue> value
    ) => values.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | type, Value = rows.Select(value).ToArray() });

    private static DateTimeOffset Utc(DateTimeOffset time) => time.ToUniversalTime();

    private static DateTimeOffset? Utc(DateTimeOffset? time) => time?.ToUniversalTime();
}
