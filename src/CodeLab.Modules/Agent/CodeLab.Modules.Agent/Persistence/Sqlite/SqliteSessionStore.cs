using System.Runtime.CompilerServices;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Data.Sqlite;
using Microsoft.Data.Sqlite;

namespace CodeLab.Modules.Agent.Persistence.Sqlite;

/// <summary>The log in a SQLite file: one writer with group commit, readers beside it.</summary>
internal sealed class SqliteSessionStore(Database database) : ISessionStore
{
    private const int LeaseBytes = 256;
    private const int PageEvents = 500;

    // The database's clock in microseconds; its own resolution is a millisecond.
    private const string Now = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000";

    private readonly SqliteWriter _writer = database.Writer;
    private readonly SqliteReaders _readers = database.Readers;

    /// <inheritdoc/>
    public Task<AppendResult> AppendAsync(AppendRequest request, CancellationToken cancellationToken)
    {
        AppendRules.Check(request);
        return _writer.WriteAsync(session => SqliteAppend.Run(session, request), AppendRules.Weigh(request), cancellationToken);
    }

    /// <inheritdoc/>
    public Task<LoadedSession?> LoadAsync(string sessionId, CancellationToken cancellationToken) =>
        ReadAsync(session => Load(session, sessionId), cancellationToken);

    /// <inheritdoc/>
    public Task<SessionRow?> FindAsync(string sessionId, CancellationToken cancellationToken) =>
        ReadAsync(session => FindRow(session, sessionId), cancellationToken);

    /// <inheritdoc/>
    public Task<long?> FindInputAsync(string owner, string inputId, CancellationToken cancellationToken) =>
        ReadAsync(
            session =>
            {
                using var row = session.Statement("SELECT seq FROM agent_inputs WHERE owner = $1 AND input_id = $2").Read(owner, inputId);
                return row.Read() ? row.GetInt64(0) : (long?)null;
            },
            cancellationToken
        );

    /// <inheritdoc/>
    public async IAsyncEnumerable<LoggedEvent> ReadAsync(
        string sessionId,
        long afterSeq,
        long? toSeq,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        while (true)
        {
            var after = afterSeq;
            var page = await ReadAsync(session => Events(session, sessionId, after, toSeq, PageEvents), cancellationToken);
            foreach (var logged in page)
                yield return logged;
            if (page.Count < PageEvents)
                yield break;
            afterSeq = page[^1].Seq;
        }
    }

    /// <inheritdoc/>
    public Task<(IReadOnlyList<SessionRow> Rows, int Total)> ListAsync(
        string owner,
        int limit,
        int offset,
        bool activeOnly,
        CancellationToken cancellationToken
    ) => ReadAsync(session => List(session, owner, limit, offset, activeOnly), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<ApprovalRow>> PendingApprovalsAsync(string sessionId, CancellationToken cancellationToken) =>
        ReadAsync<IReadOnlyList<ApprovalRow>>(
            session =>
                All(
                    session
                        .Statement(
                            $"SELECT {SessionRows.ApprovalColumns} FROM agent_approvals "
                                + "WHERE session_id = $1 AND status = 'pending' ORDER BY created_at, call_id"
                        )
                        .Read(sessionId),
                    SessionRows.ReadApproval
                ),
            cancellationToken
        );

    /// <inheritdoc/>
    public Task<ApprovalRow?> FindApprovalAsync(string sessionId, string callId, CancellationToken cancellationToken) =>
        ReadAsync(
            session =>
            {
                using var row = session
                    .Statement($"SELECT {SessionRows.ApprovalColumns} FROM agent_approvals WHERE session_id = $1 AND call_id = $2")
                    .Read(sessionId, callId);
                return row.Read() ? SessionRows.ReadApproval(row) : null;
            },
            cancellationToken
        );

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> OpenSessionsAsync(string holder, CancellationToken cancellationToken) =>
        ReadAsync<IReadOnlyList<string>>(
            session =>
                All(
                    session
                        .Statement(
                            "SELECT id FROM agent_sessions WHERE has_open_turn AND NOT EXISTS (SELECT 1 FROM agent_leases WHERE session_id = id "
                                + $"AND holder IS NOT NULL AND holder <> $1 AND expires_at > {Now}) ORDER BY id"
                        )
                        .Read(holder),
                    row => row.GetString(0)
                ),
            cancellationToken
        );

    /// <inheritdoc/>
    public Task<LeaseGrant?> AcquireLeaseAsync(string sessionId, string holder, TimeSpan duration, CancellationToken cancellationToken) =>
        _writer.WriteAsync(
            session =>
            {
                using var row = session
                    .Statement(
                        $"INSERT INTO agent_leases (session_id, epoch, holder, expires_at) VALUES ($1, 1, $2, {Now} + $3) "
                            + "ON CONFLICT (session_id) DO UPDATE SET epoch = epoch + 1, holder = excluded.holder, expires_at = excluded.expires_at "
                            + $"WHERE holder IS NULL OR holder = excluded.holder OR expires_at <= {Now} RETURNING epoch"
                    )
                    .Read(sessionId, holder, Microseconds(duration));
                return row.Read() ? new LeaseGrant(row.GetInt64(0)) : null;
            },
            LeaseBytes,
            cancellationToken
        );

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> RenewLeasesAsync(
        string holder,
        IReadOnlyCollection<string> sessionIds,
        TimeSpan duration,
        CancellationToken cancellationToken
    ) =>
        _writer.WriteAsync<IReadOnlyList<string>>(
            session =>
            {
                var renew = session.Statement($"UPDATE agent_leases SET expires_at = {Now} + $3 WHERE session_id = $1 AND holder = $2");
                return [.. sessionIds.Where(id => renew.Execute(id, holder, Microseconds(duration)) == 0)];
            },
            LeaseBytes * sessionIds.Count,
            cancellationToken
        );

    /// <inheritdoc/>
    public Task ReleaseLeasesAsync(string holder, IReadOnlyCollection<string> sessionIds, CancellationToken cancellationToken) =>
        _writer.WriteAsync(
            session =>
            {
                var release = session.Statement("UPDATE agent_leases SET holder = NULL WHERE session_id = $1 AND holder = $2");
                return sessionIds.Sum(id => release.Execute(id, holder));
            },
            LeaseBytes * sessionIds.Count,
            cancellationToken
        );

    /// <summary>
    /// Gives back every lease. Right only at start, when the file is known to have no other process: else a restart after a crash would
    /// wait for leases of a process that is gone.
    /// </summary>
    public Task ReleaseAllLeasesAsync(CancellationToken cancellationToken) =>
        _writer.WriteAsync(
            session => session.Statement("UPDATE agent_leases SET holder = NULL WHERE holder IS NOT NULL").Execute(),
            LeaseBytes,
            cancellationToken
        );

    private static long Microseconds(TimeSpan duration) => duration.Ticks / TimeSpan.TicksPerMicrosecond;

    private static LoadedSession? Load(SqliteSession session, string sessionId)
    {
        // One moment for the three reads. A failure closes the connection, and the transaction with it.
        session.Statement("BEGIN").Execute();
        LoadedSession? loaded = null;
        if (FindRow(session, sessionId) is { } row)
        {
            SessionSnapshot? snapshot;
            using (var found = session.Statement("SELECT seq, payload FROM agent_snapshots WHERE session_id = $1").Read(sessionId))
                snapshot = found.Read() ? SessionRows.ReadSnapshot(found) : null;
            loaded = new(row, snapshot, Events(session, sessionId, snapshot?.Seq ?? 0, null, int.MaxValue));
        }
        session.Statement("COMMIT").Execute();
        return loaded;
    }

    private static SessionRow? FindRow(SqliteSession session, string sessionId)
    {
        using var row = session.Statement($"SELECT {SessionRows.SessionReadColumns} FROM agent_sessions WHERE id = $1").Read(sessionId);
        return row.Read() ? SessionRows.ReadSession(row) : null;
    }

    private static List<LoggedEvent> Events(SqliteSession session, string sessionId, long afterSeq, long? toSeq, int limit) =>
        All(
            session
                .Statement(
                    $"SELECT {SessionRows.EventColumns} FROM agent_events "
                        + "WHERE session_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4"
                )
                .Read(sessionId, afterSeq, toSeq ?? long.MaxValue, limit),
            SessionRows.ReadEvent
        );

    private static (IReadOnlyList<SessionRow> Rows, int Total) List(
        SqliteSession session,
        string owner,
        int limit,
        int offset,
        bool activeOnly
    )
    {
        const string Whose =
            "FROM agent_sessions WHERE owner = $1 AND (deleted_at IS NULL OR NOT $2) "
            // Tasks are shown in the sessions they are done for.
            + "AND (parent_kind IS NULL OR parent_kind <> 'task')";
        session.Statement("BEGIN").Execute();
        int total;
        using (var count = session.Statement($"SELECT count(*) {Whose}").Read(owner, activeOnly))
            total = count.Read() ? count.GetInt32(0) : 0;
        var rows = All(
            session
                .Statement($"SELECT {SessionRows.SessionReadColumns} {Whose} ORDER BY last_activity DESC, id LIMIT $3 OFFSET $4")
                .Read(owner, activeOnly, limit, offset),
            SessionRows.ReadSession
        );
        session.Statement("COMMIT").Execute();
        return (rows, total);
    }

    private static List<T> All<T>(SqliteDataReader reader, Func<SqliteDataReader, T> read)
    {
        using (reader)
        {
            var rows = new List<T>();
            while (reader.Read())
                rows.Add(read(reader));
            return rows;
        }
    }

    // SQLite has no asynchronous reading: what is called is done when the call returns.
    private Task<T> ReadAsync<T>(Func<SqliteSession, T> read, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? Task.FromCanceled<T>(cancellationToken) : Run(read);

    private async Task<T> Run<T>(Func<SqliteSession, T> read) => await Task.FromResult(_readers.Read(read));
}
