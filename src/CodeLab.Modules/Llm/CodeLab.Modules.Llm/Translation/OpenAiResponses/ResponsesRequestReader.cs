using System.Text.Json;
using CodeLab.Modules.Llm.Translation.OpenAiChat;

namespace CodeLab.Modules.Llm.Translation.OpenAiResponses;

/// <summary>Reads OpenAI Responses requests (platform.openai.com/docs/api-reference/responses). Nothing is stored here, so nothing can be continued by its id.</summary>
internal static class ResponsesRequestReader
{
    /// <summary>Marks reasoning that another provider signed: OpenAI's own can not be read by anybody else.</summary>
    public const string SignatureMark = "codelab.signature:";

    /// <summary>The same for reasoning that was hidden as a whole.</summary>
    public const string RedactedMark = "codelab.redacted:";

    public static ModelRequest Read(JsonElement body)
    {
        if (body.Text("previous_response_id") is not null || body.Get("conversation") is not null)
            throw new RequestFault("Answers are not stored for this model: send the whole conversation as input.");
        if (body.Flag("background") is true)
            throw new RequestFault("This model does not answer in the background.");
        var request = new ModelRequest
        {
            Stream = body.Flag("stream") ?? false,
            ParallelToolCalls = body.Flag("parallel_tool_calls"),
            Temperature = body.Number("temperature"),
            TopP = body.Number("top_p"),
            MaxOutputTokens = body.Whole("max_output_tokens"),
            User = body.Text("user") ?? body.Text("safety_identifier"),
            Format = ChatRequestReader.ReadFormat(body.Get("text")?.Get("format")),
            ToolChoice = ChatRequestReader.ReadChoice(body.Get("tool_choice")),
        };
        if (body.Get("reasoning")?.Text("effort") is { } effort)
            request.Reasoning = new ModelReasoning(effort, null);
        if (body.Text("instructions") is { Length: > 0 } instructions)
            request.Messages.Add(new ModelMessage(ModelRole.System, [new ModelPart.Text(instructions)]));
        foreach (var tool in body.Items("tools"))
        {
            if (tool.Text("type") != "function")
                throw new RequestFault("This model can only call tools of the type function.");
            request.Tools.Add(ChatRequestReader.ReadTool(tool, tool));
        }
        switch (body.Get("input"))
        {
            case null:
                throw new RequestFault("input is missing.");
            case { ValueKind: JsonValueKind.String } text:
                request.Messages.Add(new ModelMessage(ModelRole.User, [new ModelPart.Text(text.GetString()!)]));
                break;
            case { ValueKind: JsonValueKind.Array } items:
                foreach (var item in items.EnumerateArray())
                    ReadItem(item, request.Messages);
                break;
            default:
                throw new RequestFault("input must be a text or a list of items.");
        }
        return request;
    }

    private static void ReadItem(JsonElement item, List<ModelMessage> messages)
    {
        switch (item.Text("type") ?? "message")
        {
            case "message":
                var role = item.Text("role") switch
                {
                    "system" or "developer" => ModelRole.System,
                    "assistant" => ModelRole.Assistant,
                    _ => ModelRole.User,
                };
                Parts(messages, role).AddRange(ReadContent(item.Get("content")));
                break;
            case "function_call":
                Parts(messages, ModelRole.Assistant)
                    .Add(new ModelPart.ToolCall(item.Text("call_id") ?? "", item.Text("name") ?? "", item.Text("arguments") ?? "{}"));
                break;
            case "function_call_output":
                messages.Add(
                    new ModelMessage(
                        ModelRole.Tool,
                        [new ModelPart.ToolResult(item.Text("call_id") ?? "", ReadContent(item.Get("output")), IsError: false)]
                    )
                );
                break;
            case "reasoning":
                if (ReadReasoning(item) is { } thinking)
                    Parts(messages, ModelRole.Assistant).Add(thinking);
                break;
            default:
                throw new RequestFault("This model takes items of the types message, function_call, function_call_output and reasoning.");
        }
    }

    private static ModelPart? ReadReasoning(JsonElement item)
    {
        var text = string.Concat(item.Items("summary").Select(s => s.Text("text")));
        return item.Text("encrypted_content") switch
        {
            { } signed when signed.StartsWith(SignatureMark, StringComparison.Ordinal) => new ModelPart.Thinking(
                text,
                signed[SignatureMark.Length..]
            ),
            { } hidden when hidden.StartsWith(RedactedMark, StringComparison.Ordinal) => new ModelPart.RedactedThinking(
                hidden[RedactedMark.Length..]
            ),
            _ => text.Length > 0 ? new ModelPart.Thinking(text, null) : null,
        };
    }

    /// <summary>Items of one answer belong to one message: the last, when it is an assistant's.</summary>
    private static List<ModelPart> Parts(List<ModelMessage> messages, ModelRole role)
    {
        if (role == ModelRole.Assistant && messages is [.., { Role: ModelRole.Assistant } last])
            return last.Parts;
        var message = new ModelMessage(role, []);
        messages.Add(message);
        return message.Parts;
    }

    private static List<ModelPart> ReadContent(JsonElement? content) =>
        content switch
        {
            null => [],
            { ValueKind: JsonValueKind.String } text => [new ModelPart.Text(text.GetString()!)],
            { ValueKind: JsonValueKind.Array } parts => [.. parts.EnumerateArray().Select(ReadPart)],
            _ => throw new RequestFault("content must be a text or a list of parts."),
        };

    private static ModelPart ReadPart(JsonElement part)
    {
        switch (part.Text("type"))
        {
            case "input_text" or "output_text" or "text":
                return new ModelPart.Text(part.Text("text") ?? "");
            case "refusal":
                return new ModelPart.Text(part.Text("refusal") ?? "");
            case "input_image" when part.Text("image_url") is { } url:
                return JsonReading.DataUrl(url) is { } data
                    ? new ModelPart.Image(null, data.MediaType, data.Base64, part.Text("detail"))
                    : new ModelPart.Image(url, null, null, part.Text("detail"));
            case "input_file" when JsonReading.DataUrl(part.Text("file_data")) is { } document:
                return new ModelPart.Document(part.Text("filename"), null, document.MediaType, document.Base64);
            case "input_file" when part.Text("file_url") is { } url:
                return new ModelPart.Document(part.Text("filename"), url, null, null);
            default:
                throw new RequestFault(
                    "This model takes parts of the types input_text, input_image with image_url and input_file with data."
                );
        }
    }
}
