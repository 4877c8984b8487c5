using System.Net.Http.Headers;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers.Wire;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Llm.Providers.OpenAi;

/// <summary>OpenAI and every server that is compatible with it.</summary>
internal class OpenAiWire : ProviderWire
{
    public override CallDialect ChatDialect => CallDialect.OpenAiChat;

    public override CallDialect? EmbeddingsDialect => CallDialect.OpenAiEmbeddings;

    public override bool Speaks(ProviderSettings provider, CallDialect dialect) =>
        dialect is CallDialect.OpenAiChat or CallDialect.OpenAiEmbeddings or CallDialect.OpenAiResponses;

    protected override Uri Address(ProviderSettings provider, CallDialect dialect, string model) => Under(provider, Path(dialect));

    protected override void Authorize(HttpRequestHeaders headers, ProviderSettings provider, IHeaderDictionary? inbound)
    {
        if (provider.ApiKey.Length > 0)
            headers.TryAddWithoutValidation("Authorization", "Bearer " + provider.ApiKey);
    }

    protected static string Path(CallDialect dialect) =>
        dialect switch
        {
            CallDialect.OpenAiChat => "chat/completions",
            CallDialect.OpenAiResponses => "responses",
            CallDialect.OpenAiEmbeddings => "embeddings",
            _ => throw new ArgumentOutOfRangeException(nameof(dialect), dialect, null),
        };
}
