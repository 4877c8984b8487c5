using System.Threading.Channels;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace CodeLab.BuildingBlocks.Data.Sqlite;

/// <summary>
/// The one writer of the file (security.md §11.10). A commit costs a wait for the disk, whatever is in it: so the writer takes everything
/// that waits, writes it in one transaction, commits once and answers all of them. While the disk works, the next group gathers.
/// Savepoints cost as much as the writes themselves, and failures are rare: only when a write of the group fails is the group done again
/// with a savepoint each.
/// </summary>
public sealed partial class SqliteWriter : IAsyncDisposable
{
    private const int GroupWrites = 256;
    private const int GroupBytes = 4 * 1024 * 1024;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    // Full: writers wait, up to LongestWait, and are then refused.
    private readonly Channel<PendingWrite> _waiting = Channel.CreateBounded<PendingWrite>(
        new BoundedChannelOptions(4 * GroupWrites) { SingleReader = true }
    );
    private readonly string _connectionString;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lazy<Task> _running;
    private SqliteSession? _session;

    /// <summary>The file is opened by the first write, after the migrations.</summary>
    public SqliteWriter(string connectionString, TimeProvider time, ILogger logger)
    {
        _connectionString = connectionString;
        _time = time;
        _logger = logger;
        // A thread of its own: it sleeps in fsync, and the pool of a small machine has two threads.
        _running = new(() => Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
    }

    /// <summary>Writes; completes when it is durable. An exception of <paramref name="work"/> undoes that work alone.</summary>
    /// <param name="work">What to write; runs on the writer's thread, and again when another write of its group failed: it changes nothing
    /// but the database.</param>
    /// <param name="bytes">How much it writes, about.</param>
    /// <param name="cancellationToken">Stops waiting; a write that has begun goes on.</param>
    /// <exception cref="DatabaseBusyException">The file is locked or the disk too slow, or the service is stopping.</exception>
    public async Task<T> WriteAsync<T>(Func<SqliteSession, T> work, int bytes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(work);
        var write = new PendingWrite<T>(work, bytes, _time.GetTimestamp(), cancellationToken);
        if (!_waiting.Writer.TryWrite(write))
            await WaitForRoomAsync(write, cancellationToken);
        _ = _running.Value;
        return await write.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Writes what was taken, then refuses.</summary>
    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _running.Value;
    }

    private async Task WaitForRoomAsync(PendingWrite write, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(LongestWait, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await _waiting.Writer.WriteAsync(write, either.Token);
        }
        catch (ChannelClosedException closed)
        {
            throw new DatabaseBusyException("The database is closed: the service is stopping", closed);
        }
        catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw new DatabaseBusyException("The database has more to write than it can", late);
        }
    }

    private void Run()
    {
        var group = new List<PendingWrite>(GroupWrites);
        // Blocking is the point of the thread.
        while (_waiting.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            Gather(group);
            if (group.Count > 0)
                Commit(group);
            group.Clear();
        }
        _session?.Dispose();
        _session = null;
    }

    private void Gather(List<PendingWrite> group)
    {
        var bytes = 0;
        while (group.Count < GroupWrites && bytes < GroupBytes && _waiting.Reader.TryRead(out var write))
        {
            if (write.IsCancelled)
                continue;
            if (_time.GetElapsedTime(write.Since) > LongestWait)
            {
                write.Fail(new DatabaseBusyException("The database could not be written in time"));
                continue;
            }
            group.Add(write);
            bytes += write.Bytes;
        }
    }

    private void Commit(List<PendingWrite> group)
    {
        try
        {
            var session = _session ??= new(_connectionString, readOnly: false);
            session.Statement("BEGIN IMMEDIATE").Execute();
            if (!RunTogether(session, group))
            {
                session.Statement("ROLLBACK").Execute();
                session.Statement("BEGIN IMMEDIATE").Execute();
                foreach (var write in group)
                    RunAlone(session, write);
            }
            session.Statement("COMMIT").Execute();
        }
        catch (Exception exception)
        {
            // Nobody knows what state the connection is in: closing it rolls back, and the next group opens another.
            CommitFailed(exception, group.Count);
            _session?.Dispose();
            _session = null;
            var failure = exception is SqliteException sqlite ? SqliteFailures.Translate(sqlite) : exception;
            foreach (var write in group)
                write.Fail(failure);
            return;
        }
        foreach (var write in group)
            write.Complete();
    }

    private static bool RunTogether(SqliteSession session, List<PendingWrite> group)
    {
        try
        {
            foreach (var write in group)
                write.Execute(session);
            return true;
        }
        catch (Exception) when (IsOpen(session))
        {
            // Which write it was, and what becomes of it, the second round finds out.
            return false;
        }
    }

    // False when SQLite has undone the whole transaction by itself (disk full): then the group fails.
    private static bool IsOpen(SqliteSession session) => SQLitePCL.raw.sqlite3_get_autocommit(session.Connection.Handle) == 0;

    private static void RunAlone(SqliteSession session, PendingWrite write)
    {
        session.Statement("SAVEPOINT one").Execute();
        try
        {
            write.Execute(session);
        }
        catch (Exception exception)
        {
            // When SQLite has undone the whole transaction by itself (disk full), this throws and the group fails, as it must.
            session.Statement("ROLLBACK TO one").Execute();
            write.Reject(exception);
        }
        session.Statement("RELEASE one").Execute();
    }

    [LoggerMessage(111, LogLevel.Error, "A group of {Count} writes to the database failed")]
    private partial void CommitFailed(Exception exception, int count);

    private abstract class PendingWrite(int bytes, long since, CancellationToken cancellationToken)
    {
        public int Bytes => bytes;
        public long Since => since;
        public bool IsCancelled => cancellationToken.IsCancellationRequested;
        public abstract void Execute(SqliteSession session);
        public abstract void Reject(Exception exception);
        public abstract void Complete();
        public abstract void Fail(Exception exception);
    }

    private sealed class PendingWrite<T>(Func<SqliteSession, T> work, int bytes, long since, CancellationToken cancellationToken)
        : PendingWrite(bytes, since, cancellationToken)
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T? _answer;
        private Exception? _rejection;

        public Task<T> Task => _done.Task;

        public override void Execute(SqliteSession session) => _answer = work(session);

        public override void Reject(Exception exception) => _rejection = exception;

        public override void Complete()
        {
            if (_rejection is not null)
                _done.TrySetException(_rejection);
            else
                _done.TrySetResult(_answer!);
        }

        public override void Fail(Exception exception) => _done.TrySetException(exception);
    }
}

/// <summary>Tells a busy file from a broken one.</summary>
public static class SqliteFailures
{
    private const int Busy = 5;
    private const int Locked = 6;

    /// <summary>The failure as callers know it.</summary>
    public static Exception Translate(SqliteException exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception.SqliteErrorCode is Busy or Locked
            ? new DatabaseBusyException("The database file is locked by another writer", exception)
            : exception;
    }
}
