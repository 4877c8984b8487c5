using System.Data.Common;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Engine;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>Writes where a session comes from into its row, with the events that say so; appends leave it alone from then on.</summary>
internal static class SessionParent
{
    public static async Task SetAsync(DbConnection connection, DbTransaction? transaction, SessionState state)
    {
        await using var command = connection.Command(
            "UPDATE agent_sessions SET parent_id = @parent, parent_seq = @seq, parent_kind = @kind WHERE id = @session",
            transaction,
            ("@parent", (object?)state.ParentId ?? DBNull.Value),
            ("@seq", state.ParentSeq ?? 0),
            ("@kind", state.ParentKind!),
            ("@session", state.Id)
        );
        await command.ExecuteNonQueryAsync();
    }
}
