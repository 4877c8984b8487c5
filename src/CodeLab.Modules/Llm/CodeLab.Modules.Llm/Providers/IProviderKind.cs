using System.Collections.ObjectModel;
using CodeLab.Modules.Llm.Models;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;

namespace CodeLab.Modules.Llm.Providers;

/// <summary>
/// How to talk to one kind of provider. A kind is one folder and one registration; nothing else knows it. A kind touches its vendor's SDK
/// only inside <see cref="CreateClient"/>, so that an SDK nobody uses is never loaded.
/// </summary>
internal interface IProviderKind
{
    /// <summary><c>openai</c>, <c>anthropic</c>, <c>ollama</c>, <c>demo</c>: also the prefix that always reaches it.</summary>
    string Kind { get; }

    /// <summary>Smaller is asked first for a bare name and for the default model.</summary>
    int Order { get; }

    /// <summary>Address of the vendor itself, for providers that name none; null where there is no such address.</summary>
    Uri? OfficialUrl => null;

    /// <summary>The provider the environment describes, or null.</summary>
    ProviderSettings? FromEnvironment(IConfiguration configuration, LlmOptions options);

    /// <summary>Asks which models it serves.</summary>
    /// <exception cref="Http.ProviderException">It could not be asked.</exception>
    Task<IReadOnlyList<string>> ListModelsAsync(ProviderSettings provider, HttpClient http, CancellationToken cancellationToken);

    /// <summary>How the doors speak to it; null where no network is involved.</summary>
    Wire.ProviderWire? Wire => null;

    /// <summary>A client for one call. Retries, time-outs and limits are those of <paramref name="http"/>; the SDK's own are off.</summary>
    IChatClient CreateClient(ProviderSettings provider, string model, ModelFacts facts, HttpClient http);

    /// <summary>The best model for coding among those that can chat; null when there is none.</summary>
    string? ChooseDefault(ProviderSettings provider, IReadOnlyList<string> models);

    /// <summary>What is known of a model when neither the price list nor the settings know it.</summary>
    ModelFacts Complete(ModelFacts facts) => facts;
}

/// <summary>A provider that may be asked.</summary>
/// <param name="Name">Name and prefix, e.g. <c>openai</c>.</param>
/// <param name="Kind">Kind that talks to it.</param>
internal sealed record ProviderSettings(string Name, string Kind)
{
    /// <summary>Address as the kind expects it; null where no network is involved.</summary>
    public Uri? BaseUrl { get; init; }

    /// <summary>Key; never logged. Empty for servers that ask none.</summary>
    public string ApiKey { get; init; } = "";

    /// <summary>Models offered whether or not the provider lists them.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>Settings that only its kind understands, e.g. <c>api_version</c>.</summary>
    public IReadOnlyDictionary<string, string> Extra { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>It counts as configured only once it answered (an Ollama that is merely looked for).</summary>
    public bool IsProbed { get; init; }

    /// <summary>Most time a listing may take.</summary>
    public TimeSpan ListingTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Loopback and private addresses may be reached: the operator wrote the address.</summary>
    public bool AllowPrivateNetwork { get; init; }

    /// <summary>True when the same server would be asked in the same way.</summary>
    public bool IsSameAs(ProviderSettings other) =>
        Name == other.Name
        && Kind == other.Kind
        && BaseUrl == other.BaseUrl
        && ApiKey == other.ApiKey
        && AllowPrivateNetwork == other.AllowPrivateNetwork
        && Models.SequenceEqual(other.Models, StringComparer.Ordinal)
        && Extra.Count == other.Extra.Count
        && Extra.All(e => other.Extra.TryGetValue(e.Key, out var value) && value == e.Value);

    /// <summary>Keys have no place in a log, not even by accident.</summary>
    public override string ToString() => $"{Name} ({Kind}) at {BaseUrl?.Host ?? "this process"}";
}
