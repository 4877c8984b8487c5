using System.ClientModel;
using System.ClientModel.Primitives;
using Anthropic;
using CodeLab.FakeLlm;
using Microsoft.Extensions.AI;
using OllamaSharp;
using OpenAI;

namespace CodeLab.UnitTests.FakeLlm;

/// <summary>The vendors' own clients without retries, as the product uses them.</summary>
internal static class Clients
{
    public const string Model = "fake-model";

    public static IChatClient Chat(FakeLlmServer fake, string dialect, string key = "key") =>
        dialect switch
        {
            "openai" => OpenAi(fake, key).GetChatClient(Model).AsIChatClient(),
            "anthropic" => Claude(fake, key).AsIChatClient(Model, defaultMaxOutputTokens: 4096),
            "ollama" => new OllamaApiClient(new HttpClient { BaseAddress = new Uri(fake.OllamaBaseUrl) }, Model),
            _ => throw new ArgumentOutOfRangeException(nameof(dialect)),
        };

    public static OpenAIClient OpenAi(FakeLlmServer fake, string key = "key") =>
        new(
            new ApiKeyCredential(key),
            new OpenAIClientOptions { Endpoint = new Uri(fake.OpenAiBaseUrl), RetryPolicy = new ClientRetryPolicy(0) }
        );

    public static AnthropicClient Claude(FakeLlmServer fake, string key = "key") =>
        new()
        {
            ApiKey = key,
            BaseUrl = fake.AnthropicBaseUrl,
            MaxRetries = 0,
        };
}
