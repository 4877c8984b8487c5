using System.Data;
using System.Runtime.CompilerServices;
using CodeLab.BuildingBlocks.Data;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace CodeLab.Modules.Agent.Persistence.Postgres;

/// <summary>The log in PostgreSQL, shared by all hosts: a transaction an append, leases decide who may write.</summary>
internal sealed partial class PostgresSessionStore(Database database, TimeProvider time, ILogger<PostgresSessionStore> logger)
    : ISessionStore
{
    private const int Attempts = 4;
    private const int PageEvents = 500;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public async Task<AppendResult> AppendAsync(AppendRequest request, CancellationToken cancellationToken)
    {
        AppendRules.Check(request);
        var tried = false;
        return await RetryAsync(
            async connection =>
            {
                // The attempt before may have been committed and only its answer lost; under our epoch nobody else can have written this.
                if (tried && await IsInLogAsync(connection, request, cancellationToken))
                    return new AppendResult.Committed();
                tried = true;
                try
                {
                    return await PostgresAppend.RunAsync(connection, request, cancellationToken);
                }
                catch (PostgresException taken) when (taken.SqlState == PostgresErrorCodes.UniqueViolation)
                {
                    // Two sessions took the same input at the same moment: the other one committed. A second look finds it.
                    return await PostgresAppend.RunAsync(connection, request, cancellationToken);
                }
            },
            cancellationToken
        );
    }

    /// <inheritdoc/>
    public Task<LoadedSession?> LoadAsync(string sessionId, CancellationToken cancellationToken) =>
        RetryAsync<LoadedSession?>(
            async connection =>
            {
                // One moment for the three reads.
                await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
                await using var batch = new NpgsqlBatch(connection, transaction);
                batch.BatchCommands.Add(Part($"SELECT {SessionRows.SessionReadColumns} FROM agent_sessions WHERE id = $1", sessionId));
                batch.BatchCommands.Add(Part("SELECT seq, payload FROM agent_snapshots WHERE session_id = $1", sessionId));
                batch.BatchCommands.Add(
                    Part(
                        $"SELECT {SessionRows.EventColumns} FROM agent_events WHERE session_id = $1 "
                            + "AND seq > COALESCE((SELECT seq FROM agent_snapshots WHERE session_id = $1), 0) ORDER BY seq",
                        sessionId
                    )
                );
                LoadedSession? loaded = null;
                await using (var rows = await batch.ExecuteReaderAsync(cancellationToken))
                {
                    if (await rows.ReadAsync(cancellationToken))
                    {
                        var row = SessionRows.ReadSession(rows);
                        await rows.NextResultAsync(cancellationToken);
                        var snapshot = await rows.ReadAsync(cancellationToken) ? SessionRows.ReadSnapshot(rows) : null;
                        await rows.NextResultAsync(cancellationToken);
                        var tail = new List<LoggedEvent>();
                        while (await rows.ReadAsync(cancellationToken))
                            tail.Add(SessionRows.ReadEvent(rows));
                        loaded = new(row, snapshot, tail);
                    }
                }
                await transaction.CommitAsync(cancellationToken);
                return loaded;
            },
            cancellationToken
        );

    /// <inheritdoc/>
    public Task<SessionRow?> FindAsync(string sessionId, CancellationToken cancellationToken) =>
        FirstAsync(
            $"SELECT {SessionRows.SessionReadColumns} FROM agent_sessions WHERE id = $1",
            SessionRows.ReadSession,
            cancellationToken,
            sessionId
        );

    /// <inheritdoc/>
    public Task<long?> FindInputAsync(string owner, string inputId, CancellationToken cancellationToken) =>
        FirstAsync<long?>(
            "SELECT seq FROM agent_inputs WHERE owner = $1 AND input_id = $2",
            row => row.GetInt64(0),
            cancellationToken,
            owner,
            inputId
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
            var page = await AllAsync(
                $"SELECT {SessionRows.EventColumns} FROM agent_events "
                    + $"WHERE session_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT {PageEvents}",
                SessionRows.ReadEvent,
                cancellationToken,
                sessionId,
                afterSeq,
                toSeq ?? long.MaxValue
            );
            foreach (var logged in page)
                yield return logged;
            if (page.Count < PageEvents)
                yield break;
            afterSeq = page[^1].Seq;
        }
    }

    /// <inheritdoc/>
    public async Task<(IReadOnlyList<SessionRow> Rows, int Total)> ListAsync(
        string owner,
        int limit,
        int offset,
        bool activeOnly,
        CancellationToken cancellationToken
    )
    {
        // Tasks are shown in the sessions they are done for.
        const string Whose =
            "FROM agent_sessions WHERE owner = $1 AND (deleted_at IS NULL OR NOT $2) AND (parent_kind IS NULL OR parent_kind <> 'task')";
        var total = await FirstAsync($"SELECT count(*)::int {Whose}", row => row.GetInt32(0), cancellationToken, owner, activeOnly);
        var rows = await AllAsync(
            $"SELECT {SessionRows.SessionReadColumns} {Whose} ORDER BY last_activity DESC, id LIMIT $3 OFFSET $4",
            SessionRows.ReadSession,
            cancellationToken,
            owner,
            activeOnly,
            limit,
            offset
        );
        return (rows, total);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ApprovalRow>> PendingApprovalsAsync(string sessionId, CancellationToken cancellationToken) =>
        await AllAsync(
            $"SELECT {SessionRows.ApprovalColumns} FROM agent_approvals "
                + "WHERE session_id = $1 AND status = 'pending' ORDER BY created_at, call_id",
            SessionRows.ReadApproval,
            cancellationToken,
            sessionId
        );

    /// <inheritdoc/>
    public Task<ApprovalRow?> FindApprovalAsync(string sessionId, string callId, CancellationToken cancellationToken) =>
        FirstAsync(
            $"SELECT {SessionRows.ApprovalColumns} FROM agent_approvals WHERE session_id = $1 AND call_id = $2",
            SessionRows.ReadApproval,
            cancellationToken,
            sessionId,
            callId
        );

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> OpenSessionsAsync(string holder, CancellationToken cancellationToken) =>
        await AllAsync(
            "SELECT id FROM agent_sessions WHERE has_open_turn AND NOT EXISTS (SELECT FROM agent_leases l WHERE l.session_id = id "
                + "AND l.holder IS NOT NULL AND l.holder <> $1 AND l.expires_at > clock_timestamp()) ORDER BY id",
            row => row.GetString(0),
            cancellationToken,
            holder
        );

    /// <inheritdoc/>
    public Task<LeaseGrant?> AcquireLeaseAsync(string sessionId, string holder, TimeSpan duration, CancellationToken cancellationToken) =>
        // clock_timestamp, not now: the statement may have waited for the row. Durable, or an epoch could be granted twice.
        FirstAsync<LeaseGrant?>(
            "INSERT INTO agent_leases AS l (session_id, epoch, holder, expires_at) VALUES ($1, 1, $2, clock_timestamp() + $3) "
                + "ON CONFLICT (session_id) DO UPDATE SET epoch = l.epoch + 1, holder = excluded.holder, expires_at = clock_timestamp() + $3 "
                + "WHERE l.holder IS NULL OR l.holder = excluded.holder OR l.expires_at <= clock_timestamp() "
                + $"RETURNING epoch, {PostgresAppend.Durably}",
            row => new(row.GetInt64(0)),
            cancellationToken,
            sessionId,
            holder,
            duration
        );

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> RenewLeasesAsync(
        string holder,
        IReadOnlyCollection<string> sessionIds,
        TimeSpan duration,
        CancellationToken cancellationToken
    )
    {
        // Locked in one order by all hosts, or two of them could wait for each other.
        var kept = await AllAsync(
            "WITH mine AS (SELECT session_id FROM agent_leases WHERE session_id = ANY ($1) AND holder = $2 ORDER BY session_id FOR UPDATE) "
                + "UPDATE agent_leases l SET expires_at = clock_timestamp() + $3 FROM mine WHERE l.session_id = mine.session_id "
                + "RETURNING l.session_id",
            row => row.GetString(0),
            cancellationToken,
            sessionIds.ToArray(),
            holder,
            duration
        );
        return [.. sessionIds.Except(kept)];
    }

    /// <inheritdoc/>
    public Task ReleaseLeasesAsync(string holder, IReadOnlyCollection<string> sessionIds, CancellationToken cancellationToken) =>
        AllAsync(
            "WITH mine AS (SELECT session_id FROM agent_leases WHERE session_id = ANY ($1) AND holder = $2 ORDER BY session_id FOR UPDATE) "
                + "UPDATE agent_leases l SET holder = NULL FROM mine WHERE l.session_id = mine.session_id RETURNING l.session_id",
            row => row.GetString(0),
            cancellationToken,
            sessionIds.ToArray(),
            holder
        );

    private static async Task<bool> IsInLogAsync(NpgsqlConnection connection, AppendRequest request, CancellationToken cancellationToken)
    {
        if (request.Events.Count == 0)
            return false;
        await using var command = Command(
            connection,
            $"SELECT {SessionRows.EventColumns} FROM agent_events WHERE session_id = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq",
            request.SessionId,
            request.FirstSeq,
            request.Session.LastSeq
        );
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        foreach (var logged in request.Events)
        {
            if (!await rows.ReadAsync(cancellationToken))
                return false;
            var found = SessionRows.ReadEvent(rows);
            if (found.Seq != logged.Seq || found.Type != logged.Type || !found.Payload.Span.SequenceEqual(logged.Payload.Span))
                return false;
        }
        return true;
    }

    private Task<T?> FirstAsync<T>(
        string sql,
        Func<NpgsqlDataReader, T> read,
        CancellationToken cancellationToken,
        params object[] values
    ) =>
        RetryAsync(
            async connection =>
            {
                await using var command = Command(connection, sql, values);
                await command.PrepareAsync(cancellationToken);
                await using var rows = await command.ExecuteReaderAsync(cancellationToken);
                return await rows.ReadAsync(cancellationToken) ? read(rows) : default;
            },
            cancellationToken
        );

    private Task<List<T>> AllAsync<T>(
        string sql,
        Func<NpgsqlDataReader, T> read,
        CancellationToken cancellationToken,
        params object[] values
    ) =>
        RetryAsync(
            async connection =>
            {
                await using var command = Command(connection, sql, values);
                await command.PrepareAsync(cancellationToken);
                await using var rows = await command.ExecuteReaderAsync(cancellationToken);
                var all = new List<T>();
                while (await rows.ReadAsync(cancellationToken))
                    all.Add(read(rows));
                return all;
            },
            cancellationToken
        );

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params object[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(Parameter(value));
        return command;
    }

    private static NpgsqlBatchCommand Part(string sql, string sessionId)
    {
        var command = new NpgsqlBatchCommand(sql);
        command.Parameters.Add(Parameter(sessionId));
        return command;
    }

    private static NpgsqlParameter Parameter(object value) =>
        value is TimeSpan ? new() { Value = value, NpgsqlDbType = NpgsqlDbType.Interval } : new() { Value = value };

    // The whole unit of work again with the same ids: that is what makes a retry safe (security.md §11.10).
    private async Task<T> RetryAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        var since = time.GetTimestamp();
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = await database.Postgres.OpenConnectionAsync(cancellationToken);
                return await work(connection);
            }
            catch (NpgsqlException exception) when (exception.IsTransient)
            {
                if (attempt == Attempts || time.GetElapsedTime(since) > LongestWait)
                    throw new DatabaseBusyException("PostgreSQL could not be reached or is overloaded", exception);
                Retrying(attempt, exception.SqlState ?? exception.GetType().Name);
            }
            // Jitter, or hosts that failed together would come back together.
            await Task.Delay(TimeSpan.FromMilliseconds((50 << attempt) * (0.5 + Random.Shared.NextDouble())), time, cancellationToken);
        }
    }

    [LoggerMessage(3901, LogLevel.Warning, "Attempt {Attempt} at the session log failed with {Reason} and is repeated")]
    private partial void Retrying(int attempt, string reason);
}
