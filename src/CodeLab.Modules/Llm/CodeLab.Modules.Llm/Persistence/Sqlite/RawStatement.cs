using System.Text;
using CodeLab.BuildingBlocks.Data.Sqlite;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace CodeLab.Modules.Llm.Persistence.Sqlite;

/// <summary>
/// A prepared statement without ADO.NET around it: no parameter objects, no look-up of names, no boxing. Worth it only where one statement
/// runs thousands of times a second. Used on the thread of the session's owner.
/// </summary>
internal sealed class RawStatement
{
    private const int Done = 101;
    private const int StackBytes = 512;
    private readonly sqlite3 _connection;
    private readonly sqlite3_stmt _statement;
    private int _next;

    public RawStatement(SqliteSession session, string sql)
    {
        _connection = session.Connection.Handle!;
        Check(raw.sqlite3_prepare_v3(_connection, sql, raw.SQLITE_PREPARE_PERSISTENT, out _statement));
    }

    /// <summary>Starts a row; values are bound in order.</summary>
    public RawStatement Begin()
    {
        _next = 0;
        return this;
    }

    public RawStatement Bind(long value)
    {
        Check(raw.sqlite3_bind_int64(_statement, ++_next, value));
        return this;
    }

    public RawStatement Bind(long? value)
    {
        if (value is { } number)
            return Bind(number);
        Check(raw.sqlite3_bind_null(_statement, ++_next));
        return this;
    }

    /// <summary>As EF writes it: upper-case text.</summary>
    public RawStatement Bind(Guid value)
    {
        Span<byte> text = stackalloc byte[36];
        value.TryFormat(text, out _);
        Ascii.ToUpperInPlace(text, out _);
        Check(raw.sqlite3_bind_text(_statement, ++_next, (ReadOnlySpan<byte>)text));
        return this;
    }

    public RawStatement Bind(string? value)
    {
        if (value is null)
        {
            Check(raw.sqlite3_bind_null(_statement, ++_next));
            return this;
        }
        var most = Encoding.UTF8.GetMaxByteCount(value.Length);
        Span<byte> buffer = most <= StackBytes ? stackalloc byte[StackBytes] : new byte[most];
        var length = Encoding.UTF8.GetBytes(value, buffer);
        // An empty span has no address, which SQLite would read as null.
        Check(
            length == 0
                ? raw.sqlite3_bind_text(_statement, ++_next, "")
                : raw.sqlite3_bind_text(_statement, ++_next, (ReadOnlySpan<byte>)buffer[..length])
        );
        return this;
    }

    /// <summary>Runs it.</summary>
    /// <exception cref="SqliteException">SQLite refused.</exception>
    public void Run()
    {
        var code = raw.sqlite3_step(_statement);
        // The reset tells the same failure again.
        _ = raw.sqlite3_reset(_statement);
        if (code != Done)
            Check(code);
    }

    private void Check(int code)
    {
        if (code != raw.SQLITE_OK)
            throw new SqliteException(raw.sqlite3_errmsg(_connection).utf8_to_string(), code & 0xff, code);
    }
}
