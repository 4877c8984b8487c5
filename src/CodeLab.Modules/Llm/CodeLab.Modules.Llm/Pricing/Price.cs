using System.Text.Json.Serialization;
using CodeLab.Modules.Llm.Models;

namespace CodeLab.Modules.Llm.Pricing;

/// <summary>Price of a model for a million tokens, as an administrator writes it. Null members leave what is shipped.</summary>
internal sealed record Price
{
    /// <summary>ISO 4217 code; one with a rate in the list of currencies.</summary>
    public string Currency { get; init; } = Currencies.Ledger;

    public decimal? Input { get; init; }

    public decimal? Output { get; init; }

    public decimal? CachedInput { get; init; }

    public decimal? CacheWrite { get; init; }

    /// <summary>Tokens of reasoning, where they cost something else than other output.</summary>
    public decimal? Reasoning { get; init; }

    public int? ContextWindow { get; init; }

    public int? MaxOutputTokens { get; init; }

    /// <summary>Lays the price over what is known, in US dollars.</summary>
    public ModelFacts Over(ModelFacts known, Currencies currencies) =>
        known with
        {
            Input = currencies.ToDollars(Input, Currency) ?? known.Input,
            Output = currencies.ToDollars(Output, Currency) ?? known.Output,
            CachedInput = currencies.ToDollars(CachedInput, Currency) ?? known.CachedInput,
            CacheWrite = currencies.ToDollars(CacheWrite, Currency) ?? known.CacheWrite,
            ReasoningOutput = currencies.ToDollars(Reasoning, Currency) ?? known.ReasoningOutput,
            ContextWindow = ContextWindow ?? known.ContextWindow,
            MaxOutputTokens = MaxOutputTokens ?? known.MaxOutputTokens,
        };
}

/// <summary>What a unit of a currency is worth in US dollars. The ledger is kept in dollars; prices and budgets may be in any currency listed here.</summary>
internal sealed class Currencies(IReadOnlyDictionary<string, decimal> rates)
{
    public const string Ledger = "USD";

    public static readonly Currencies None = new(new Dictionary<string, decimal>(StringComparer.Ordinal));

    public IReadOnlyDictionary<string, decimal> Rates => rates;

    public bool Knows(string currency) => currency == Ledger || rates.ContainsKey(currency);

    /// <summary>An amount in dollars; null when it is null or its currency has no rate.</summary>
    public decimal? ToDollars(decimal? amount, string currency)
    {
        if (currency == Ledger)
            return amount;
        return rates.TryGetValue(currency, out var rate) ? amount * rate : null;
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(Price))]
[JsonSerializable(typeof(Dictionary<string, decimal>))]
internal sealed partial class PriceJson : JsonSerializerContext;
