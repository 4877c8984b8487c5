using System.Net.Http.Headers;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers.OpenAi;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Llm.Providers.Azure;

/// <summary>
/// Azure OpenAI (learn.microsoft.com/azure/ai-foundry/openai/reference): its present address takes OpenAI's bodies with the deployment as model; with a
/// version set, the older one that names the deployment in the path.
/// </summary>
internal sealed class AzureOpenAiWire : OpenAiWire
{
    public override bool Speaks(ProviderSettings provider, CallDialect dialect) =>
        // The older address has no Responses.
        base.Speaks(provider, dialect) && (dialect != CallDialect.OpenAiResponses || AzureAddress.Version(provider) is null);

    protected override Uri Address(ProviderSettings provider, CallDialect dialect, string model) =>
        AzureAddress.Under(provider, Path(dialect), model);

    protected override bool NamesModelInAddress(ProviderSettings provider) => AzureAddress.Version(provider) is not null;

    protected override void Authorize(HttpRequestHeaders headers, ProviderSettings provider, IHeaderDictionary? inbound) =>
        headers.TryAddWithoutValidation(AzureAddress.KeyHeader, provider.ApiKey);
}
