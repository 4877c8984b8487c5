using System.Data.Common;
using CodeLab.BuildingBlocks.Data;

namespace CodeLab.Modules.Llm.Persistence;

/// <summary>Short forms for hand-written SQL, which both databases read alike. Times are milliseconds since 1970 UTC.</summary>
internal static class Sql
{
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
            parameter.Value = value ?? DBNull.Value;
            command.Parameters.Add(parameter);
        }
        return command;
    }

    public static async Task<int> ExecuteAsync(
        this DbConnection connection,
        string sql,
        DbTransaction? transaction,
        params (string Name, object? Value)[] parameters
    )
    {
        await using var command = connection.Command(sql, transaction, parameters);
        return await command.ExecuteNonQueryAsync();
    }

    /// <summary>Reads all rows of a statement.</summary>
    public static async Task<List<T>> ReadAsync<T>(
        this DbConnection connection,
        string sql,
        DbTransaction? transaction,
        Func<DbDataReader, T> map,
        params (string Name, object? Value)[] parameters
    )
    {
        await using var command = connection.Command(sql, transaction, parameters);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<T>();
        while (await reader.ReadAsync())
            rows.Add(map(reader));
        return rows;
    }

    /// <summary>Reads all rows of a statement on a connection of its own.</summary>
    public static async Task<List<T>> ReadAsync<T>(
        this Database database,
        string sql,
        Func<DbDataReader, T> map,
        (string Name, object? Value)[] parameters,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(sql, null, parameters);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
            rows.Add(map(reader));
        return rows;
    }

    public static string? Text(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    public static long? Number(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    public static byte[]? Bytes(this DbDataReader row, int column) => row.IsDBNull(column) ? null : (byte[])row.GetValue(column);

    public static long Milliseconds(this TimeProvider time) => time.GetUtcNow().ToUnixTimeMilliseconds();
}
