using CodeLab.BuildingBlocks.Results;
using MediatR;

namespace CodeLab.Modules.Llm.Admin;

/// <summary>The price list: shipped prices, those of the settings, and an administrator's over both.</summary>
public sealed record ListPricesQuery : IRequest<PriceList>;

/// <summary>Sets the price of a model; it applies to calls that end from now on. Errors: <c>INVALID_REQUEST</c> (400).</summary>
/// <param name="Actor">Who.</param>
/// <param name="Price">Null members leave what is shipped.</param>
public sealed record SetPriceCommand(AdminActor Actor, PriceInfo Price) : IRequest<Result<PriceInfo>>;

/// <summary>Takes an administrator's price back. Error: <c>PRICE_NOT_FOUND</c> (404).</summary>
/// <param name="Actor">Who.</param>
/// <param name="Model">Which.</param>
public sealed record DeletePriceCommand(AdminActor Actor, string Model) : IRequest<Result<Deleted>>;

/// <summary>Sets what currencies are worth in US dollars; all of them at once.</summary>
/// <param name="Actor">Who.</param>
/// <param name="Rates">ISO 4217 code to dollars a unit.</param>
public sealed record SetCurrenciesCommand(AdminActor Actor, IReadOnlyDictionary<string, decimal> Rates) : IRequest<Result<PriceList>>;

/// <summary>Lists the budgets with what is spent of them.</summary>
public sealed record ListBudgetsQuery : IRequest<IReadOnlyList<BudgetInfo>>;

/// <summary>Makes a budget, or changes the one of its id. Errors: <c>INVALID_REQUEST</c> (400), <c>BUDGET_EXISTS</c> (409), <c>BUDGET_NOT_FOUND</c> (404).</summary>
/// <param name="Actor">Who.</param>
/// <param name="Id">Budget to change; null = a new one.</param>
/// <param name="Draft">Of a change only amount, currency and enabled; null members stay as they are.</param>
public sealed record SaveBudgetCommand(AdminActor Actor, string? Id, BudgetDraft Draft) : IRequest<Result<BudgetInfo>>;

/// <summary>Deletes a budget: what it limited is limited no more. Error: <c>BUDGET_NOT_FOUND</c> (404).</summary>
/// <param name="Actor">Who.</param>
/// <param name="Id">Which.</param>
public sealed record DeleteBudgetCommand(AdminActor Actor, string Id) : IRequest<Result<Deleted>>;

/// <summary>Prices and currencies.</summary>
/// <param name="Prices">By model.</param>
/// <param name="Currencies">Worth of a unit in US dollars.</param>
public sealed record PriceList(IReadOnlyList<PriceInfo> Prices, IReadOnlyDictionary<string, decimal> Currencies);

/// <summary>Price of a model for a million tokens.</summary>
public sealed record PriceInfo
{
    /// <summary>Name as its provider knows it.</summary>
    public required string Model { get; init; }

    /// <summary>ISO 4217 code. Default <c>USD</c>.</summary>
    public string Currency { get; init; } = "USD";

    /// <summary>Input.</summary>
    public decimal? Input { get; init; }

    /// <summary>Output.</summary>
    public decimal? Output { get; init; }

    /// <summary>Input read from the provider's cache; default: the input price.</summary>
    public decimal? CachedInput { get; init; }

    /// <summary>Input written to the provider's cache; default: the input price.</summary>
    public decimal? CacheWrite { get; init; }

    /// <summary>Output spent on reasoning; default: the output price.</summary>
    public decimal? Reasoning { get; init; }

    /// <summary>Tokens of the context window.</summary>
    public int? ContextWindow { get; init; }

    /// <summary>Most tokens it writes.</summary>
    public int? MaxOutputTokens { get; init; }

    /// <summary><c>shipped</c> (or set in the environment) or <c>database</c>.</summary>
    public string? Source { get; init; }
}

/// <summary>A limit on spending.</summary>
public sealed record BudgetInfo
{
    /// <summary>Id.</summary>
    public required string Id { get; init; }

    /// <summary><c>everyone</c>, <c>team</c>, <c>user</c>, <c>key</c> or <c>session</c>.</summary>
    public required string Scope { get; init; }

    /// <summary>Id of the team, user, key or session; <c>*</c> = each one of its own; empty for everyone together.</summary>
    public required string Subject { get; init; }

    /// <summary><c>total</c>, <c>day</c>, <c>week</c> or <c>month</c> (UTC).</summary>
    public required string Period { get; init; }

    /// <summary>What may be spent in a period.</summary>
    public decimal Amount { get; init; }

    /// <summary>ISO 4217 code.</summary>
    public required string Currency { get; init; }

    /// <summary>False while it is switched off.</summary>
    public bool Enabled { get; init; }

    /// <summary>Spent in the period of now, in the budget's currency; of <c>*</c> the sum of all.</summary>
    public decimal Spent { get; init; }

    /// <summary>Who spent most in the period of now; up to 50.</summary>
    public IReadOnlyList<BudgetSpent> Spenders { get; init; } = [];

    /// <summary>When it is renewed; null for a total.</summary>
    public DateTimeOffset? RenewsAt { get; init; }

    /// <summary>When it was last changed.</summary>
    public DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>What one subject of a budget spent.</summary>
/// <param name="Subject">Id.</param>
/// <param name="Spent">In the budget's currency.</param>
public sealed record BudgetSpent(string Subject, decimal Spent);

/// <summary>What an administrator writes of a budget.</summary>
public sealed record BudgetDraft
{
    /// <summary>See <see cref="BudgetInfo.Scope"/>.</summary>
    public string? Scope { get; init; }

    /// <summary>See <see cref="BudgetInfo.Subject"/>.</summary>
    public string? Subject { get; init; }

    /// <summary>See <see cref="BudgetInfo.Period"/>.</summary>
    public string? Period { get; init; }

    /// <summary>0 or more.</summary>
    public decimal? Amount { get; init; }

    /// <summary>ISO 4217 code. Default <c>USD</c>.</summary>
    public string? Currency { get; init; }

    /// <summary>False switches it off.</summary>
    public bool? Enabled { get; init; }
}
