using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using CodeLab.Modules.Llm.Pricing;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Models;

/// <summary>What is known of a model: limits in tokens, prices in US dollars for a million tokens. Null = not known.</summary>
internal sealed record ModelFacts
{
    public static readonly ModelFacts Unknown = new();

    public decimal? Input { get; init; }

    public decimal? Output { get; init; }

    /// <summary>Input served from the provider's cache; the full input price when not known.</summary>
    public decimal? CachedInput { get; init; }

    /// <summary>Input written to the provider's cache; the full input price when not known.</summary>
    public decimal? CacheWrite { get; init; }

    public int? ContextWindow { get; init; }

    public int? MaxOutputTokens { get; init; }

    /// <summary>It thinks before its first word: the first byte may take long, and it takes no temperature.</summary>
    public bool Reasoning { get; init; }

    /// <summary>Output spent on reasoning; the output price when not known.</summary>
    public decimal? ReasoningOutput { get; init; }

    /// <summary>Cost of a call in US dollars, or null when the price is not known.</summary>
    public decimal? CostOf(long input, long output, long cached, long cacheWritten, long reasoning = 0)
    {
        if (Input is not { } inputPrice || Output is not { } outputPrice)
            return null;
        var fresh = Math.Max(0, input - cached - cacheWritten);
        var thought = ReasoningOutput is null ? 0 : Math.Min(reasoning, output);
        return (
                fresh * inputPrice
                + cached * (CachedInput ?? inputPrice)
                + cacheWritten * (CacheWrite ?? inputPrice)
                + (output - thought) * outputPrice
                + thought * (ReasoningOutput ?? outputPrice)
            ) / 1_000_000m;
    }

    /// <summary>The same in billionths of a dollar, which sum exactly.</summary>
    public long? NanosOf(in Calls.CallUsage usage) =>
        CostOf(usage.Input, usage.Output, usage.CacheRead, usage.CacheWritten, usage.Reasoning) is { } dollars
            ? (long)Math.Round(dollars * 1_000_000_000m, MidpointRounding.AwayFromZero)
            : null;

    /// <summary>The most a call of this size can cost, in billionths of a dollar; null when the price is not known.</summary>
    public long? MostNanosOf(long input, long output)
    {
        if (Input is not { } inputPrice || Output is not { } outputPrice)
            return null;
        var dearest = Math.Max(inputPrice, CacheWrite ?? 0) * input + Math.Max(outputPrice, ReasoningOutput ?? 0) * output;
        return (long)Math.Ceiling(dearest * 1_000m);
    }
}

/// <summary>The shipped list of models (models.json), with the settings and the database's prices laid over it.</summary>
internal sealed partial class ModelFactsBook
{
    private const int MostKept = 10_000;
    private readonly Dictionary<string, ModelFacts> _settings;
    private volatile Page _page;

    public ModelFactsBook(IOptions<LlmOptions> options)
    {
        _settings = new(Shipped.Value, StringComparer.OrdinalIgnoreCase);
        _page = new Page(_settings);
        foreach (var price in options.Value.Prices)
        {
            var known = Find(price.Model);
            _settings[price.Model] = known with
            {
                Input = price.Input ?? known.Input,
                Output = price.Output ?? known.Output,
                CachedInput = price.CachedInput ?? known.CachedInput,
                CacheWrite = price.CacheWrite ?? known.CacheWrite,
                ContextWindow = price.ContextWindow ?? known.ContextWindow,
                MaxOutputTokens = price.MaxOutputTokens ?? known.MaxOutputTokens,
            };
        }
        _page = new Page(_settings);
    }

    /// <summary>Everything shipped or set, by model: what the price list shows beside the database's own prices.</summary>
    public IReadOnlyDictionary<string, ModelFacts> Known => _settings;

    /// <summary>Replaces the prices of the database.</summary>
    public void Apply(IReadOnlyDictionary<string, Price> prices, Currencies currencies)
    {
        var facts = new Dictionary<string, ModelFacts>(_settings, StringComparer.OrdinalIgnoreCase);
        foreach (var (model, price) in prices)
            facts[model] = price.Over(Look(_settings, model), currencies);
        _page = new Page(facts);
    }

    /// <summary>
    /// Looks a name up: exactly, then without a vendor's path (<c>deepseek/deepseek-chat</c>), a date or <c>-latest</c>, and an Ollama tag. Never by
    /// mere prefix: <c>gpt-4o-mini</c> is not <c>gpt-4o</c>.
    /// </summary>
    public ModelFacts Find(string model)
    {
        var page = _page;
        if (page.Found.TryGetValue(model, out var facts))
            return facts;
        facts = Look(page.Facts, model);
        // Names come from outside: what is kept is bounded.
        if (page.Found.Count < MostKept)
            page.Found[model] = facts;
        return facts;
    }

    private static ModelFacts Look(Dictionary<string, ModelFacts> facts, string model)
    {
        foreach (var name in Spellings(model))
        {
            if (facts.TryGetValue(name, out var found))
                return found;
        }
        return ModelFacts.Unknown with { Reasoning = ReasoningName().IsMatch(model) };
    }

    private sealed record Page(Dictionary<string, ModelFacts> Facts)
    {
        public ConcurrentDictionary<string, ModelFacts> Found { get; } = new(StringComparer.Ordinal);
    }

    private static IEnumerable<string> Spellings(string model)
    {
        yield return model;
        var name = model[(model.LastIndexOf('/') + 1)..];
        yield return name;
        yield return DateSuffix().Replace(name, "");
        var tag = name.IndexOf(':', StringComparison.Ordinal);
        if (tag > 0)
            yield return name[..tag];
    }

    private static readonly Lazy<Dictionary<string, ModelFacts>> Shipped = new(() =>
    {
        using var stream =
            typeof(ModelFactsBook).Assembly.GetManifestResourceStream("models.json")
            ?? throw new InvalidOperationException("The embedded list of models is missing");
        var file =
            JsonSerializer.Deserialize(stream, ModelFactsJson.Default.ModelFactsFile)
            ?? throw new InvalidOperationException("The embedded list of models is empty");
        return new Dictionary<string, ModelFacts>(file.Models, StringComparer.OrdinalIgnoreCase);
    });

    [GeneratedRegex(@"[-@](latest|\d{4}-?\d{2}-?\d{2})$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex DateSuffix();

    [GeneratedRegex(
        @"(^|/)(o\d|gpt-[5-9])|reason|thinking|(^|[-/])r1\b",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex ReasoningName();
}

internal sealed record ModelFactsFile(Dictionary<string, ModelFacts> Models);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true
)]
[JsonSerializable(typeof(ModelFactsFile))]
internal sealed partial class ModelFactsJson : JsonSerializerContext;
