using System.Text.Json;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Translation.OpenAiChat;

/// <summary>Writes requests for OpenAI Chat Completions. Only what every compatible server understands is written unless it was asked for.</summary>
internal static class ChatRequestWriter
{
    public static void Write(Utf8JsonWriter json, ModelRequest request, CallTarget target)
    {
        json.WriteStartObject();
        json.WriteString("model", target.Model);
        if (request.Stream)
        {
            json.WriteBoolean("stream", true);
            json.WriteStartObject("stream_options");
            json.WriteBoolean("include_usage", true);
            json.WriteEndObject();
        }
        WriteParameters(json, request, target);
        json.WriteStartArray("messages");
        foreach (var message in request.Messages)
            WriteMessage(json, message);
        json.WriteEndArray();
        WriteTools(json, request);
        WriteFormat(json, request.Format);
        json.WriteEndObject();
    }

    private static void WriteParameters(Utf8JsonWriter json, ModelRequest request, CallTarget target)
    {
        // Reasoning models refuse a temperature with 400, and know the limit under its newer name only.
        if (request.MaxOutputTokens is { } most)
            json.WriteNumber(target.Facts.Reasoning ? "max_completion_tokens" : "max_tokens", most);
        if (!target.Facts.Reasoning)
        {
            Number(json, "temperature", request.Temperature);
            Number(json, "top_p", request.TopP);
            Number(json, "presence_penalty", request.PresencePenalty);
            Number(json, "frequency_penalty", request.FrequencyPenalty);
        }
        else if (request.Reasoning is { } reasoning)
        {
            json.WriteString("reasoning_effort", reasoning.Effort);
        }
        if (request.Seed is { } seed)
            json.WriteNumber("seed", seed);
        if (request.LogProbs)
        {
            json.WriteBoolean("logprobs", true);
            if (request.TopLogProbs is { } top)
                json.WriteNumber("top_logprobs", top);
        }
        if (request.Stop.Count > 0)
        {
            json.WriteStartArray("stop");
            foreach (var stop in request.Stop)
                json.WriteStringValue(stop);
            json.WriteEndArray();
        }
        if (request.User is { } user)
            json.WriteString("user", user);
    }

    private static void WriteMessage(Utf8JsonWriter json, ModelMessage message)
    {
        // Results are messages of their own here, and come before what else their message says.
        foreach (var result in message.Parts.OfType<ModelPart.ToolResult>())
        {
            json.WriteStartObject();
            json.WriteString("role", "tool");
            json.WriteString("tool_call_id", result.CallId);
            json.WriteString("content", TextOf(result));
            json.WriteEndObject();
        }
        var parts = message.Parts.Where(p => p is not ModelPart.ToolResult).ToList();
        if (parts.Count == 0 && message.Parts.Count > 0)
            return;
        json.WriteStartObject();
        json.WriteString(
            "role",
            message.Role switch
            {
                ModelRole.System => "system",
                ModelRole.Assistant => "assistant",
                _ => "user",
            }
        );
        var calls = parts.OfType<ModelPart.ToolCall>().ToList();
        WriteContent(json, parts, mayBeNull: calls.Count > 0);
        if (calls.Count > 0)
        {
            json.WriteStartArray("tool_calls");
            foreach (var call in calls)
            {
                json.WriteStartObject();
                json.WriteString("id", call.Id);
                json.WriteString("type", "function");
                json.WriteStartObject("function");
                json.WriteString("name", call.Name);
                json.WriteString("arguments", call.Arguments);
                json.WriteEndObject();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private static void WriteContent(Utf8JsonWriter json, List<ModelPart> parts, bool mayBeNull)
    {
        if (parts.TrueForAll(p => p is not (ModelPart.Image or ModelPart.Document)))
        {
            // One text: lists of parts are not read by every compatible server.
            var text = string.Join("\n\n", parts.OfType<ModelPart.Text>().Select(t => t.Value));
            if (text.Length == 0 && mayBeNull)
                json.WriteNull("content");
            else
                json.WriteString("content", text);
            return;
        }
        json.WriteStartArray("content");
        foreach (var part in parts)
            WritePart(json, part);
        json.WriteEndArray();
    }

    private static void WritePart(Utf8JsonWriter json, ModelPart part)
    {
        switch (part)
        {
            case ModelPart.Text text:
                json.WriteStartObject();
                json.WriteString("type", "text");
                json.WriteString("text", text.Value);
                json.WriteEndObject();
                break;
            case ModelPart.Image image:
                json.WriteStartObject();
                json.WriteString("type", "image_url");
                json.WriteStartObject("image_url");
                json.WriteString("url", image.Url ?? $"data:{image.MediaType};base64,{image.Base64}");
                if (image.Detail is { } detail)
                    json.WriteString("detail", detail);
                json.WriteEndObject();
                json.WriteEndObject();
                break;
            case ModelPart.Document { Base64: { } data } document:
                json.WriteStartObject();
                json.WriteString("type", "file");
                json.WriteStartObject("file");
                json.WriteString("filename", document.Name ?? "document");
                json.WriteString("file_data", $"data:{document.MediaType};base64,{data}");
                json.WriteEndObject();
                json.WriteEndObject();
                break;
            case ModelPart.Document:
                throw new RequestFault("The provider of this model takes documents as Base64 only.");
        }
    }

    private static void WriteTools(Utf8JsonWriter json, ModelRequest request)
    {
        if (request.Tools.Count == 0)
            return;
        json.WriteStartArray("tools");
        foreach (var tool in request.Tools)
        {
            json.WriteStartObject();
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            WriteFunction(json, tool);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (request.ToolChoice is { Mode: "tool", Name: { } name })
        {
            json.WriteStartObject("tool_choice");
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            json.WriteString("name", name);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        else if (request.ToolChoice is { } choice)
        {
            json.WriteString("tool_choice", choice.Mode);
        }
        if (request.ParallelToolCalls is { } parallel)
            json.WriteBoolean("parallel_tool_calls", parallel);
    }

    /// <summary>Members of a function; Ollama's are the same.</summary>
    internal static void WriteFunction(Utf8JsonWriter json, ModelTool tool)
    {
        json.WriteString("name", tool.Name);
        if (tool.Description is { } description)
            json.WriteString("description", description);
        if (tool.Schema is { } schema)
        {
            json.WritePropertyName("parameters");
            schema.WriteTo(json);
        }
        if (tool.Strict is { } strict)
            json.WriteBoolean("strict", strict);
    }

    private static void WriteFormat(Utf8JsonWriter json, AnswerFormat? format)
    {
        if (format is null)
            return;
        json.WriteStartObject("response_format");
        json.WriteString("type", format.Schema is null ? "json_object" : "json_schema");
        if (format.Schema is { } schema)
        {
            json.WriteStartObject("json_schema");
            json.WriteString("name", format.Name ?? "answer");
            if (format.Description is { } description)
                json.WriteString("description", description);
            json.WritePropertyName("schema");
            schema.WriteTo(json);
            if (format.Strict is { } strict)
                json.WriteBoolean("strict", strict);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    /// <summary>A result as one text; a failed one says so, since this dialect has no mark for it.</summary>
    internal static string TextOf(ModelPart.ToolResult result)
    {
        if (result.Content.Exists(p => p is ModelPart.Image or ModelPart.Document))
            throw new RequestFault("The provider of this model takes results of tools as text only.");
        var text = string.Join("\n\n", result.Content.OfType<ModelPart.Text>().Select(t => t.Value));
        return result.IsError && !text.StartsWith("Error", StringComparison.OrdinalIgnoreCase) ? "Error: " + text : text;
    }

    private static void Number(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
            json.WriteNumber(name, number);
    }
}
