using System.Net.Http.Headers;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers.Wire;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Llm.Providers.Ollama;

/// <summary>Ollama's own wire format.</summary>
internal sealed class OllamaWire : ProviderWire
{
    public override CallDialect ChatDialect => CallDialect.Ollama;

    public override CallDialect? EmbeddingsDialect => CallDialect.OllamaEmbed;

    public override bool Speaks(ProviderSettings provider, CallDialect dialect) => dialect is CallDialect.Ollama;

    protected override Uri Address(ProviderSettings provider, CallDialect dialect, string model) =>
        Under(provider, dialect == CallDialect.OllamaEmbed ? "api/embed" : "api/chat");

    protected override void Authorize(HttpRequestHeaders headers, ProviderSettings provider, IHeaderDictionary? inbound)
    {
        // A proxy before Ollama, or its hosted form, asks for a key.
        if (provider.ApiKey.Length > 0)
            headers.TryAddWithoutValidation("Authorization", "Bearer " + provider.ApiKey);
    }
}
