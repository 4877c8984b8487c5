using System.Text.Json;
using System.Text.Json.Nodes;

namespace CodeLab.FakeLlm;

/// <summary>Paths of Anthropic. Any <c>anthropic-version</c> is taken, with <c>x-api-key</c> or Bearer.</summary>
internal static class AnthropicEndpoints
{
    private static readonly AnthropicMessages Dialect = new();

    public static bool IsAnthropic(HttpRequest request) =>
        request.Headers.ContainsKey("anthropic-version") || request.Path.StartsWithSegments("/v1/messages");

    public static void Map(WebApplication app, FakeLlmState state)
    {
        app.MapPost("/v1/messages", http => state.ChatAsync(http, Dialect, AnthropicReader.CheckMaxTokens));
        app.MapPost("/v1/messages/count_tokens", http => CountAsync(http, state));
    }

    public static Task ListAsync(HttpContext http, FakeLlmState state)
    {
        var models = state.Options.Models;
        return FakeLlmState.AnswerAsync(
            http,
            200,
            Json.Write(
                new JsonObject
                {
                    ["data"] = new JsonArray([.. models.Select(Model)]),
                    ["has_more"] = false,
                    ["first_id"] = models.Count > 0 ? models[0] : null,
                    ["last_id"] = models.Count > 0 ? models[^1] : null,
                }
            )
        );
    }

    public static Task GetAsync(HttpContext http, FakeLlmState state)
    {
        var id = (string)http.Request.RouteValues["id"]!;
        return state.Options.Models.Contains(id, StringComparer.Ordinal)
            ? FakeLlmState.AnswerAsync(http, 200, Json.Write(Model(id)))
            : FakeLlmState.AnswerAsync(http, 404, AnthropicMessages.Error(404, $"model: {id}"));
    }

    private static JsonObject Model(string id) =>
        new()
        {
            ["type"] = "model",
            ["id"] = id,
            ["display_name"] = id,
            ["created_at"] = "2025-01-01T00:00:00Z",
            ["max_input_tokens"] = 200_000,
            ["max_tokens"] = 64_000,
        };

    private static Task CountAsync(HttpContext http, FakeLlmState state)
    {
        var record = RequestRecorder.Of(http);
        record.Dialect = Dialect.Name;
        if (record.Body.ValueKind != JsonValueKind.Object)
            return FakeLlmState.AnswerAsync(http, 400, Dialect.ErrorBody(400, "The body is no JSON object."));
        var chat = Dialect.Read(record.Body, state.Options.Strict, out var refusal);
        return refusal is null
            ? FakeLlmState.AnswerAsync(http, 200, Json.Write(new JsonObject { ["input_tokens"] = Plan.InputTokens(chat) }))
            : FakeLlmState.AnswerAsync(http, 400, Dialect.ErrorBody(400, refusal));
    }
}
