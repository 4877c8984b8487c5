using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace CodeLab.BuildingBlocks.Data.Sqlite;

/// <summary>Connections for reading, kept open with their prepared statements. In WAL readers neither wait for the writer nor delay it.</summary>
public sealed class SqliteReaders(string connectionString) : IDisposable
{
    private const int Kept = 16;

    private readonly ConcurrentBag<SqliteSession> _free = [];
    private volatile bool _disposed;

    /// <summary>Reads. The connection goes back when <paramref name="read"/> returns: it must not keep a reader.</summary>
    /// <exception cref="DatabaseBusyException">The file is locked.</exception>
    public T Read<T>(Func<SqliteSession, T> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        ObjectDisposedException.ThrowIf(_disposed, this);
        SqliteSession? session = null;
        try
        {
            session = _free.TryTake(out var free) ? free : new(connectionString, readOnly: true);
            var answer = read(session);
            GiveBack(session);
            return answer;
        }
        catch (SqliteException exception)
        {
            session?.Dispose();
            throw SqliteFailures.Translate(exception);
        }
        catch
        {
            session?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        while (_free.TryTake(out var session))
            session.Dispose();
    }

    private void GiveBack(SqliteSession session)
    {
        if (_disposed || _free.Count >= Kept)
            session.Dispose();
        else
            _free.Add(session);
    }
}
