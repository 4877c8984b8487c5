using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Agent.Persistence;

namespace CodeLab.Modules.Agent.Sessions.Transfer;

/// <summary>Takes a session out of every table, in steps that hold up nobody. Its lease stays: epochs must not start again.</summary>
internal sealed class SessionRemoval(Database database)
{
    private const int _eventsAtOnce = 1_000;

    private static readonly string[] _tables =
    [
        "agent_tool_calls",
        "agent_approvals",
        "agent_snapshots",
        "agent_inputs",
        "agent_shares",
        "agent_readings",
        "agent_audit",
        "agent_outbox",
    ];

    /// <summary>Removes the log; with <paramref name="all"/> also the session and everything about it.</summary>
    public async Task RemoveAsync(string sessionId, bool all, CancellationToken cancellationToken)
    {
        // The log from its end: what is left after a stop is still a beginning, and is removed by the next run.
        while (await DeleteEventsAsync(sessionId, cancellationToken) == _eventsAtOnce) { }
        string[] tables = all ? _tables : ["agent_snapshots", "agent_tool_calls"];
        await database.TransactAsync(
            async (connection, transaction) =>
            {
                foreach (var table in tables)
                {
                    await using var command = connection.Command(
                        $"DELETE FROM {table} WHERE session_id = @session",
                        transaction,
                        ("@session", sessionId)
                    );
                    await command.ExecuteNonQueryAsync();
                }
                if (all)
                {
                    await using var session = connection.Command(
                        "DELETE FROM agent_sessions WHERE id = @session",
                        transaction,
                        ("@session", sessionId)
                    );
                    await session.ExecuteNonQueryAsync();
                }
                return 0;
            },
            cancellationToken
        );
    }

    private Task<int> DeleteEventsAsync(string sessionId, CancellationToken cancellationToken) =>
        database.TransactAsync(
            async (connection, transaction) =>
            {
                await using var command = connection.Command(
                    "DELETE FROM agent_events WHERE session_id = @session AND seq IN "
                        + "(SELECT seq FROM agent_events WHERE session_id = @session ORDER BY seq DESC LIMIT @most)",
                    transaction,
                    ("@session", sessionId),
                    ("@most", _eventsAtOnce)
                );
                return await command.ExecuteNonQueryAsync();
            },
            cancellationToken
        );
}
