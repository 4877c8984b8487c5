using System.Data.Common;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Llm.Persistence;

namespace CodeLab.Modules.Llm.Budgets;

/// <summary>What the database granted.</summary>
/// <param name="Amount">Nanos granted; 0 = not even the least that was asked.</param>
/// <param name="Free">What was free before.</param>
/// <param name="IsTight">So little is left that shares are exact.</param>
internal readonly record struct BudgetGrant(long Amount, long Free, bool IsTight);

/// <summary>The truth about budgets. <c>spent + held ≤ amount</c> is kept by every statement here.</summary>
internal sealed class BudgetStore(Database database)
{
    // Several nodes: a node asks for a sixteenth of what is left and gives idle money back; when little is left, for what its calls need.
    private const int Parts = 16;

    private bool IsAlone => database.Provider == DatabaseProvider.Sqlite;

    /// <summary>Asks for at least <paramref name="least"/> and at best <paramref name="wanted"/>.</summary>
    public Task<BudgetGrant> GrowAsync(
        PoolKey key,
        long limit,
        long least,
        long wanted,
        string nodeId,
        CancellationToken cancellationToken
    ) =>
        database.TransactAsync(
            async (connection, transaction) =>
            {
                await connection.ExecuteAsync(
                    "INSERT INTO llm_budget_periods (budget_id, subject, period_start, spent, held) VALUES (@b, @s, @p, 0, 0) "
                        + "ON CONFLICT (budget_id, subject, period_start) DO NOTHING",
                    transaction,
                    ("@b", key.BudgetId),
                    ("@s", key.Subject),
                    ("@p", key.PeriodStart)
                );
                var used = await connection.ReadAsync(
                    "SELECT spent + held FROM llm_budget_periods WHERE budget_id = @b AND subject = @s AND period_start = @p"
                        + (IsAlone ? "" : " FOR UPDATE"),
                    transaction,
                    row => row.GetInt64(0),
                    ("@b", key.BudgetId),
                    ("@s", key.Subject),
                    ("@p", key.PeriodStart)
                );
                var free = Math.Max(0, limit - used[0]);
                if (free < least)
                    return new BudgetGrant(0, free, IsTight: true);
                var part = IsAlone ? free : free / Parts;
                var tight = !IsAlone && part < 4 * wanted;
                var grant = Math.Min(free, tight ? wanted : Math.Max(wanted, part));
                await HoldAsync(connection, transaction, key, nodeId, grant);
                return new BudgetGrant(grant, free, tight);
            },
            cancellationToken
        );

    /// <summary>Gives money back that no call needs.</summary>
    public Task GiveBackAsync(IReadOnlyList<(PoolKey Key, long Amount)> idle, string nodeId, CancellationToken cancellationToken) =>
        database.TransactAsync(
            async (connection, transaction) =>
            {
                foreach (var (key, amount) in idle)
                    await HoldAsync(connection, transaction, key, nodeId, -amount);
                return true;
            },
            cancellationToken
        );

    private static async Task HoldAsync(DbConnection connection, DbTransaction? transaction, PoolKey key, string nodeId, long amount)
    {
        await connection.ExecuteAsync(
            "UPDATE llm_budget_periods SET held = held + @a WHERE budget_id = @b AND subject = @s AND period_start = @p",
            transaction,
            ("@a", amount),
            ("@b", key.BudgetId),
            ("@s", key.Subject),
            ("@p", key.PeriodStart)
        );
        await connection.ExecuteAsync(
            "INSERT INTO llm_budget_holds (budget_id, subject, period_start, node_id, held) VALUES (@b, @s, @p, @n, @a) "
                + "ON CONFLICT (budget_id, subject, period_start, node_id) DO UPDATE SET held = llm_budget_holds.held + @a",
            transaction,
            ("@b", key.BudgetId),
            ("@s", key.Subject),
            ("@p", key.PeriodStart),
            ("@n", nodeId),
            ("@a", amount)
        );
    }
}
