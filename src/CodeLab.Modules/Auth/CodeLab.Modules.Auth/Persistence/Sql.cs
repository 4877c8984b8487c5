using System.Data.Common;
using CodeLab.BuildingBlocks.Data;

namespace CodeLab.Modules.Auth.Persistence;

/// <summary>Short forms for hand-written SQL, which both databases read alike.</summary>
internal static class Sql
{
    // Stands for a text that is null: PostgreSQL wants to know which type a null has.
    private static readonly object _nullText = new();

    /// <summary>A parameter that is a text or null.</summary>
    public static object Text(string? value) => value ?? _nullText;

    public static DbCommand Command(
        this DbConnection connection,
        string sql,
        DbTransaction? transaction,
        params ReadOnlySpan<(string Name, object? Value)> parameters
    )
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = transaction;
        foreach (var (name, value) in parameters)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = name;
            parameter.Value = value is null || value == _nullText ? DBNull.Value : value;
            // PostgreSQL cannot tell the type of a bare null.
            if (value is null)
                parameter.DbType = System.Data.DbType.Int64;
            else if (value == _nullText)
                parameter.DbType = System.Data.DbType.String;
            command.Parameters.Add(parameter);
        }
        return command;
    }

    public static async Task<int> ExecuteAsync(
        this DbConnection connection,
        string sql,
        DbTransaction? transaction,
        (string Name, object? Value)[] parameters,
        CancellationToken cancellationToken
    )
    {
        await using var command = connection.Command(sql, transaction, parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public static async Task<object?> ScalarAsync(
        this DbConnection connection,
        string sql,
        DbTransaction? transaction,
        (string Name, object? Value)[] parameters,
        CancellationToken cancellationToken
    )
    {
        await using var command = connection.Command(sql, transaction, parameters);
        return await command.ExecuteScalarAsync(cancellationToken);
    }

    /// <summary>Runs one statement on a connection of its own.</summary>
    public static async Task<int> ExecuteAsync(
        this Database database,
        string sql,
        (string Name, object? Value)[] parameters,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.ExecuteAsync(sql, null, parameters, cancellationToken);
    }

    /// <summary>
    /// Reads the first row on the fast way of each database: a kept connection with prepared statements on SQLite, one round trip on
    /// PostgreSQL. Parameters are <c>$1</c>, <c>$2</c>, … in both. Default when there is no row.
    /// </summary>
    public static async ValueTask<T?> FirstAsync<T>(
        this Database database,
        string sql,
        object[] values,
        Func<DbDataReader, T> map,
        CancellationToken cancellationToken
    )
    {
        if (database.Provider == DatabaseProvider.Sqlite)
        {
            return database.Readers.Read(session =>
            {
                using var found = session.Statement(sql).Read(values);
                return found.Read() ? map(found) : default;
            });
        }
        await using var command = database.Postgres.CreateCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(new Npgsql.NpgsqlParameter { Value = value });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? map(reader) : default;
    }

    /// <summary>Whether a table exists: before the first start there is none.</summary>
    public static async Task<bool> HasTableAsync(this DbConnection connection, string table, CancellationToken cancellationToken) =>
        await connection.ScalarAsync(
            connection is Npgsql.NpgsqlConnection
                ? "SELECT table_name FROM information_schema.tables WHERE table_name = @table"
                : "SELECT name FROM sqlite_master WHERE type = 'table' AND name = @table",
            null,
            [("@table", table)],
            cancellationToken
        ) is string;

    public static long Milliseconds(this TimeProvider time) => time.GetUtcNow().ToUnixTimeMilliseconds();

    public static string? NullableText(this DbDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    public static long? NullableInt64(this DbDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetInt64(column);
}
