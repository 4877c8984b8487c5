using System.Runtime.CompilerServices;
using Anthropic;
using Anthropic.Models.Messages;
using CodeLab.Modules.Llm.Models;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Llm.Providers.Anthropic;

/// <summary>The Anthropic SDK's client, with tool arguments kept as the model wrote them.</summary>
internal sealed class AnthropicChatClient(IChatClient inner) : DelegatingChatClient(inner)
{
    /// <summary>Anthropic wants a limit with every request; long enough for a file, short enough to be accepted by every model.</summary>
    private const int DefaultOutputTokens = 16_384;
    private const int DefaultOutputTokensOfUnknown = 8192;

    public static IChatClient Create(ProviderSettings provider, string model, ModelFacts facts, HttpClient http)
    {
        // The SDK sends the key as a bearer token only; older compatible servers look for x-api-key (packages.md, trap 9).
        http.DefaultRequestHeaders.Add("x-api-key", provider.ApiKey);
        var client = new AnthropicClient
        {
            ApiKey = provider.ApiKey,
            BaseUrl = provider.BaseUrl!.AbsoluteUri.TrimEnd('/'),
            HttpClient = http,
            MaxRetries = 0,
            // Our own clock rules; this one would only cut it short with another kind of failure.
            Timeout = TimeSpan.FromHours(3),
        };
        var most = facts.MaxOutputTokens is { } known ? Math.Min(known, DefaultOutputTokens) : DefaultOutputTokensOfUnknown;
        return new AnthropicChatClient(client.AsIChatClient(model, most));
    }

    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        if (options is { ResponseFormat: not null })
        {
            options = options.Clone();
            // Structured output is not served by every model and compatible server; the caller's prompt asks for JSON as well.
            options.ResponseFormat = null;
        }
        var raw = new RawArguments();
        await foreach (var update in base.GetStreamingResponseAsync(messages, options, cancellationToken))
        {
            if (update.RawRepresentation is RawMessageStreamEvent raised)
            {
                switch (raised.Value)
                {
                    case RawContentBlockDeltaEvent { Delta.Value: InputJsonDelta piece } delta:
                        raw.Append(delta.Index, piece.PartialJson);
                        break;
                    case RawContentBlockStopEvent stop when update.Contents.OfType<FunctionCallContent>().FirstOrDefault() is { } call:
                        RawArguments.Attach(call, raw.Take(stop.Index) ?? "");
                        break;
                }
            }
            yield return update;
        }
    }
}
