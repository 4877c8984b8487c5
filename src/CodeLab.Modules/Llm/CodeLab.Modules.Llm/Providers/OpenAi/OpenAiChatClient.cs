using System.ClientModel;
using System.ClientModel.Primitives;
using System.Runtime.CompilerServices;
using CodeLab.Modules.Llm.Models;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

namespace CodeLab.Modules.Llm.Providers.OpenAi;

/// <summary>The OpenAI SDK's client, with tool arguments kept as the model wrote them.</summary>
internal sealed class OpenAiChatClient(IChatClient inner, ModelFacts facts) : DelegatingChatClient(inner)
{
    public static IChatClient Create(ProviderSettings provider, string model, ModelFacts facts, HttpClient http)
    {
        var options = new OpenAIClientOptions
        {
            Endpoint = provider.BaseUrl,
            Transport = new HttpClientPipelineTransport(http),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
            NetworkTimeout = Timeout.InfiniteTimeSpan,
        };
        // The SDK wants some key; servers that ask none ignore it.
        var key = new ApiKeyCredential(provider.ApiKey.Length > 0 ? provider.ApiKey : "none");
        return new OpenAiChatClient(new ChatClient(model, key, options).AsIChatClient(), facts);
    }

    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        if (facts.Reasoning && options is { Temperature: not null })
        {
            options = options.Clone();
            // Reasoning models refuse it with 400.
            options.Temperature = null;
        }
        var raw = new RawArguments();
        await foreach (var update in base.GetStreamingResponseAsync(messages, options, cancellationToken))
        {
            if (update.RawRepresentation is StreamingChatCompletionUpdate { ToolCallUpdates: { Count: > 0 } pieces })
            {
                foreach (var piece in pieces)
                    raw.Append(piece.Index, piece.FunctionArgumentsUpdate is { } text ? text.ToString() : "");
            }
            // The adapter gives all calls at the end, in the order in which their indexes appeared.
            foreach (var (call, index) in update.Contents.OfType<FunctionCallContent>().Zip(raw.Indexes))
                RawArguments.Attach(call, raw.Take(index) ?? "");
            yield return update;
        }
    }
}
