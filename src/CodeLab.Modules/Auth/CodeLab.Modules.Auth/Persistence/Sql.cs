using System.Data.Common;
using CodeLab.BuildingBlocks.Data;

namespace CodeLab.Modules.Auth.Persistence;

/// <summary>Short forms for hand-written SQL, which both databases read alike.</summary>
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
            // PostgreSQL cannot tell the type of a bare null.
            if (value is null)
                parameter.DbType = System.Data.DbType.Int64;
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

    public static long Milliseconds(this TimeProvider time) => time.GetUtcNow().ToUnixTimeMilliseconds();

    public static long? NullableInt64(this DbDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetInt64(column);
}
