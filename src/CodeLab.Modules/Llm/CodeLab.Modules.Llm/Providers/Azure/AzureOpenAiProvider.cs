using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Providers.OpenAi;
using CodeLab.Modules.Llm.Providers.Wire;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;

namespace CodeLab.Modules.Llm.Providers.Azure;

/// <summary>Azure OpenAI. Models are the resource's deployments; those that it does not list are named in the settings.</summary>
internal sealed class AzureOpenAiProvider : IProviderKind
{
    public string Kind => "azure_openai";

    public int Order => 15;

    public ProviderWire? Wire { get; } = new AzureOpenAiWire();

    public ProviderSettings? FromEnvironment(IConfiguration configuration, LlmOptions options)
    {
        var key = configuration["AZURE_OPENAI_API_KEY"]?.Trim() ?? "";
        if (key.Length == 0 || EnvironmentAddress.Read(configuration, "AZURE_OPENAI_ENDPOINT") is not { } address)
            return null;
        var version = configuration["OPENAI_API_VERSION"]?.Trim() ?? "";
        return new ProviderSettings(Kind, Kind)
        {
            BaseUrl = address,
            ApiKey = key,
            Models = options.AzureOpenAi.Models,
            AllowPrivateNetwork = true,
            Extra = new Dictionary<string, string>(StringComparer.Ordinal) { [AzureAddress.VersionSetting] = version },
        };
    }

    public Task<IReadOnlyList<string>> ListModelsAsync(ProviderSettings provider, HttpClient http, CancellationToken cancellationToken)
    {
        // The older addresses list models of the region, not deployments: nothing that could be asked.
        if (AzureAddress.Version(provider) is not null)
            return Task.FromResult(provider.Models);
        var request = new HttpRequestMessage(HttpMethod.Get, AzureAddress.Root(provider).Under("models"));
        request.Headers.TryAddWithoutValidation(AzureAddress.KeyHeader, provider.ApiKey);
        return JsonListing.GetAsync(http, request, "data", "id", provider.Name, cancellationToken);
    }

    public IChatClient CreateClient(ProviderSettings provider, string model, ModelFacts facts, HttpClient http)
    {
        http.DefaultRequestHeaders.TryAddWithoutValidation(AzureAddress.KeyHeader, provider.ApiKey);
        return OpenAiChatClient.Create(provider with { BaseUrl = AzureAddress.Root(provider) }, model, facts, http);
    }

    public string? ChooseDefault(ProviderSettings provider, IReadOnlyList<string> models) =>
        ModelChoice.ForCode([.. models.Where(ModelChoice.CanChat)]);
}
