using System.ComponentModel.DataAnnotations;

namespace CodeLab.Modules.Llm;

/// <summary>Settings of the LLM module. Keys and addresses of providers come from the environment, never from a settings file.</summary>
internal sealed class LlmOptions : IValidatableObject
{
    public const string Section = "CodeLab:Llm";

    /// <summary>Model used when none is named; empty = the first real model, else <c>codelab-demo</c>.</summary>
    public string DefaultModel { get; set; } = "";

    public TimeoutOptions Timeouts { get; set; } = new();

    public RetryOptions Retries { get; set; } = new();

    public ListingOptions OpenAi { get; set; } = new();

    public ListingOptions Anthropic { get; set; } = new();

    public ListingOptions AzureOpenAi { get; set; } = new();

    public OllamaOptions Ollama { get; set; } = new();

    public DemoOptions Demo { get; set; } = new();

    public BreakerOptions Breaker { get; set; } = new();

    public CallLimitOptions Limits { get; set; } = new();

    public BudgetOptions Budgets { get; set; } = new();

    public CacheOptions Cache { get; set; } = new();

    /// <summary>Minutes between two listings of a provider's models. Default 10, at least 1.</summary>
    public int ModelRefreshMinutes { get; set; } = 10;

    /// <summary>Largest request a door takes, in MiB. Default 10, 1 to 16.</summary>
    public int MaxRequestMegabytes { get; set; } = 10;

    /// <summary>Prices and windows that replace or add to the shipped ones.</summary>
    public List<ModelFactsOptions> Prices { get; set; } = [];

    private IEnumerable<(string Name, long Value, long Least, long Most)> ControlRanges() =>
        [
            ("Breaker:Failures", Breaker.Failures, 1, 1000),
            ("Breaker:OpenSeconds", Breaker.OpenSeconds, 1, 3600),
            ("Breaker:HealthCheckSeconds", Breaker.HealthCheckSeconds, 0, 86_400),
            ("Limits:RequestsPerMinute", Limits.RequestsPerMinute, 1, 1_000_000),
            ("Limits:Concurrent", Limits.Concurrent, 1, 100_000),
            ("Budgets:AssumedOutputTokens", Budgets.AssumedOutputTokens, 1, 10_000_000),
            ("Cache:TtlSeconds", Cache.TtlSeconds, 1, 30 * 86_400),
            ("Cache:MemoryBytes", Cache.MemoryBytes, 0, 1L << 40),
            ("Cache:EntryBytes", Cache.EntryBytes, 1024, 16 * 1024 * 1024),
        ];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (DefaultModel.Length > 0 && !Models.ModelName.IsValid(DefaultModel))
            yield return new("CodeLab:Llm:DefaultModel holds characters a model name can not have.", [nameof(DefaultModel)]);
        if (ModelRefreshMinutes is < 1 or > 1440)
            yield return new("CodeLab:Llm:ModelRefreshMinutes must be 1 to 1440.", [nameof(ModelRefreshMinutes)]);
        if (MaxRequestMegabytes is < 1 or > 16)
            yield return new("CodeLab:Llm:MaxRequestMegabytes must be 1 to 16.", [nameof(MaxRequestMegabytes)]);
        foreach (var (name, value, most) in Timeouts.All())
        {
            if (value is not (> 0) || value > most)
                yield return new($"CodeLab:Llm:Timeouts:{name} must be more than 0 and at most {most} seconds.", [nameof(Timeouts)]);
        }
        if (Retries.Most is < 0 or > 5)
            yield return new("CodeLab:Llm:Retries:Most must be 0 to 5.", [nameof(Retries)]);
        if (Retries.DelayMilliseconds is < 0 or > 30_000)
            yield return new("CodeLab:Llm:Retries:DelayMilliseconds must be 0 to 30000.", [nameof(Retries)]);
        if (Ollama.ContextTokens is < 512 or > 1_048_576)
            yield return new("CodeLab:Llm:Ollama:ContextTokens must be 512 to 1048576.", [nameof(Ollama)]);
        if (Demo.WordDelayMilliseconds is < 0 or > 1000)
            yield return new("CodeLab:Llm:Demo:WordDelayMilliseconds must be 0 to 1000.", [nameof(Demo)]);
        foreach (var (name, value, least, most) in ControlRanges())
        {
            if (value < least || value > most)
                yield return new($"CodeLab:Llm:{name} must be {least} to {most}.", [name.Split(':')[0]]);
        }
        foreach (var price in Prices)
        {
            if (string.IsNullOrWhiteSpace(price.Model))
                yield return new("An entry of CodeLab:Llm:Prices names no Model.", [nameof(Prices)]);
        }
        foreach (var model in OpenAi.Models.Concat(AzureOpenAi.Models).Concat(Anthropic.Models).Concat(Ollama.Models))
        {
            if (!Models.ModelName.IsValid(model))
                yield return new("A model list of CodeLab:Llm holds a name with characters a model name can not have.", [nameof(OpenAi)]);
        }
    }
}

/// <summary>Rest for deployments that keep failing (security.md §9.5).</summary>
internal sealed class BreakerOptions
{
    /// <summary>Failures in a row that open the breaker. Default 5.</summary>
    public int Failures { get; set; } = 5;

    /// <summary>Seconds until one call may try again. Default 30.</summary>
    public int OpenSeconds { get; set; } = 30;

    /// <summary>Seconds between two health checks of the providers. Default 60; 0 = none.</summary>
    public int HealthCheckSeconds { get; set; } = 60;
}

/// <summary>Standard limits of the doors, for users whom no access rule gives others (security.md §3).</summary>
internal sealed class CallLimitOptions
{
    /// <summary>Requests a minute and user. Default 60.</summary>
    public int RequestsPerMinute { get; set; } = 60;

    /// <summary>Calls at once and user. Default 10.</summary>
    public int Concurrent { get; set; } = 10;
}

/// <summary>Reservations.</summary>
internal sealed class BudgetOptions
{
    /// <summary>Output tokens reserved when neither the request nor the price list says how many there may be. Default 16384.</summary>
    public int AssumedOutputTokens { get; set; } = 16_384;

    /// <summary>Lets models without a price be used by callers who have a budget, at no cost. Default false: they are refused.</summary>
    public bool AllowUnpriced { get; set; }
}

/// <summary>The cache of answers (security.md §9.7).</summary>
internal sealed class CacheOptions
{
    /// <summary>Answers identical requests of a user with temperature 0 and no tools from the cache. Default true.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Seconds an answer is kept. Default 3600.</summary>
    public int TtlSeconds { get; set; } = 3600;

    /// <summary>Bytes of memory for answers. Default 64 MiB.</summary>
    public long MemoryBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>Largest answer kept, in bytes. Default 1 MiB.</summary>
    public int EntryBytes { get; set; } = 1024 * 1024;
}

/// <summary>Limits of one call in seconds (security.md §9.5).</summary>
internal sealed class TimeoutOptions
{
    /// <summary>To open a connection, name lookup and TLS included. Default 10.</summary>
    public double ConnectSeconds { get; set; } = 10;

    /// <summary>From the request to the first byte of the answer. Default 60.</summary>
    public double FirstByteSeconds { get; set; } = 60;

    /// <summary>The same for models that reason before they write. Default 300; never less than <see cref="FirstByteSeconds"/>.</summary>
    public double ReasoningFirstByteSeconds { get; set; } = 300;

    /// <summary>Between two pieces of the answer. Default 60.</summary>
    public double IdleSeconds { get; set; } = 60;

    /// <summary>For the whole call, retries included. Default 600.</summary>
    public double TotalSeconds { get; set; } = 600;

    internal IEnumerable<(string Name, double Value, double Most)> All() =>
        [
            (nameof(ConnectSeconds), ConnectSeconds, 120),
            (nameof(FirstByteSeconds), FirstByteSeconds, 3600),
            (nameof(ReasoningFirstByteSeconds), ReasoningFirstByteSeconds, 3600),
            (nameof(IdleSeconds), IdleSeconds, 3600),
            (nameof(TotalSeconds), TotalSeconds, 7200),
        ];
}

/// <summary>Retries before the first byte.</summary>
internal sealed class RetryOptions
{
    /// <summary>Most retries of one call. Default 2.</summary>
    public int Most { get; set; } = 2;

    /// <summary>Wait before the first retry; doubles each time, with jitter. Default 500.</summary>
    public int DelayMilliseconds { get; set; } = 500;
}

/// <summary>Models of a provider that are offered whether or not it lists them.</summary>
internal class ListingOptions
{
    public List<string> Models { get; set; } = [];
}

/// <summary>Ollama.</summary>
internal sealed class OllamaOptions : ListingOptions
{
    /// <summary>Look for an Ollama on this machine when <c>OLLAMA_BASE_URL</c> is not set. Default true.</summary>
    public bool Probe { get; set; } = true;

    /// <summary>
    /// Context window asked for, in tokens. Ollama's own default (4096) silently drops the beginning of an agent's prompt. Default 16384.
    /// </summary>
    public int ContextTokens { get; set; } = 16_384;
}

/// <summary>The built-in demo model.</summary>
internal sealed class DemoOptions
{
    /// <summary>Pause between two words. Default 15.</summary>
    public int WordDelayMilliseconds { get; set; } = 15;
}

/// <summary>Price and limits of a model; prices in US dollars for a million tokens.</summary>
internal sealed class ModelFactsOptions
{
    public string Model { get; set; } = "";

    public decimal? Input { get; set; }

    public decimal? Output { get; set; }

    public decimal? CachedInput { get; set; }

    public decimal? CacheWrite { get; set; }

    public int? ContextWindow { get; set; }

    public int? MaxOutputTokens { get; set; }
}
