using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace CodeLab.FakeLlm;

/// <summary>Reads Messages requests, and refuses what the real API refuses.</summary>
internal static class AnthropicReader
{
    /// <summary>The signature of a thinking block: it lets the fake see whether a block came back as it was sent.</summary>
    public static string Sign(string thinking) =>
        Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes("signed thinking:" + thinking)));

    public static ChatView Read(JsonElement body, bool strict, out string? refusal)
    {
        var messages = new List<ChatViewMessage>();
        refusal = null;
        foreach (var message in body.GetItems("messages"))
        {
            if (message.GetText("role") is not ("user" or "assistant") || message.Get("content") is null)
                refusal ??= "messages: each message needs role 'user' or 'assistant' and content";
            if (message.GetText("role") == "assistant")
                messages.Add(ReadAssistant(message, strict, ref refusal));
            else
                ReadUser(message, messages, strict, ref refusal);
        }

        var system = new List<string> { Json.ContentText(body.Get("system")) };
        var view = new ChatView
        {
            Dialect = "anthropic",
            Model = body.GetText("model") ?? "",
            Stream = body.GetFlag("stream") ?? false,
            SystemText = system[0],
            Messages = Json.NameToolResults(messages),
            Tools =
            [
                .. body.GetItems("tools")
                    .Select(t => new ChatViewTool(
                        t.GetText("name") ?? "",
                        t.GetText("description"),
                        t.Get("input_schema") ?? JsonDocument.Parse("{}").RootElement
                    )),
            ],
            LooksLikeRouting =
                RoutingMarker.IsIn(system)
                || Json.IsRouteSchema(body.Get("output_config")?.Get("format")?.Get("schema") ?? body.Get("output_format")?.Get("schema")),
        };
        if (view.Model.Length == 0)
            refusal = "model: Field required";
        else if (messages.Count == 0)
            refusal = "messages: at least one message is required";
        else if (strict)
            refusal ??= CheckCalls(body) ?? CheckTools(view.Tools);
        return view;
    }

    /// <summary>Only the Messages call needs it; counting tokens does not.</summary>
    public static string? CheckMaxTokens(JsonElement body) =>
        body.Get("max_tokens") is { ValueKind: JsonValueKind.Number } ? null : "max_tokens: Field required";

    private static ChatViewMessage ReadAssistant(JsonElement message, bool strict, ref string? refusal)
    {
        var calls = new List<ChatViewToolCall>();
        var texts = new List<string>();
        string? reasoning = null;
        foreach (var block in Blocks(message))
        {
            switch (block.GetText("type"))
            {
                case "text":
                    texts.Add(block.GetText("text") ?? "");
                    break;
                case "thinking":
                    reasoning += block.GetText("thinking");
                    if (strict && block.GetText("signature") != Sign(block.GetText("thinking") ?? ""))
                        refusal ??= "messages: Invalid `signature` in `thinking` block";
                    break;
                case "tool_use":
                    calls.Add(
                        new ChatViewToolCall(block.GetText("id"), block.GetText("name") ?? "", block.Get("input")?.GetRawText() ?? "{}")
                    );
                    break;
            }
        }

        if (strict && texts.Any(t => t.Length == 0))
            refusal ??= "messages: text content blocks must be non-empty";
        return new ChatViewMessage("assistant", string.Join('\n', texts)) { ToolCalls = calls, Reasoning = reasoning };
    }

    private static void ReadUser(JsonElement message, List<ChatViewMessage> messages, bool strict, ref string? refusal)
    {
        var texts = new List<string>();
        foreach (var block in Blocks(message))
        {
            if (block.GetText("type") == "tool_result")
            {
                messages.Add(
                    new ChatViewMessage("tool", Json.ContentText(block.Get("content")))
                    {
                        ToolCallId = block.GetText("tool_use_id"),
                        IsError = block.GetFlag("is_error") ?? false,
                    }
                );
            }
            else if (block.GetText("type") == "text")
            {
                texts.Add(block.GetText("text") ?? "");
            }
        }

        if (strict && texts.Any(t => t.Length == 0))
            refusal ??= "messages: text content blocks must be non-empty";
        if (texts.Count > 0)
            messages.Add(new ChatViewMessage("user", string.Join('\n', texts)));
    }

    private static IEnumerable<JsonElement> Blocks(JsonElement message) =>
        message.Get("content") switch
        {
            { ValueKind: JsonValueKind.Array } blocks => blocks.EnumerateArray(),
            { ValueKind: JsonValueKind.String } text => [JsonSerializer.SerializeToElement(new { type = "text", text = text.GetString() })],
            _ => [],
        };

    /// <summary>The message after a tool_use answers all of them, before any other content; a tool_result answers the message before it.</summary>
    private static string? CheckCalls(JsonElement body)
    {
        var open = new List<string>();
        foreach (var message in body.GetItems("messages"))
        {
            var blocks = Blocks(message).ToList();
            if (message.GetText("role") == "assistant")
            {
                if (open.Count > 0)
                    break;
                open.AddRange(blocks.Where(b => b.GetText("type") == "tool_use").Select(b => b.GetText("id") ?? ""));
                continue;
            }

            foreach (var result in blocks.Where(b => b.GetText("type") == "tool_result"))
            {
                if (!open.Remove(result.GetText("tool_use_id") ?? ""))
                    return $"messages: unexpected `tool_use_id` found in `tool_result` blocks: {result.GetText("tool_use_id")}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.";
            }

            if (open.Count > 0)
                break;
        }

        return open.Count == 0
            ? null
            : $"messages: `tool_use` ids were found without `tool_result` blocks immediately after: {string.Join(", ", open)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.";
    }

    private static string? CheckTools(IReadOnlyList<ChatViewTool> tools) =>
        tools.Select(t => t.Name).Distinct(StringComparer.Ordinal).Count() == tools.Count
            ? OpenAiChatReader.CheckTools(tools)
            : "tools: Tool names must be unique.";
}
