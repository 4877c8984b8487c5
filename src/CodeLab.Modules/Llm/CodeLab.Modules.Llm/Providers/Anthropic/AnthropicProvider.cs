using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Providers.Wire;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;

namespace CodeLab.Modules.Llm.Providers.Anthropic;

/// <summary>Anthropic and servers that speak its Messages.</summary>
internal sealed class AnthropicProvider : IProviderKind
{
    private static readonly Uri _official = new("https://api.anthropic.com");

    public string Kind => "anthropic";

    public int Order => 20;

    public Uri OfficialUrl => _official;

    public ProviderWire? Wire { get; } = new AnthropicWire();

    public ProviderSettings? FromEnvironment(IConfiguration configuration, LlmOptions options)
    {
        var key = configuration["ANTHROPIC_API_KEY"]?.Trim() ?? "";
        if (key.Length == 0)
            return null;
        return new ProviderSettings(Kind, Kind)
        {
            BaseUrl = EnvironmentAddress.Read(configuration, "ANTHROPIC_BASE_URL") ?? _official,
            ApiKey = key,
            Models = options.Anthropic.Models,
            AllowPrivateNetwork = true,
        };
    }

    public Task<IReadOnlyList<string>> ListModelsAsync(ProviderSettings provider, HttpClient http, CancellationToken cancellationToken)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, provider.BaseUrl!.Under("v1/models?limit=1000"));
        request.Headers.Add("x-api-key", provider.ApiKey);
        request.Headers.Add("anthropic-version", "2023-06-01");
        return JsonListing.GetAsync(http, request, "data", "id", provider.Name, cancellationToken);
    }

    public IChatClient CreateClient(ProviderSettings provider, string model, ModelFacts facts, HttpClient http) =>
        AnthropicChatClient.Create(provider, model, facts, http);

    // The list comes newest first; sonnet is the family for code, haiku the small one.
    public string? ChooseDefault(ProviderSettings provider, IReadOnlyList<string> models) =>
        models.FirstOrDefault(m => m.Contains("sonnet", StringComparison.OrdinalIgnoreCase))
        ?? models.FirstOrDefault(m => m.Contains("opus", StringComparison.OrdinalIgnoreCase))
        ?? models.FirstOrDefault(ModelChoice.CanChat)
        // The list could not be had: a name that Anthropic has served for long.
        ?? (provider.BaseUrl == _official ? "claude-sonnet-4-5" : null);
}
