using System.Buffers;
using System.Net.Http.Headers;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers.Wire;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Llm.Providers.Anthropic;

/// <summary>Anthropic and servers that speak its Messages. The caller's version and betas belong to the body and go with it.</summary>
internal sealed class AnthropicWire : ProviderWire
{
    public const string VersionHeader = "anthropic-version";
    public const string BetaHeader = "anthropic-beta";
    private const string DefaultVersion = "2023-06-01";
    private static readonly SearchValues<char> _plain = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/-, "
    );

    public override CallDialect ChatDialect => CallDialect.AnthropicMessages;

    public override bool Speaks(ProviderSettings provider, CallDialect dialect) =>
        dialect is CallDialect.AnthropicMessages or CallDialect.AnthropicCountTokens;

    protected override Uri Address(ProviderSettings provider, CallDialect dialect, string model) =>
        Under(provider, dialect == CallDialect.AnthropicCountTokens ? "v1/messages/count_tokens" : "v1/messages");

    protected override void Authorize(HttpRequestHeaders headers, ProviderSettings provider, IHeaderDictionary? inbound)
    {
        headers.TryAddWithoutValidation("x-api-key", provider.ApiKey);
        headers.TryAddWithoutValidation(VersionHeader, Sent(inbound, VersionHeader) ?? DefaultVersion);
        if (Sent(inbound, BetaHeader) is { } betas)
            headers.TryAddWithoutValidation(BetaHeader, betas);
    }

    private static string? Sent(IHeaderDictionary? inbound, string name) =>
        inbound?[name].ToString() is { Length: > 0 and <= 1024 } value && !value.AsSpan().ContainsAnyExcept(_plain) ? value : null;
}
