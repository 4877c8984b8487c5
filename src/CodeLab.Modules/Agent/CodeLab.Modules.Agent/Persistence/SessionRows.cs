using System.Data.Common;
using CodeLab.BuildingBlocks.Data.Sqlite;
using Microsoft.Data.Sqlite;

namespace CodeLab.Modules.Agent.Persistence;

/// <summary>Column lists and row readers that both databases share.</summary>
internal static class SessionRows
{
    public const string SessionColumns =
        "id, owner, title, description, agent, model, status, has_open_turn, message_count, last_seq, "
        + "created_at, updated_at, last_activity, deleted_at";

    /// <summary>What is read: also what appends leave alone.</summary>
    public const string SessionReadColumns = SessionColumns + ", parent_id, parent_seq, parent_kind";

    public const string EventColumns = "seq, type, payload, created_at";

    public const string ApprovalColumns = "call_id, tool_name, arguments, reason, status, created_at, decided_at, decided_by, door";

    public static SessionRow ReadSession(DbDataReader row) =>
        new()
        {
            Id = row.GetString(0),
            Owner = row.GetString(1),
            Title = Text(row, 2),
            Description = Text(row, 3),
            Agent = row.GetString(4),
            Model = Text(row, 5),
            Status = row.GetString(6),
            HasOpenTurn = row.GetBoolean(7),
            MessageCount = row.GetInt32(8),
            LastSeq = row.GetInt64(9),
            CreatedAt = Time(row, 10),
            UpdatedAt = Time(row, 11),
            LastActivity = Time(row, 12),
            DeletedAt = TimeOrNull(row, 13),
            ParentId = Text(row, 14),
            ParentSeq = row.IsDBNull(15) ? null : row.GetInt64(15),
            ParentKind = Text(row, 16),
        };

    public static LoggedEvent ReadEvent(DbDataReader row) =>
        new(row.GetInt64(0), row.GetString(1), row.GetFieldValue<byte[]>(2), Time(row, 3));

    public static ApprovalRow ReadApproval(DbDataReader row) =>
        new(
            row.GetString(0),
            row.GetString(1),
            row.GetFieldValue<byte[]>(2),
            row.GetString(3),
            row.GetString(4),
            Time(row, 5),
            TimeOrNull(row, 6),
            Text(row, 7),
            Text(row, 8)
        );

    public static SessionSnapshot ReadSnapshot(DbDataReader row) => new(row.GetInt64(0), row.GetFieldValue<byte[]>(1));

    private static string? Text(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTimeOffset Time(DbDataReader row, int column) =>
        row is SqliteDataReader ? UnixMicroseconds.ToTime(row.GetInt64(column)) : row.GetFieldValue<DateTimeOffset>(column);

    private static DateTimeOffset? TimeOrNull(DbDataReader row, int column) => row.IsDBNull(column) ? null : Time(row, column);
}

/// <summary>What an append must be in itself; a fault here is a fault of the writer's code, not of the world.</summary>
internal static class AppendRules
{
    /// <summary>Refuses a request that contradicts itself.</summary>
    /// <exception cref="ArgumentException">It does.</exception>
    public static void Check(AppendRequest request)
    {
        if (request.Session.Id != request.SessionId)
            throw new ArgumentException("The session row is of another session", nameof(request));
        if (request.FirstSeq < 1 || (request.FirstSeq == 1 && request.Events.Count == 0))
            throw new ArgumentException("A session begins with event 1", nameof(request));
        for (var i = 0; i < request.Events.Count; i++)
        {
            if (request.Events[i].Seq != request.FirstSeq + i)
                throw new ArgumentException($"Event {request.Events[i].Seq} stands where {request.FirstSeq + i} must", nameof(request));
        }
        if (request.Session.LastSeq != request.FirstSeq + request.Events.Count - 1)
            throw new ArgumentException("The session row does not end with the last event", nameof(request));
        if (request.InputId is not null && request.Events.Count == 0)
            throw new ArgumentException("An input becomes an event", nameof(request));
        if (request.Snapshot is { } snapshot && (snapshot.Seq < 1 || snapshot.Seq > request.Session.LastSeq))
            throw new ArgumentException("The snapshot covers events that are not there", nameof(request));
    }

    /// <summary>Bytes the request adds to a group, about.</summary>
    public static int Weigh(AppendRequest request)
    {
        var bytes = 512 + (request.Snapshot?.Payload.Length ?? 0);
        foreach (var logged in request.Events)
            bytes += 128 + logged.Payload.Length;
        foreach (var approval in request.Approvals)
            bytes += 256 + approval.Arguments.Length;
        return bytes + (request.Calls.Count * 256);
    }
}
