using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Providers.Wire;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Providers.Ollama;

/// <summary>Ollama, in its own wire format. One on this machine is found without any setting.</summary>
internal sealed class OllamaProvider(IOptions<LlmOptions> options) : IProviderKind
{
    private static readonly Uri _local = new("http://127.0.0.1:11434");

    public string Kind => "ollama";

    public int Order => 30;

    public ProviderWire? Wire { get; } = new OllamaWire();

    public ProviderSettings? FromEnvironment(IConfiguration configuration, LlmOptions options)
    {
        var address = EnvironmentAddress.Read(configuration, "OLLAMA_BASE_URL");
        if (address is null && !options.Ollama.Probe)
            return null;
        var provider = new ProviderSettings(Kind, Kind)
        {
            BaseUrl = address ?? _local,
            Models = options.Ollama.Models,
            AllowPrivateNetwork = true,
        };
        // Nobody asked for it: it may cost the first use of a model 0.3 s at most.
        return address is null ? provider with { IsProbed = true, ListingTimeout = TimeSpan.FromMilliseconds(300) } : provider;
    }

    public Task<IReadOnlyList<string>> ListModelsAsync(ProviderSettings provider, HttpClient http, CancellationToken cancellationToken) =>
        JsonListing.GetAsync(
            http,
            new HttpRequestMessage(HttpMethod.Get, provider.BaseUrl!.Under("api/tags")),
            "models",
            "name",
            provider.Name,
            cancellationToken
        );

    public IChatClient CreateClient(ProviderSettings provider, string model, ModelFacts facts, HttpClient http) =>
        OllamaChatClient.Create(model, options.Value.Ollama.ContextTokens, http);

    public string? ChooseDefault(ProviderSettings provider, IReadOnlyList<string> models) =>
        ModelChoice.ForCode([.. models.Where(ModelChoice.CanChat)]);

    // The window is the one we ask for, whatever the model could do.
    public ModelFacts Complete(ModelFacts facts) => facts with { ContextWindow = options.Value.Ollama.ContextTokens };
}
