using System.Data.Common;

namespace CodeLab.Modules.Agent.Persistence;

/// <summary>Commands in SQL that both databases read alike, for what is asked rarely.</summary>
internal static class AgentSql
{
    public static DbCommand Command(
        this DbConnection connection,
        string sql,
        DbTransaction? transaction,
        params ReadOnlySpan<(string Name, object Value)> parameters
    )
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = transaction;
        foreach (var (name, value) in parameters)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = name;
            parameter.Value = value;
            command.Parameters.Add(parameter);
        }
        return command;
    }
}
