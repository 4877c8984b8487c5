using System.Data.Common;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Persistence;
using MediatR;

namespace CodeLab.Modules.Llm.Budgets;

/// <summary>Budgets as administrators set them, with what is spent.</summary>
internal sealed class BudgetAdmin(Database database, ControlStore control, TimeProvider time)
    : IRequestHandler<ListBudgetsQuery, IReadOnlyList<BudgetInfo>>,
        IRequestHandler<SaveBudgetCommand, Result<BudgetInfo>>,
        IRequestHandler<DeleteBudgetCommand, Result<Deleted>>
{
    private const string Columns = "id, scope, subject, period, amount_micros, currency, enabled, updated_at";
    private const decimal MostAmount = 1_000_000_000m;
    private const int MostSpenders = 50;
    private static readonly Error NotFound = AdminErrors.NotFound("BUDGET_NOT_FOUND", "budget");

    public async Task<IReadOnlyList<BudgetInfo>> Handle(ListBudgetsQuery request, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var budgets = await connection.ReadAsync($"SELECT {Columns} FROM llm_budgets ORDER BY scope, subject, period", null, Read);
        var shown = new List<BudgetInfo>(budgets.Count);
        foreach (var budget in budgets)
            shown.Add(await WithSpentAsync(connection, budget));
        return shown;
    }

    public async Task<Result<BudgetInfo>> Handle(SaveBudgetCommand request, CancellationToken cancellationToken)
    {
        var draft = request.Draft;
        if (Check(draft, isNew: request.Id is null) is { } fault)
            return fault;
        var saved = await control.ChangeAsync<BudgetInfo>(
            async (connection, transaction) =>
            {
                BudgetInfo? current = null;
                if (request.Id is not null)
                {
                    var rows = await connection.ReadAsync(
                        $"SELECT {Columns} FROM llm_budgets WHERE id = @id",
                        transaction,
                        Read,
                        ("@id", request.Id)
                    );
                    if (rows is not [var found])
                        return NotFound;
                    current = found;
                }
                var budget = new BudgetInfo
                {
                    Id = current?.Id ?? Guid.CreateVersion7(time.GetUtcNow()).ToString(),
                    Scope = current?.Scope ?? draft.Scope!,
                    Subject = current?.Subject ?? draft.Subject ?? "",
                    Period = current?.Period ?? draft.Period!,
                    Amount = draft.Amount ?? current!.Amount,
                    Currency = draft.Currency ?? current?.Currency ?? Pricing.Currencies.Ledger,
                    Enabled = draft.Enabled ?? current?.Enabled ?? true,
                    UpdatedAt = DateTimeOffset.FromUnixTimeMilliseconds(time.Milliseconds()),
                };
                if (current is null && await IsTakenAsync(connection, transaction, budget))
                    return AdminErrors.Exists("BUDGET_EXISTS", "There is a budget for this subject and period already. Change that one.");
                await SaveAsync(connection, transaction, budget);
                return new Changed<BudgetInfo>(budget, Event(request.Actor, budget, current is null ? "created" : "changed"));
            },
            cancellationToken
        );
        if (saved.Error is { } error)
            return error;
        await using var reading = await database.OpenAsync(cancellationToken);
        return await WithSpentAsync(reading, saved.Value!);
    }

    public Task<Result<Deleted>> Handle(DeleteBudgetCommand request, CancellationToken cancellationToken) =>
        control.ChangeAsync<Deleted>(
            async (connection, transaction) =>
            {
                var rows = await connection.ReadAsync(
                    $"SELECT {Columns} FROM llm_budgets WHERE id = @id",
                    transaction,
                    Read,
                    ("@id", request.Id)
                );
                if (rows is not [var budget])
                    return NotFound;
                // What was spent stays on record under its id; calls under way settle into it and hurt nobody.
                await connection.ExecuteAsync("DELETE FROM llm_budgets WHERE id = @id", transaction, ("@id", request.Id));
                return new Changed<Deleted>(new Deleted(request.Id), Event(request.Actor, budget, "deleted"));
            },
            cancellationToken
        );

    private Error? Check(BudgetDraft draft, bool isNew)
    {
        if (!isNew && (draft.Scope ?? draft.Subject ?? draft.Period) is not null)
            return AdminErrors.Invalid("scope", "Whom a budget is for and its period can not change: make another one.");
        if (isNew && (draft.Scope is null || !BudgetScopes.All.Contains(draft.Scope)))
            return AdminErrors.Invalid("scope", "Choose everyone, team, user, key or session.");
        if (isNew && BudgetPeriods.Parse(draft.Period) is null)
            return AdminErrors.Invalid("period", "Choose total, day, week or month.");
        if (isNew && draft.Scope != BudgetScopes.Everyone && draft.Subject is not { Length: > 0 and <= 128 })
            return AdminErrors.Invalid("subject", "Name the id the budget is for, or * for one of its own for each.");
        if (isNew && draft.Scope == BudgetScopes.Everyone && !string.IsNullOrEmpty(draft.Subject))
            return AdminErrors.Invalid("subject", "A budget for everyone together has no subject.");
        if ((isNew && draft.Amount is null) || draft.Amount is < 0 or > MostAmount)
            return AdminErrors.Invalid("amount", "An amount is 0 to 1000000000.");
        return draft.Currency is { } currency && !control.Current.Currencies.Knows(currency)
            ? AdminErrors.Invalid("currency", $"There is no rate for {currency}. Set it first: PUT /api/v1/admin/prices/currencies.")
            : null;
    }

    private static async Task<bool> IsTakenAsync(DbConnection connection, DbTransaction? transaction, BudgetInfo budget)
    {
        var found = await connection.ReadAsync(
            "SELECT id FROM llm_budgets WHERE scope = @s AND subject = @j AND period = @p",
            transaction,
            r => r.GetString(0),
            ("@s", budget.Scope),
            ("@j", budget.Subject),
            ("@p", budget.Period)
        );
        return found.Count > 0;
    }

    private Task<int> SaveAsync(DbConnection connection, DbTransaction? transaction, BudgetInfo budget) =>
        connection.ExecuteAsync(
            "INSERT INTO llm_budgets (id, scope, subject, period, amount_micros, currency, enabled, created_at, updated_at) "
                + "VALUES (@id, @s, @j, @p, @a, @c, @e, @u, @u) ON CONFLICT (id) DO UPDATE SET amount_micros = excluded.amount_micros, "
                + "currency = excluded.currency, enabled = excluded.enabled, updated_at = excluded.updated_at",
            transaction,
            ("@id", budget.Id),
            ("@s", budget.Scope),
            ("@j", budget.Subject),
            ("@p", budget.Period),
            ("@a", (long)Math.Round(budget.Amount * 1_000_000m, MidpointRounding.AwayFromZero)),
            ("@c", budget.Currency),
            ("@e", budget.Enabled),
            ("@u", time.Milliseconds())
        );

    private async Task<BudgetInfo> WithSpentAsync(DbConnection connection, BudgetInfo budget)
    {
        var now = time.GetUtcNow();
        var period = BudgetPeriods.Parse(budget.Period) ?? BudgetPeriod.Total;
        var spent = await connection.ReadAsync(
            "SELECT subject, spent FROM llm_budget_periods WHERE budget_id = @b AND period_start = @p ORDER BY spent DESC",
            null,
            r => (Subject: r.GetString(0), Nanos: r.GetInt64(1)),
            ("@b", budget.Id),
            ("@p", period.StartOf(now))
        );
        var rate = control.Current.Currencies.ToDollars(1m, budget.Currency) ?? 1m;
        return budget with
        {
            Spent = spent.Sum(s => s.Nanos) / 1_000_000_000m / rate,
            Spenders =
            [
                .. spent
                    .Where(s => s.Nanos > 0)
                    .Take(MostSpenders)
                    .Select(s => new BudgetSpent(s.Subject, s.Nanos / 1_000_000_000m / rate)),
            ],
            RenewsAt = period.EndOf(now),
        };
    }

    private static BudgetInfo Read(DbDataReader row) =>
        new()
        {
            Id = row.GetString(0),
            Scope = row.GetString(1),
            Subject = row.GetString(2),
            Period = row.GetString(3),
            Amount = row.GetInt64(4) / 1_000_000m,
            Currency = row.GetString(5),
            Enabled = row.GetBoolean(6),
            UpdatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(7)),
        };

    private static AuditEvent Event(AdminActor actor, BudgetInfo budget, string reason) =>
        new("budget.changed")
        {
            Actor = actor.UserId,
            Subject = budget.Id,
            Ip = actor.Ip,
            UserAgent = actor.UserAgent,
            Reason = reason,
            Metadata = new Dictionary<string, object?>
            {
                ["scope"] = budget.Scope,
                ["subject"] = budget.Subject,
                ["period"] = budget.Period,
                ["amount"] = budget.Amount,
                ["currency"] = budget.Currency,
                ["enabled"] = budget.Enabled,
            },
        };
}
