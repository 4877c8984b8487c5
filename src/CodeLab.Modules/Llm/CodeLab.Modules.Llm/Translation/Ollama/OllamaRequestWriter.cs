using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Translation.AnthropicMessages;
using CodeLab.Modules.Llm.Translation.OpenAiChat;

namespace CodeLab.Modules.Llm.Translation.Ollama;

/// <summary>Writes chat requests for Ollama.</summary>
internal static class OllamaRequestWriter
{
    public static void Write(Utf8JsonWriter json, ModelRequest request, CallTarget target)
    {
        json.WriteStartObject();
        json.WriteString("model", target.Model);
        json.WriteBoolean("stream", request.Stream);
        // True is what every thinking model takes; efforts are understood by few.
        if (request.Reasoning is { } reasoning)
            json.WriteBoolean("think", !reasoning.IsOff);
        if (request.Format is { } format)
        {
            json.WritePropertyName("format");
            if (format.Schema is { } schema)
                schema.WriteTo(json);
            else
                json.WriteStringValue("json");
        }
        WriteOptions(json, request, target);
        WriteTools(json, request);
        json.WriteStartArray("messages");
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var message in request.Messages)
            WriteMessage(json, message, names);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteOptions(Utf8JsonWriter json, ModelRequest request, CallTarget target)
    {
        json.WriteStartObject("options");
        // Ollama's own default silently drops the beginning of a long prompt.
        if (target.Facts.ContextWindow is { } window)
            json.WriteNumber("num_ctx", window);
        if (request.MaxOutputTokens is { } most)
            json.WriteNumber("num_predict", most);
        if (request.Temperature is { } temperature)
            json.WriteNumber("temperature", temperature);
        if (request.TopP is { } topP)
            json.WriteNumber("top_p", topP);
        if (request.TopK is { } topK)
            json.WriteNumber("top_k", topK);
        if (request.PresencePenalty is { } presence)
            json.WriteNumber("presence_penalty", presence);
        if (request.FrequencyPenalty is { } frequency)
            json.WriteNumber("frequency_penalty", frequency);
        if (request.Seed is { } seed)
            json.WriteNumber("seed", seed);
        if (request.Stop.Count > 0)
        {
            json.WriteStartArray("stop");
            foreach (var stop in request.Stop)
                json.WriteStringValue(stop);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private static void WriteTools(Utf8JsonWriter json, ModelRequest request)
    {
        // It has no tool_choice: "none" is said by offering none.
        if (request.Tools.Count == 0 || request.ToolChoice is { Mode: "none" })
            return;
        json.WriteStartArray("tools");
        foreach (var tool in request.Tools.Where(t => request.ToolChoice is not { Mode: "tool" } one || one.Name == t.Name))
        {
            json.WriteStartObject();
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            ChatRequestWriter.WriteFunction(json, tool with { Strict = null });
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteMessage(Utf8JsonWriter json, ModelMessage message, Dictionary<string, string> names)
    {
        foreach (var result in message.Parts.OfType<ModelPart.ToolResult>())
        {
            json.WriteStartObject();
            json.WriteString("role", "tool");
            json.WriteString("content", ChatRequestWriter.TextOf(result));
            json.WriteString("tool_call_id", result.CallId);
            if (names.TryGetValue(result.CallId, out var name))
                json.WriteString("tool_name", name);
            json.WriteEndObject();
        }
        var parts = message.Parts.Where(p => p is not ModelPart.ToolResult).ToList();
        if (parts.Count == 0)
            return;
        if (parts.Exists(p => p is ModelPart.Document or ModelPart.Image { Base64: null }))
            throw new RequestFault("The provider of this model takes images as Base64 only, and no documents.");
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
        json.WriteString("content", string.Join("\n\n", parts.OfType<ModelPart.Text>().Select(t => t.Value)));
        var thinking = string.Concat(parts.OfType<ModelPart.Thinking>().Select(t => t.Value));
        if (thinking.Length > 0)
            json.WriteString("thinking", thinking);
        var images = parts.OfType<ModelPart.Image>().ToList();
        if (images.Count > 0)
        {
            json.WriteStartArray("images");
            foreach (var image in images)
                json.WriteStringValue(image.Base64);
            json.WriteEndArray();
        }
        var calls = parts.OfType<ModelPart.ToolCall>().ToList();
        if (calls.Count > 0)
        {
            json.WriteStartArray("tool_calls");
            foreach (var call in calls)
            {
                names[call.Id] = call.Name;
                json.WriteStartObject();
                json.WriteString("id", call.Id);
                json.WriteStartObject("function");
                json.WriteString("name", call.Name);
                json.WritePropertyName("arguments");
                MessagesRequestWriter.WriteArguments(json, call.Arguments);
                json.WriteEndObject();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }
}
