using System.Text.Json;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Translation.AnthropicMessages;

/// <summary>Writes requests for Anthropic Messages: system texts first, users and assistants by turns, results before other content.</summary>
internal static class MessagesRequestWriter
{
    /// <summary>Anthropic wants a limit with every request; long enough for a file, short enough to be accepted by every model.</summary>
    private const int DefaultOutputTokens = 16_384;
    private const int DefaultOutputTokensOfUnknown = 8192;

    /// <summary>Least tokens Anthropic lets a model think.</summary>
    private const int LeastThinking = 1024;

    public static void Write(Utf8JsonWriter json, ModelRequest request, CallTarget target)
    {
        var most =
            request.MaxOutputTokens
            ?? (target.Facts.MaxOutputTokens is { } known ? Math.Min(known, DefaultOutputTokens) : DefaultOutputTokensOfUnknown);
        // Thoughts count as output, and the budget has to stay below the limit.
        var thinking = request.Reasoning is { IsOff: false } reasoning ? Math.Max(LeastThinking, reasoning.Tokens) : (int?)null;
        if (thinking >= most)
        {
            if (request.MaxOutputTokens is null)
                most = thinking.Value + DefaultOutputTokensOfUnknown;
            else
                thinking = most > LeastThinking ? Math.Max(LeastThinking, most / 2) : null;
        }
        json.WriteStartObject();
        json.WriteString("model", target.Model);
        json.WriteNumber("max_tokens", most);
        if (request.Stream)
            json.WriteBoolean("stream", true);
        if (thinking is { } budget)
        {
            json.WriteStartObject("thinking");
            json.WriteString("type", "enabled");
            json.WriteNumber("budget_tokens", budget);
            json.WriteEndObject();
        }
        // A model that thinks takes no temperature.
        else if (request.Temperature is { } temperature)
            json.WriteNumber("temperature", Math.Min(temperature, 1));
        // Newer models take one of the two.
        if (request.TopP is { } topP && request.Temperature is null)
            json.WriteNumber("top_p", topP);
        if (request.TopK is { } topK && thinking is null)
            json.WriteNumber("top_k", topK);
        if (request.Stop.Count > 0)
        {
            json.WriteStartArray("stop_sequences");
            // Blank ones are refused.
            foreach (var stop in request.Stop.Where(s => !string.IsNullOrWhiteSpace(s)))
                json.WriteStringValue(stop);
            json.WriteEndArray();
        }
        if (request.User is { } user)
        {
            json.WriteStartObject("metadata");
            json.WriteString("user_id", user);
            json.WriteEndObject();
        }
        WriteFormat(json, request.Format);
        WriteTools(json, request, thinking is not null);
        WriteSystem(json, request);
        WriteMessages(json, request);
        json.WriteEndObject();
    }

    private static void WriteFormat(Utf8JsonWriter json, AnswerFormat? format)
    {
        if (format?.Schema is not { } schema)
            return;
        json.WriteStartObject("output_config");
        json.WriteStartObject("format");
        json.WriteString("type", "json_schema");
        json.WritePropertyName("schema");
        schema.WriteTo(json);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteTools(Utf8JsonWriter json, ModelRequest request, bool thinks)
    {
        if (request.Tools.Count == 0)
            return;
        json.WriteStartArray("tools");
        foreach (var tool in request.Tools)
        {
            json.WriteStartObject();
            json.WriteString("name", tool.Name);
            if (tool.Description is { } description)
                json.WriteString("description", description);
            json.WritePropertyName("input_schema");
            if (tool.Schema is { } schema)
                schema.WriteTo(json);
            else
                json.WriteRawValue("""{"type":"object","properties":{}}""");
            Cache(json, tool.CacheControl);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        // While it thinks a model can not be forced.
        var mode = request.ToolChoice?.Mode ?? "auto";
        if (thinks && mode is "required" or "tool")
            mode = "auto";
        if (mode == "auto" && request.ParallelToolCalls is not false)
            return;
        json.WriteStartObject("tool_choice");
        json.WriteString(
            "type",
            mode switch
            {
                "required" => "any",
                _ => mode,
            }
        );
        if (mode == "tool")
            json.WriteString("name", request.ToolChoice!.Name);
        if (request.ParallelToolCalls is false && mode != "none")
            json.WriteBoolean("disable_parallel_tool_use", true);
        json.WriteEndObject();
    }

    private static void WriteSystem(Utf8JsonWriter json, ModelRequest request)
    {
        var texts = request.Messages.Where(m => m.Role == ModelRole.System).SelectMany(m => m.Parts).OfType<ModelPart.Text>();
        var system = texts.Where(t => t.Value.Length > 0).ToList();
        // There is no mode for "any JSON object": the model has to be told.
        if (request.Format is { Schema: null })
            system.Add(new ModelPart.Text("Answer with one valid JSON object and nothing else."));
        if (system.Count == 0)
            return;
        json.WriteStartArray("system");
        foreach (var text in system)
            WritePart(json, text);
        json.WriteEndArray();
    }

    private static void WriteMessages(Utf8JsonWriter json, ModelRequest request)
    {
        json.WriteStartArray("messages");
        var open = (ModelRole?)null;
        // Results of one answer's calls belong into one message, ahead of what the user then says.
        foreach (var message in request.Messages.Where(m => m.Role != ModelRole.System))
        {
            var role = message.Role == ModelRole.Assistant ? ModelRole.Assistant : ModelRole.User;
            var parts = message.Parts.Where(IsWritten).OrderBy(p => p is ModelPart.ToolResult ? 0 : 1).ToList();
            if (parts.Count == 0)
                continue;
            if (open != role)
            {
                if (open is not null)
                    EndMessage(json);
                json.WriteStartObject();
                json.WriteString("role", role == ModelRole.Assistant ? "assistant" : "user");
                json.WriteStartArray("content");
                open = role;
            }
            foreach (var part in parts)
                WritePart(json, part);
        }
        if (open is not null)
            EndMessage(json);
        json.WriteEndArray();
    }

    private static void EndMessage(Utf8JsonWriter json)
    {
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Empty texts and reasoning that nobody signed are refused.</summary>
    private static bool IsWritten(ModelPart part) =>
        part switch
        {
            ModelPart.Text text => text.Value.Length > 0,
            ModelPart.Thinking thinking => !string.IsNullOrEmpty(thinking.Signature),
            _ => true,
        };

    private static void WritePart(Utf8JsonWriter json, ModelPart part)
    {
        json.WriteStartObject();
        switch (part)
        {
            case ModelPart.Text text:
                json.WriteString("type", "text");
                json.WriteString("text", text.Value);
                break;
            case ModelPart.Image image:
                json.WriteString("type", "image");
                WriteSource(json, image.Url, image.MediaType, image.Base64);
                break;
            case ModelPart.Document document:
                json.WriteString("type", "document");
                WriteSource(json, document.Url, document.MediaType, document.Base64);
                if (document.Name is { } title)
                    json.WriteString("title", title);
                break;
            case ModelPart.Thinking thinking:
                json.WriteString("type", "thinking");
                json.WriteString("thinking", thinking.Value);
                json.WriteString("signature", thinking.Signature);
                break;
            case ModelPart.RedactedThinking redacted:
                json.WriteString("type", "redacted_thinking");
                json.WriteString("data", redacted.Data);
                break;
            case ModelPart.ToolCall call:
                json.WriteString("type", "tool_use");
                json.WriteString("id", call.Id);
                json.WriteString("name", call.Name);
                json.WritePropertyName("input");
                WriteArguments(json, call.Arguments);
                break;
            case ModelPart.ToolResult result:
                json.WriteString("type", "tool_result");
                json.WriteString("tool_use_id", result.CallId);
                json.WriteStartArray("content");
                foreach (var piece in result.Content.Where(IsWritten))
                    WritePart(json, piece);
                json.WriteEndArray();
                if (result.IsError)
                    json.WriteBoolean("is_error", true);
                break;
        }
        Cache(json, part.CacheControl);
        json.WriteEndObject();
    }

    private static void WriteSource(Utf8JsonWriter json, string? url, string? mediaType, string? base64)
    {
        json.WriteStartObject("source");
        json.WriteString("type", url is null ? "base64" : "url");
        if (url is not null)
        {
            json.WriteString("url", url);
        }
        else
        {
            json.WriteString("media_type", mediaType);
            json.WriteString("data", base64);
        }
        json.WriteEndObject();
    }

    /// <summary>An object is wanted here; what a model wrote that is none is wrapped as Anthropic itself does.</summary>
    internal static void WriteArguments(Utf8JsonWriter json, string arguments)
    {
        if (string.IsNullOrWhiteSpace(arguments))
        {
            json.WriteStartObject();
            json.WriteEndObject();
            return;
        }
        try
        {
            using var parsed = JsonDocument.Parse(arguments);
            if (parsed.RootElement.ValueKind == JsonValueKind.Object)
            {
                parsed.RootElement.WriteTo(json);
                return;
            }
        }
        catch (JsonException)
        {
            // Written below as the text it is, so that the model sees its own mistake.
        }
        json.WriteStartObject();
        json.WriteString("INVALID_JSON", arguments);
        json.WriteEndObject();
    }

    private static void Cache(Utf8JsonWriter json, JsonElement? cache)
    {
        if (cache is not { } mark)
            return;
        json.WritePropertyName("cache_control");
        mark.WriteTo(json);
    }
}
