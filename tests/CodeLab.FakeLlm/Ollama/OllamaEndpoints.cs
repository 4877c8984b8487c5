using System.Text.Json;
using System.Text.Json.Nodes;

namespace CodeLab.FakeLlm;

/// <summary>Paths of Ollama.</summary>
internal static class OllamaEndpoints
{
    private const string Modified = "2025-01-01T00:00:00Z";

    public static void Map(WebApplication app, FakeLlmState state)
    {
        var chat = new OllamaChat();
        app.MapPost("/api/chat", http => state.ChatAsync(http, chat));
        app.MapPost("/api/embed", http => EmbedAsync(http, state));
        app.MapMethods(
            "/",
            ["GET", "HEAD"],
            http => FakeLlmState.AnswerAsync(http, 200, http.Request.Method == "HEAD" ? "" : "Ollama is running", "text/plain")
        );
        app.MapGet("/api/version", http => FakeLlmState.AnswerAsync(http, 200, Json.Write(new JsonObject { ["version"] = "0.12.0" })));
        app.MapGet("/api/tags", http => ListAsync(http, state));
        app.MapGet("/api/ps", http => FakeLlmState.AnswerAsync(http, 200, Json.Write(new JsonObject { ["models"] = new JsonArray() })));
        app.MapPost("/api/show", http => ShowAsync(http, state));
    }

    private static Task ListAsync(HttpContext http, FakeLlmState state) =>
        FakeLlmState.AnswerAsync(
            http,
            200,
            Json.Write(new JsonObject { ["models"] = new JsonArray([.. state.Options.Models.Select(Model)]) })
        );

    private static JsonObject Model(string name) =>
        new()
        {
            ["name"] = name,
            ["model"] = name,
            ["modified_at"] = Modified,
            ["size"] = 4_000_000_000L,
            ["digest"] = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(name))),
            ["details"] = Details(),
        };

    private static JsonObject Details() =>
        new()
        {
            ["parent_model"] = "",
            ["format"] = "gguf",
            ["family"] = "fake",
            ["families"] = new JsonArray("fake"),
            ["parameter_size"] = "8B",
            ["quantization_level"] = "Q4_K_M",
        };

    private static Task ShowAsync(HttpContext http, FakeLlmState state)
    {
        var body = RequestRecorder.Of(http).Body;
        var name = body.GetText("model") ?? body.GetText("name") ?? "";
        if (!state.Options.Models.Contains(name, StringComparer.Ordinal))
            return FakeLlmState.AnswerAsync(http, 404, OllamaChat.Error($"model '{name}' not found"));
        return FakeLlmState.AnswerAsync(
            http,
            200,
            Json.Write(
                new JsonObject
                {
                    ["modelfile"] = "FROM fake",
                    ["parameters"] = "temperature 0",
                    ["template"] = "{{ .Prompt }}",
                    ["details"] = Details(),
                    ["model_info"] = new JsonObject
                    {
                        ["general.architecture"] = "fake",
                        ["general.parameter_count"] = 8_000_000_000L,
                        ["fake.context_length"] = 131_072,
                        ["fake.embedding_length"] = state.Options.EmbeddingDimensions,
                    },
                    ["capabilities"] = new JsonArray("completion", "tools", "thinking"),
                    ["modified_at"] = Modified,
                }
            )
        );
    }

    private static Task EmbedAsync(HttpContext http, FakeLlmState state)
    {
        var record = RequestRecorder.Of(http);
        record.Dialect = "ollama";
        var inputs = OpenAiEndpoints.Inputs(record.Body.Get("input"));
        var dimensions = record.Body.Get("dimensions") is { ValueKind: JsonValueKind.Number } number
            ? number.GetInt32()
            : state.Options.EmbeddingDimensions;
        return FakeLlmState.AnswerAsync(
            http,
            200,
            Json.Write(
                new JsonObject
                {
                    ["model"] = record.Body.GetText("model"),
                    ["embeddings"] = new JsonArray([
                        .. inputs.Select(i => new JsonArray([.. Embedding.Of(i, dimensions).Select(v => JsonValue.Create(v))])),
                    ]),
                    ["total_duration"] = 1_000_000L,
                    ["load_duration"] = 500_000L,
                    ["prompt_eval_count"] = Math.Max(1, inputs.Sum(t => t.Length) / 4),
                }
            )
        );
    }
}
