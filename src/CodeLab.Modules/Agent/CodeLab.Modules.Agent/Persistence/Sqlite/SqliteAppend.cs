using CodeLab.BuildingBlocks.Data.Sqlite;

namespace CodeLab.Modules.Agent.Persistence.Sqlite;

/// <summary>Writes one append inside the writer's transaction. Looks first: what is refused has written nothing.</summary>
internal static class SqliteAppend
{
    private const string Guard =
        "SELECT (SELECT epoch FROM agent_leases WHERE session_id = $1 AND holder IS NOT NULL), "
        + "(SELECT last_seq FROM agent_sessions WHERE id = $1), "
        + "(SELECT seq FROM agent_inputs WHERE owner = $2 AND input_id = $3)";

    private const string UpsertSession =
        $"INSERT INTO agent_sessions ({SessionRows.SessionColumns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) "
        + "ON CONFLICT (id) DO UPDATE SET title = excluded.title, description = excluded.description, agent = excluded.agent, "
        + "model = excluded.model, status = excluded.status, has_open_turn = excluded.has_open_turn, message_count = excluded.message_count, "
        + "last_seq = excluded.last_seq, updated_at = excluded.updated_at, last_activity = excluded.last_activity, deleted_at = excluded.deleted_at";

    private const string UpsertCall =
        "INSERT INTO agent_tool_calls (session_id, call_id, tool_name, state, args_hash, attempt, epoch, dispatched_at, updated_at) "
        + "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (session_id, call_id) DO UPDATE SET tool_name = excluded.tool_name, "
        + "state = excluded.state, args_hash = excluded.args_hash, attempt = excluded.attempt, epoch = excluded.epoch, "
        + "dispatched_at = excluded.dispatched_at, updated_at = excluded.updated_at";

    private const string UpsertApproval =
        $"INSERT INTO agent_approvals (session_id, {SessionRows.ApprovalColumns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
        + "ON CONFLICT (session_id, call_id) DO UPDATE SET tool_name = excluded.tool_name, arguments = excluded.arguments, "
        + "reason = excluded.reason, status = excluded.status, decided_at = excluded.decided_at, decided_by = excluded.decided_by, "
        + "door = excluded.door WHERE agent_approvals.status = 'pending'";

    private const string UpsertSnapshot =
        "INSERT INTO agent_snapshots (session_id, seq, payload) VALUES ($1, $2, $3) "
        + "ON CONFLICT (session_id) DO UPDATE SET seq = excluded.seq, payload = excluded.payload WHERE excluded.seq > agent_snapshots.seq";

    /// <summary>Writes, or says why not.</summary>
    public static AppendResult Run(SqliteSession session, AppendRequest request)
    {
        var id = request.SessionId;
        var row = request.Session;
        using (var guard = session.Statement(Guard).Read(id, row.Owner, request.InputId))
        {
            guard.Read();
            // In this order: a writer that lost its lease must learn it, whatever it wanted to write.
            if (guard.IsDBNull(0) || guard.GetInt64(0) != request.Epoch)
                return new AppendResult.Fenced();
            if (!guard.IsDBNull(2))
                return new AppendResult.Duplicate(guard.GetInt64(2));
            if ((guard.IsDBNull(1) ? 0 : guard.GetInt64(1)) + 1 != request.FirstSeq)
                return new AppendResult.Fenced();
        }

        var insert = session.Statement($"INSERT INTO agent_events (session_id, {SessionRows.EventColumns}) VALUES ($1, $2, $3, $4, $5)");
        foreach (var logged in request.Events)
            insert.Execute(id, logged.Seq, logged.Type, logged.Payload, logged.CreatedAt);
        session
            .Statement(UpsertSession)
            .Execute(
                id,
                row.Owner,
                row.Title,
                row.Description,
                row.Agent,
                row.Model,
                row.Status,
                row.HasOpenTurn,
                row.MessageCount,
                row.LastSeq,
                row.CreatedAt,
                row.UpdatedAt,
                row.LastActivity,
                row.DeletedAt
            );
        if (request.InputId is not null)
            session
                .Statement("INSERT INTO agent_inputs (owner, input_id, session_id, seq) VALUES ($1, $2, $3, $4)")
                .Execute(row.Owner, request.InputId, id, request.FirstSeq);
        foreach (var call in request.Calls)
            session
                .Statement(UpsertCall)
                .Execute(
                    id,
                    call.CallId,
                    call.ToolName,
                    call.State,
                    call.ArgsHash,
                    call.Attempt,
                    call.Epoch,
                    call.DispatchedAt,
                    call.UpdatedAt
                );
        foreach (var approval in request.Approvals)
            session
                .Statement(UpsertApproval)
                .Execute(
                    id,
                    approval.CallId,
                    approval.ToolName,
                    approval.Arguments,
                    approval.Reason,
                    approval.Status,
                    approval.CreatedAt,
                    approval.DecidedAt,
                    approval.DecidedBy,
                    approval.Door
                );
        if (request.Snapshot is { } snapshot)
            session.Statement(UpsertSnapshot).Execute(id, snapshot.Seq, snapshot.Payload);
        foreach (var also in request.Also)
        {
            var written = also(session.Connection, null);
            if (!written.IsCompleted)
                throw new InvalidOperationException("Work in a transaction may await nothing but its own connection");
            written.GetAwaiter().GetResult();
        }
        return new AppendResult.Committed();
    }
}
