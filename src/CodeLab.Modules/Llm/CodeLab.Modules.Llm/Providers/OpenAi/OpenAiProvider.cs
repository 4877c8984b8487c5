using System.Text.RegularExpressions;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Providers.Wire;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;

namespace CodeLab.Modules.Llm.Providers.OpenAi;

/// <summary>OpenAI and every server that speaks its Chat Completions (vLLM, LM Studio, OpenRouter, DeepSeek, …).</summary>
internal sealed partial class OpenAiProvider : IProviderKind
{
    private static readonly Uri _official = new("https://api.openai.com/v1");

    /// <summary>Good at code with tools and of moderate price, best first.</summary>
    private static readonly string[] _preferred = ["gpt-4.1", "gpt-4o", "gpt-5-mini", "gpt-4.1-mini", "gpt-4o-mini", "o4-mini"];

    public string Kind => "openai";

    public int Order => 10;

    public Uri OfficialUrl => _official;

    public ProviderWire? Wire { get; } = new OpenAiWire();

    public ProviderSettings? FromEnvironment(IConfiguration configuration, LlmOptions options)
    {
        var key = configuration["OPENAI_API_KEY"]?.Trim() ?? "";
        var address = EnvironmentAddress.Read(configuration, "OPENAI_BASE_URL");
        // A compatible server of one's own often asks no key; OpenAI itself always does.
        if (key.Length == 0 && address is null)
            return null;
        return new ProviderSettings(Kind, Kind)
        {
            BaseUrl = address ?? _official,
            ApiKey = key,
            Models = options.OpenAi.Models,
            AllowPrivateNetwork = true,
        };
    }

    public Task<IReadOnlyList<string>> ListModelsAsync(ProviderSettings provider, HttpClient http, CancellationToken cancellationToken)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, provider.BaseUrl!.Under("models"));
        if (provider.ApiKey.Length > 0)
            request.Headers.Authorization = new("Bearer", provider.ApiKey);
        return JsonListing.GetAsync(http, request, "data", "id", provider.Name, cancellationToken);
    }

    public IChatClient CreateClient(ProviderSettings provider, string model, ModelFacts facts, HttpClient http) =>
        OpenAiChatClient.Create(provider, model, facts, http);

    public string? ChooseDefault(ProviderSettings provider, IReadOnlyList<string> models)
    {
        // The list could not be had: a name that OpenAI has served for long.
        if (models.Count == 0)
            return provider.BaseUrl == _official ? _preferred[0] : null;
        var chat = models.Where(ModelChoice.CanChat).ToList();
        // The newest plain flagship (gpt-5, gpt-5.1, …), so that models released after this was written are preferred, too.
        var flagship = chat.Select(model => (Model: model, Match: Flagship().Match(model)))
            .Where(m => m.Match.Success)
            .OrderByDescending(m => int.Parse(m.Match.Groups["major"].ValueSpan, System.Globalization.CultureInfo.InvariantCulture))
            .ThenByDescending(m =>
                m.Match.Groups["minor"] is { Success: true } minor
                    ? int.Parse(minor.ValueSpan, System.Globalization.CultureInfo.InvariantCulture)
                    : 0
            )
            .Select(m => m.Model)
            .FirstOrDefault();
        return flagship ?? _preferred.FirstOrDefault(p => chat.Contains(p, StringComparer.OrdinalIgnoreCase)) ?? ModelChoice.ForCode(chat);
    }

    [GeneratedRegex(@"^gpt-(?<major>[5-9]|\d{2})(\.(?<minor>\d+))?$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Flagship();
}
