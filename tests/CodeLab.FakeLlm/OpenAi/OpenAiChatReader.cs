using System.Text.Json;
using System.Text.RegularExpressions;

namespace CodeLab.FakeLlm;

/// <summary>Reads Chat Completions requests, and refuses what the real API refuses.</summary>
internal static partial class OpenAiChatReader
{
    public static ChatView Read(JsonElement body, bool strict, out string? refusal)
    {
        var system = new List<string>();
        var messages = new List<ChatViewMessage>();
        refusal = null;
        foreach (var message in body.GetItems("messages"))
        {
            var role = message.GetText("role") ?? "";
            var text = Json.ContentText(message.Get("content"));
            switch (role)
            {
                case "system" or "developer":
                    system.Add(text);
                    break;
                case "tool":
                    messages.Add(new ChatViewMessage("tool", text) { ToolCallId = message.GetText("tool_call_id") });
                    break;
                case "assistant":
                    messages.Add(
                        new ChatViewMessage("assistant", text)
                        {
                            ToolCalls = ReadCalls(message),
                            Reasoning = message.GetText("reasoning_content"),
                        }
                    );
                    break;
                case "user":
                    messages.Add(new ChatViewMessage("user", text));
                    break;
                default:
                    refusal =
                        $"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.";
                    break;
            }
        }

        var view = new ChatView
        {
            Dialect = "openai",
            Model = body.GetText("model") ?? "",
            Stream = body.GetFlag("stream") ?? false,
            IncludeUsage = body.Get("stream_options")?.GetFlag("include_usage") ?? false,
            SystemText = string.Join("\n\n", system),
            Messages = Json.NameToolResults(messages),
            Tools = [.. body.GetItems("tools").Select(t => t.Get("function")).OfType<JsonElement>().Select(ReadTool)],
            LooksLikeRouting = IsRouting(body) || RoutingMarker.IsIn(system),
        };
        if (view.Model.Length == 0)
            refusal = "you must provide a model parameter";
        else if (messages.Count == 0 && system.Count == 0)
            refusal = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.";
        else if (strict)
            refusal ??= CheckCalls(messages) ?? CheckTools(view.Tools);
        return view;
    }

    internal static ChatViewTool ReadTool(JsonElement function) =>
        new(
            function.GetText("name") ?? "",
            function.GetText("description"),
            (function.Get("parameters") ?? default).ValueKind == JsonValueKind.Object
                ? function.Get("parameters")!.Value
                : JsonDocument.Parse("{}").RootElement
        );

    private static List<ChatViewToolCall> ReadCalls(JsonElement message) =>
        [
            .. message
                .GetItems("tool_calls")
                .Select(c => new ChatViewToolCall(
                    c.GetText("id"),
                    c.Get("function")?.GetText("name") ?? "",
                    c.Get("function")?.GetText("arguments") ?? ""
                )),
        ];

    private static bool IsRouting(JsonElement body) =>
        body.Get("response_format") is { } format && format.Get("json_schema")?.GetText("name") == "agent_route";

    /// <summary>Every call is answered before the next message, and nothing else is.</summary>
    internal static string? CheckCalls(IReadOnlyList<ChatViewMessage> messages)
    {
        var open = new List<string>();
        foreach (var message in messages)
        {
            if (message.Role == "tool")
            {
                if (message.ToolCallId is not { } id)
                    return "Missing required parameter: 'messages[].tool_call_id'.";
                if (!open.Remove(id))
                    return "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                continue;
            }

            if (open.Count > 0)
                break;
            open.AddRange(message.ToolCalls.Select(c => c.Id ?? ""));
        }

        return open.Count == 0
            ? null
            : "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
                + $"The following tool_call_ids did not have response messages: {string.Join(", ", open)}";
    }

    internal static string? CheckTools(IReadOnlyList<ChatViewTool> tools)
    {
        var bad = tools.FirstOrDefault(t => !ToolName().IsMatch(t.Name));
        return bad is null
            ? null
            : $"Invalid 'tools[].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$', got '{bad.Name}'.";
    }

    [GeneratedRegex("^[a-zA-Z0-9_-]{1,64}$", RegexOptions.None, matchTimeoutMilliseconds: 5000)]
    private static partial Regex ToolName();
}

/// <summary>The line by which a routing call is known where the dialect has no named schema.</summary>
internal static class RoutingMarker
{
    private const string Line = "CODELAB-ROUTE";

    public static bool IsIn(IEnumerable<string> system) =>
        system.Any(text => text.Split('\n').Any(line => line.Trim().Equals(Line, StringComparison.Ordinal)));
}
