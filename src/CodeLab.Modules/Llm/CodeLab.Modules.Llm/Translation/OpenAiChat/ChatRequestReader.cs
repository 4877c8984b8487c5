using System.Text.Json;

namespace CodeLab.Modules.Llm.Translation.OpenAiChat;

/// <summary>Reads OpenAI Chat Completions requests (platform.openai.com/docs/api-reference/chat), the old function members included.</summary>
internal static class ChatRequestReader
{
    public static ModelRequest Read(JsonElement body)
    {
        if (body.Whole("n") is > 1)
            throw new RequestFault("This model gives one answer a request: leave n out.");
        var request = new ModelRequest
        {
            Stream = body.Flag("stream") ?? false,
            ParallelToolCalls = body.Flag("parallel_tool_calls"),
            Temperature = body.Number("temperature"),
            TopP = body.Number("top_p"),
            TopK = body.Whole("top_k"),
            MaxOutputTokens = body.Whole("max_completion_tokens") ?? body.Whole("max_tokens"),
            PresencePenalty = body.Number("presence_penalty"),
            FrequencyPenalty = body.Number("frequency_penalty"),
            Seed = body.Whole("seed"),
            LogProbs = body.Flag("logprobs") ?? false,
            TopLogProbs = body.Whole("top_logprobs"),
            User = body.Text("user") ?? body.Text("safety_identifier"),
            Format = ReadFormat(body.Get("response_format")),
            ToolChoice = ReadChoice(body.Get("tool_choice") ?? body.Get("function_call")),
        };
        if (body.Text("reasoning_effort") is { } effort)
            request.Reasoning = new ModelReasoning(effort, null);
        ReadStop(body.Get("stop"), request.Stop);
        foreach (var tool in body.Items("tools"))
        {
            if ((tool.Text("type") ?? "function") != "function")
                throw new RequestFault("This model can only call tools of the type function.");
            request.Tools.Add(ReadTool(tool.Get("function") ?? throw new RequestFault("tools[].function is missing."), tool));
        }
        foreach (var function in body.Items("functions"))
            request.Tools.Add(ReadTool(function, function));
        foreach (var message in body.Items("messages"))
            request.Messages.Add(ReadMessage(message));
        if (request.Messages.Count == 0)
            throw new RequestFault("messages is missing or empty.");
        return request;
    }

    internal static ModelTool ReadTool(JsonElement function, JsonElement around) =>
        new(
            function.Text("name") ?? throw new RequestFault("A tool has no name."),
            function.Text("description"),
            function.Get("parameters")
        )
        {
            Strict = function.Flag("strict"),
            CacheControl = around.Get("cache_control"),
        };

    internal static AnswerFormat? ReadFormat(JsonElement? format) =>
        format?.Text("type") switch
        {
            null or "text" => null,
            "json_object" => new AnswerFormat(null, null, null),
            "json_schema" => (format.Value.Get("json_schema") ?? format.Value) is var schema
                ? new AnswerFormat(schema.Text("name"), schema.Get("schema"), schema.Flag("strict"), schema.Text("description"))
                : null,
            _ => throw new RequestFault("This model answers as text, json_object or json_schema."),
        };

    internal static ToolChoice? ReadChoice(JsonElement? choice) =>
        choice switch
        {
            null => null,
            { ValueKind: JsonValueKind.String } mode => mode.GetString() switch
            {
                "auto" => new ToolChoice("auto"),
                "none" => new ToolChoice("none"),
                "required" or "any" => new ToolChoice("required"),
                _ => throw new RequestFault("tool_choice must be auto, none, required or a tool."),
            },
            { ValueKind: JsonValueKind.Object } one when (one.Get("function") ?? one).Text("name") is { } name => new ToolChoice(
                "tool",
                name
            ),
            _ => throw new RequestFault("tool_choice must be auto, none, required or a tool."),
        };

    private static void ReadStop(JsonElement? stop, List<string> stops)
    {
        if (stop is { ValueKind: JsonValueKind.String } one)
            stops.Add(one.GetString()!);
        else if (stop is { ValueKind: JsonValueKind.Array } many)
            stops.AddRange(many.EnumerateArray().Select(s => s.GetString() ?? ""));
    }

    private static ModelMessage ReadMessage(JsonElement message)
    {
        var parts = new List<ModelPart>();
        switch (message.Text("role"))
        {
            case "system" or "developer":
                ReadContent(message.Get("content"), parts);
                return new ModelMessage(ModelRole.System, parts);
            case "user":
                ReadContent(message.Get("content"), parts);
                return new ModelMessage(ModelRole.User, parts);
            case "assistant":
                ReadReasoning(message, parts);
                ReadContent(message.Get("content"), parts);
                foreach (var call in message.Items("tool_calls"))
                {
                    var function = call.Get("function") ?? throw new RequestFault("tool_calls[].function is missing.");
                    parts.Add(
                        new ModelPart.ToolCall(call.Text("id") ?? "", function.Text("name") ?? "", function.Text("arguments") ?? "{}")
                    );
                }
                if (message.Get("function_call") is { } old)
                    parts.Add(new ModelPart.ToolCall(old.Text("name") ?? "", old.Text("name") ?? "", old.Text("arguments") ?? "{}"));
                return new ModelMessage(ModelRole.Assistant, parts);
            case "tool" or "function":
                ReadContent(message.Get("content"), parts);
                var id =
                    message.Text("tool_call_id") ?? message.Text("name") ?? throw new RequestFault("A tool message has no tool_call_id.");
                return new ModelMessage(ModelRole.Tool, [new ModelPart.ToolResult(id, parts, IsError: false)]);
            default:
                throw new RequestFault("A message has a role other than system, developer, user, assistant and tool.");
        }
    }

    /// <summary>Reasoning sent back as we gave it (see <see cref="ChatWriter"/>).</summary>
    private static void ReadReasoning(JsonElement message, List<ModelPart> parts)
    {
        foreach (var detail in message.Items("reasoning_details"))
        {
            if (detail.Text("data") is { } data)
                parts.Add(new ModelPart.RedactedThinking(data));
            else
                parts.Add(new ModelPart.Thinking(detail.Text("text") ?? "", detail.Text("signature")));
        }
        if (parts.Count == 0 && message.Text("reasoning_content") is { Length: > 0 } bare)
            parts.Add(new ModelPart.Thinking(bare, null));
    }

    private static void ReadContent(JsonElement? content, List<ModelPart> parts)
    {
        switch (content)
        {
            case null:
                return;
            case { ValueKind: JsonValueKind.String } text:
                parts.Add(new ModelPart.Text(text.GetString()!));
                return;
            case { ValueKind: JsonValueKind.Array } list:
                foreach (var part in list.EnumerateArray())
                    parts.Add(ReadPart(part));
                return;
            default:
                throw new RequestFault("content must be a text or a list of parts.");
        }
    }

    private static ModelPart ReadPart(JsonElement part)
    {
        switch (part.Text("type"))
        {
            case "text":
                return new ModelPart.Text(part.Text("text") ?? "") { CacheControl = part.Get("cache_control") };
            case "refusal":
                return new ModelPart.Text(part.Text("refusal") ?? "");
            case "image_url":
                var image = part.Get("image_url") ?? throw new RequestFault("An image has no image_url.");
                var url = image.ValueKind == JsonValueKind.String ? image.GetString() : image.Text("url");
                var detail = image.ValueKind == JsonValueKind.Object ? image.Text("detail") : null;
                return JsonReading.DataUrl(url) is { } data
                    ? new ModelPart.Image(null, data.MediaType, data.Base64, detail)
                    : new ModelPart.Image(url, null, null, detail);
            case "file" when part.Get("file") is { } file && JsonReading.DataUrl(file.Text("file_data")) is { } document:
                return new ModelPart.Document(file.Text("filename"), null, document.MediaType, document.Base64);
            default:
                throw new RequestFault("This model takes parts of the types text, image_url and file with file_data.");
        }
    }
}
