using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;

namespace CodeLab.BuildingBlocks.Data.Sqlite;

/// <summary>A connection with its statements, each prepared once. For one thread at a time.</summary>
public sealed class SqliteSession : IDisposable
{
    /// <summary>Fixes data races and corruption of earlier ones (security.md §11.10).</summary>
    public static readonly Version LeastLibrary = new(3, 51, 3);

    private readonly SqliteConnection _connection;
    private readonly Dictionary<string, SqliteStatement> _statements = new(StringComparer.Ordinal);

    /// <summary>Opens a connection of our own: it is not pooled, so that closing it after a failure really ends its transaction.</summary>
    /// <exception cref="InvalidOperationException">The SQLite library is too old.</exception>
    public SqliteSession(string connectionString, bool readOnly)
    {
        _connection = new(new SqliteConnectionStringBuilder(connectionString) { Pooling = false, DefaultTimeout = 1 }.ToString());
        try
        {
            _connection.Open();
            CheckLibrary(_connection.ServerVersion);
            // SQLite itself waits busy_timeout for a lock; the provider's own retry (DefaultTimeout, in whole seconds, with naps of 150 ms)
            // is kept as short as it goes, or the two would multiply.
            using var settings = _connection.CreateCommand();
            settings.CommandText =
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON;"
                + (readOnly ? " PRAGMA query_only=ON;" : "");
            settings.ExecuteNonQuery();
        }
        catch
        {
            _connection.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a library older than <see cref="LeastLibrary"/>.</summary>
    public static void CheckLibrary(string version)
    {
        if (!Version.TryParse(version, out var found) || found < LeastLibrary)
            throw new InvalidOperationException(
                $"SQLite {version} is too old: {LeastLibrary} or newer is needed. Use the library the service ships with."
            );
    }

    /// <summary>The connection itself, for code that both databases share.</summary>
    public SqliteConnection Connection => _connection;

    /// <summary>The prepared statement of a text; parameters are <c>$1</c>, <c>$2</c>, … in order.</summary>
    public SqliteStatement Statement(string sql)
    {
        if (!_statements.TryGetValue(sql, out var statement))
            _statements[sql] = statement = new(_connection, sql);
        return statement;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var statement in _statements.Values)
            statement.Dispose();
        _connection.Dispose();
    }
}

/// <summary>A prepared statement.</summary>
public sealed class SqliteStatement : IDisposable
{
    private readonly SqliteCommand _command;

    /// <summary>Prepares on first use.</summary>
    public SqliteStatement(SqliteConnection connection, string sql)
    {
        _command = connection.CreateCommand();
        _command.CommandText = sql;
    }

    /// <summary>Runs it and tells how many rows changed.</summary>
    public int Execute(params ReadOnlySpan<object?> values)
    {
        Bind(values);
        return _command.ExecuteNonQuery();
    }

    /// <summary>Runs it and reads its rows.</summary>
    public SqliteDataReader Read(params ReadOnlySpan<object?> values)
    {
        Bind(values);
        return _command.ExecuteReader();
    }

    /// <inheritdoc/>
    public void Dispose() => _command.Dispose();

    private void Bind(ReadOnlySpan<object?> values)
    {
        var parameters = _command.Parameters;
        for (var i = 0; i < values.Length; i++)
        {
            if (parameters.Count == i)
                parameters.Add(new SqliteParameter { ParameterName = $"${i + 1}" });
            parameters[i].Value = values[i] switch
            {
                null => DBNull.Value,
                DateTimeOffset time => UnixMicroseconds.From(time),
                ReadOnlyMemory<byte> bytes => Bytes(bytes),
                bool flag => flag ? 1L : 0L,
                var other => other,
            };
        }
    }

    private static byte[] Bytes(ReadOnlyMemory<byte> bytes) =>
        MemoryMarshal.TryGetArray(bytes, out var segment) && segment.Offset == 0 && segment.Array!.Length == segment.Count
            ? segment.Array
            : bytes.ToArray();
}
