using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
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

    /// <summary>Cost of a call, or null when the price is not known.</summary>
    public decimal? CostOf(long input, long output, long cached, long cacheWritten)
    {
        if (Input is not { } inputPrice || Output is not { } outputPrice)
            return null;
        var fresh = Math.Max(0, input - cached - cacheWritten);
        return (
                fresh * inputPrice + cached * (CachedInput ?? inputPrice) + cacheWritten * (CacheWrite ?? inputPrice) + output * outputPrice
            ) / 1_000_000m;
    }
}

/// <summary>The shipped list of models (models.json), with the settings laid over it.</summary>
internal sealed partial class ModelFactsBook
{
    private readonly Dictionary<string, ModelFacts> _facts;

    public ModelFactsBook(IOptions<LlmOptions> options)
    {
        _facts = new(Shipped.Value, StringComparer.OrdinalIgnoreCase);
        foreach (var price in options.Value.Prices)
        {
            var known = Find(price.Model);
            _facts[price.Model] = known with
            {
                Input = price.Input ?? known.Input,
                Output = price.Output ?? known.Output,
                CachedInput = price.CachedInput ?? known.CachedInput,
                CacheWrite = price.CacheWrite ?? known.CacheWrite,
                ContextWindow = price.ContextWindow ?? known.ContextWindow,
                MaxOutputTokens = price.MaxOutputTokens ?? known.MaxOutputTokens,
            };
        }
    }

    /// <summary>
    /// Looks a name up: exactly, then without a vendor's path (<c>deepseek/deepseek-chat</c>), a date or <c>-latest</c>, and an Ollama tag. Never by
    /// mere prefix: <c>gpt-4o-mini</c> is not <c>gpt-4o</c>.
    /// </summary>
    public ModelFacts Find(string model)
    {
        foreach (var name in Spellings(model))
        {
            if (_facts.TryGetValue(name, out var facts))
                return facts;
        }
        return ModelFacts.Unknown with { Reasoning = ReasoningName().IsMatch(model) };
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
