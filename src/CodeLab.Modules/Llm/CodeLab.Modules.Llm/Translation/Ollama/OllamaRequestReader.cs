using System.Text.Json;
using CodeLab.Modules.Llm.Translation.OpenAiChat;

namespace CodeLab.Modules.Llm.Translation.Ollama;

/// <summary>Reads Ollama's chat requests (github.com/ollama/ollama, docs/api.md).</summary>
internal static class OllamaRequestReader
{
    public static ModelRequest Read(JsonElement body)
    {
        var options = body.Get("options") ?? default;
        var request = new ModelRequest
        {
            Stream = body.Flag("stream") ?? true,
            Temperature = options.Number("temperature"),
            TopP = options.Number("top_p"),
            TopK = options.Whole("top_k"),
            MaxOutputTokens = options.Whole("num_predict") is { } most and > 0 ? most : null,
            PresencePenalty = options.Number("presence_penalty"),
            FrequencyPenalty = options.Number("frequency_penalty"),
            Seed = options.Whole("seed"),
            Reasoning = body.Get("think") switch
            {
                null => null,
                { ValueKind: JsonValueKind.True } => new ModelReasoning("medium", null),
                { ValueKind: JsonValueKind.False } => new ModelReasoning("none", null),
                { ValueKind: JsonValueKind.String } effort => new ModelReasoning(effort.GetString()!, null),
                _ => throw new RequestFault("think must be true, false or an effort."),
            },
            Format = body.Get("format") switch
            {
                null => null,
                { ValueKind: JsonValueKind.String } name => name.GetString() == "json" ? new AnswerFormat(null, null, null) : null,
                { ValueKind: JsonValueKind.Object } schema => new AnswerFormat(null, schema, null),
                _ => throw new RequestFault("format must be json or a schema."),
            },
        };
        foreach (var stop in options.Items("stop"))
            request.Stop.Add(stop.GetString() ?? "");
        foreach (var tool in body.Items("tools"))
            request.Tools.Add(
                ChatRequestReader.ReadTool(tool.Get("function") ?? throw new RequestFault("tools[].function is missing."), tool)
            );
        var open = new Queue<ModelPart.ToolCall>();
        foreach (var message in body.Items("messages"))
            request.Messages.Add(ReadMessage(message, request.Messages.Count, open));
        if (request.Messages.Count == 0)
            throw new RequestFault("messages is missing or empty.");
        return request;
    }

    private static ModelMessage ReadMessage(JsonElement message, int position, Queue<ModelPart.ToolCall> open)
    {
        var parts = new List<ModelPart>();
        var text = message.Text("content") ?? "";
        switch (message.Text("role"))
        {
            case "system":
                return new ModelMessage(ModelRole.System, [new ModelPart.Text(text)]);
            case "tool":
                // Results answer the calls in their order where they carry no id.
                var call = open.TryDequeue(out var next) ? next.Id : "";
                return new ModelMessage(
                    ModelRole.Tool,
                    [new ModelPart.ToolResult(message.Text("tool_call_id") ?? call, [new ModelPart.Text(text)], IsError: false)]
                );
            case "assistant":
                if (message.Text("thinking") is { Length: > 0 } thinking)
                    parts.Add(new ModelPart.Thinking(thinking, null));
                if (text.Length > 0)
                    parts.Add(new ModelPart.Text(text));
                var number = 0;
                foreach (var written in message.Items("tool_calls"))
                {
                    var function = written.Get("function") ?? throw new RequestFault("tool_calls[].function is missing.");
                    var made = new ModelPart.ToolCall(
                        written.Text("id") ?? $"call_{position}_{number++}",
                        function.Text("name") ?? "",
                        function.Get("arguments")?.GetRawText() ?? "{}"
                    );
                    open.Enqueue(made);
                    parts.Add(made);
                }
                return new ModelMessage(ModelRole.Assistant, parts);
            case "user":
                parts.Add(new ModelPart.Text(text));
                foreach (var image in message.Items("images"))
                {
                    var base64 = image.GetString() ?? "";
                    parts.Add(new ModelPart.Image(null, ImageType.Of(base64), base64, null));
                }
                return new ModelMessage(ModelRole.User, parts);
            default:
                throw new RequestFault("A message has a role other than system, user, assistant and tool.");
        }
    }
}

/// <summary>Ollama's images carry no media type; their first bytes tell it.</summary>
internal static class ImageType
{
    public static string Of(string base64) =>
        base64 switch
        {
            _ when base64.StartsWith("/9j/", StringComparison.Ordinal) => "image/jpeg",
            _ when base64.StartsWith("R0lG", StringComparison.Ordinal) => "image/gif",
            _ when base64.StartsWith("UklG", StringComparison.Ordinal) => "image/webp",
            _ => "image/png",
        };
}
