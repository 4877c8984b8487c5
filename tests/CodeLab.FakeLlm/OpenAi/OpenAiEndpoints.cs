using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CodeLab.FakeLlm;

/// <summary>Paths of OpenAI and of Azure OpenAI. <c>/v1/models</c> is shared with Anthropic, whose clients say their version.</summary>
internal static class OpenAiEndpoints
{
    private const long Released = 1735689600; // 2025-01-01

    public static void Map(WebApplication app, FakeLlmState state)
    {
        var chat = new OpenAiChat();
        var responses = new OpenAiResponses();
        foreach (var prefix in new[] { "/v1", "/openai/v1", "/openai/deployments/{deployment}" })
        {
            app.MapPost(prefix + "/chat/completions", http => state.ChatAsync(http, chat));
            app.MapPost(prefix + "/embeddings", http => EmbedAsync(http, state));
        }

        foreach (var prefix in new[] { "/v1", "/openai/v1" })
            app.MapPost(prefix + "/responses", http => state.ChatAsync(http, responses));
        app.MapGet(
            "/v1/models",
            http => AnthropicEndpoints.IsAnthropic(http.Request) ? AnthropicEndpoints.ListAsync(http, state) : ListAsync(http, state)
        );
        app.MapGet("/openai/v1/models", http => ListAsync(http, state));
        app.MapGet(
            "/v1/models/{**id}",
            http => AnthropicEndpoints.IsAnthropic(http.Request) ? AnthropicEndpoints.GetAsync(http, state) : GetAsync(http, state)
        );
    }

    private static Task ListAsync(HttpContext http, FakeLlmState state) =>
        FakeLlmState.AnswerAsync(
            http,
            200,
            Json.Write(new JsonObject { ["object"] = "list", ["data"] = new JsonArray([.. state.Options.Models.Select(Model)]) })
        );

    private static Task GetAsync(HttpContext http, FakeLlmState state)
    {
        var id = (string)http.Request.RouteValues["id"]!;
        return state.Options.Models.Contains(id, StringComparer.Ordinal)
            ? FakeLlmState.AnswerAsync(http, 200, Json.Write(Model(id)))
            : FakeLlmState.AnswerAsync(http, 404, OpenAiChat.Error(404, $"The model '{id}' does not exist"));
    }

    private static JsonObject Model(string id) =>
        new()
        {
            ["id"] = id,
            ["object"] = "model",
            ["created"] = Released,
            ["owned_by"] = "fake",
        };

    private static Task EmbedAsync(HttpContext http, FakeLlmState state)
    {
        var record = RequestRecorder.Of(http);
        record.Dialect = "openai";
        var body = record.Body;
        var inputs = Inputs(body.Get("input"));
        if (inputs.Count == 0)
            return FakeLlmState.AnswerAsync(http, 400, OpenAiChat.Error(400, "'$.input' is invalid."));
        var dimensions = body.Get("dimensions") is { ValueKind: JsonValueKind.Number } number
            ? number.GetInt32()
            : state.Options.EmbeddingDimensions;
        var packed = body.GetText("encoding_format") == "base64";
        var data = new JsonArray();
        for (var i = 0; i < inputs.Count; i++)
        {
            var vector = Embedding.Of(inputs[i], dimensions);
            data.Add(
                new JsonObject
                {
                    ["object"] = "embedding",
                    ["index"] = i,
                    ["embedding"] = packed
                        ? Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan()))
                        : new JsonArray([.. vector.Select(v => JsonValue.Create(v))]),
                }
            );
        }

        var tokens = Math.Max(1, inputs.Sum(t => t.Length) / 4);
        return FakeLlmState.AnswerAsync(
            http,
            200,
            Json.Write(
                new JsonObject
                {
                    ["object"] = "list",
                    ["data"] = data,
                    ["model"] = body.GetText("model") ?? (string?)http.Request.RouteValues.GetValueOrDefault("deployment"),
                    ["usage"] = new JsonObject { ["prompt_tokens"] = tokens, ["total_tokens"] = tokens },
                }
            )
        );
    }

    /// <summary>Text, texts, token numbers or lists of token numbers.</summary>
    internal static List<string> Inputs(JsonElement? input) =>
        input switch
        {
            { ValueKind: JsonValueKind.String } text => [text.GetString()!],
            { ValueKind: JsonValueKind.Array } list when list.GetArrayLength() > 0 && list[0].ValueKind == JsonValueKind.Number =>
            [
                list.GetRawText(),
            ],
            { ValueKind: JsonValueKind.Array } list =>
            [
                .. list.EnumerateArray().Select(i => i.ValueKind == JsonValueKind.String ? i.GetString()! : i.GetRawText()),
            ],
            _ => [],
        };
}
