using System.Text.Json;

namespace CodeLab.Modules.Llm.Translation.AnthropicMessages;

/// <summary>Reads Anthropic Messages requests (docs.anthropic.com/en/api/messages).</summary>
internal static class MessagesRequestReader
{
    public static ModelRequest Read(JsonElement body)
    {
        var choice = body.Get("tool_choice");
        var request = new ModelRequest
        {
            Stream = body.Flag("stream") ?? false,
            Temperature = body.Number("temperature"),
            TopP = body.Number("top_p"),
            TopK = body.Whole("top_k"),
            MaxOutputTokens = body.Whole("max_tokens"),
            User = body.Get("metadata")?.Text("user_id"),
            ParallelToolCalls = choice?.Flag("disable_parallel_tool_use") is { } disabled ? !disabled : null,
            ToolChoice = choice?.Text("type") switch
            {
                null => null,
                "auto" => new ToolChoice("auto"),
                "any" => new ToolChoice("required"),
                "none" => new ToolChoice("none"),
                "tool" => new ToolChoice("tool", choice.Value.Text("name")),
                _ => throw new RequestFault("tool_choice must be auto, any, tool or none."),
            },
            Reasoning = ReadThinking(body),
        };
        var format = body.Get("output_config")?.Get("format") ?? body.Get("output_format");
        if (format?.Text("type") == "json_schema")
            request.Format = new AnswerFormat(format.Value.Text("name"), format.Value.Get("schema"), true);
        foreach (var stop in body.Items("stop_sequences"))
            request.Stop.Add(stop.GetString() ?? "");
        foreach (var tool in body.Items("tools"))
        {
            if ((tool.Text("type") ?? "custom") != "custom")
                throw new RequestFault("The provider of this model has no tools of its own: give each tool a name and an input_schema.");
            request.Tools.Add(
                new ModelTool(
                    tool.Text("name") ?? throw new RequestFault("A tool has no name."),
                    tool.Text("description"),
                    tool.Get("input_schema")
                )
                {
                    Strict = tool.Flag("strict"),
                    CacheControl = tool.Get("cache_control"),
                }
            );
        }
        if (body.Get("system") is { } system)
            request.Messages.Add(new ModelMessage(ModelRole.System, ReadContent(system)));
        foreach (var message in body.Items("messages"))
        {
            var role = message.Text("role") switch
            {
                "user" => ModelRole.User,
                "assistant" => ModelRole.Assistant,
                // Newer versions take instructions in the middle of a conversation.
                "system" => ModelRole.System,
                _ => throw new RequestFault("messages: roles are user, assistant and system."),
            };
            var content = message.Get("content") ?? throw new RequestFault("messages: each message needs content.");
            request.Messages.Add(new ModelMessage(role, ReadContent(content)));
        }
        if (!body.Items("messages").Any())
            throw new RequestFault("messages: at least one message is required.");
        return request;
    }

    private static ModelReasoning? ReadThinking(JsonElement body)
    {
        var effort = body.Get("output_config")?.Text("effort");
        return body.Get("thinking")?.Text("type") switch
        {
            "enabled" => ModelReasoning.OfBudget(body.Get("thinking")!.Value.Whole("budget_tokens") ?? 1024),
            "disabled" => new ModelReasoning("none", null),
            "adaptive" => new ModelReasoning(effort ?? "high", null),
            _ => effort is null ? null : new ModelReasoning(effort, null),
        };
    }

    private static List<ModelPart> ReadContent(JsonElement content) =>
        content.ValueKind switch
        {
            JsonValueKind.String => [new ModelPart.Text(content.GetString()!)],
            JsonValueKind.Array => [.. content.EnumerateArray().Select(ReadBlock)],
            _ => throw new RequestFault("content must be a text or a list of blocks."),
        };

    private static ModelPart ReadBlock(JsonElement block)
    {
        var cache = block.Get("cache_control");
        switch (block.Text("type"))
        {
            case "text":
                return new ModelPart.Text(block.Text("text") ?? "") { CacheControl = cache };
            case "image" when block.Get("source") is { } source:
                return new ModelPart.Image(source.Text("url"), source.Text("media_type"), source.Text("data"), null)
                {
                    CacheControl = cache,
                };
            case "document" when block.Get("source") is { } source:
                if (source.Text("type") == "text")
                    return new ModelPart.Text(source.Text("data") ?? "") { CacheControl = cache };
                return new ModelPart.Document(block.Text("title"), source.Text("url"), source.Text("media_type"), source.Text("data"))
                {
                    CacheControl = cache,
                };
            case "thinking":
                return new ModelPart.Thinking(block.Text("thinking") ?? "", block.Text("signature"));
            case "redacted_thinking":
                return new ModelPart.RedactedThinking(block.Text("data") ?? "");
            case "tool_use":
                return new ModelPart.ToolCall(block.Text("id") ?? "", block.Text("name") ?? "", block.Get("input")?.GetRawText() ?? "{}")
                {
                    CacheControl = cache,
                };
            case "tool_result":
                return new ModelPart.ToolResult(
                    block.Text("tool_use_id") ?? "",
                    block.Get("content") is { } content ? ReadContent(content) : [],
                    block.Flag("is_error") ?? false
                )
                {
                    CacheControl = cache,
                };
            default:
                throw new RequestFault(
                    "The provider of this model takes blocks of text, image, document, thinking, tool_use and tool_result."
                );
        }
    }
}
