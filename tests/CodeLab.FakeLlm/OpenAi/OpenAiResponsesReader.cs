using System.Text.Json;

namespace CodeLab.FakeLlm;

/// <summary>Reads Responses requests, and refuses what the real API refuses.</summary>
internal static class OpenAiResponsesReader
{
    public static ChatView Read(JsonElement body, bool strict, out string? refusal)
    {
        var system = new List<string>();
        var messages = new List<ChatViewMessage>();
        if (body.GetText("instructions") is { } instructions)
            system.Add(instructions);
        if (body.GetText("input") is { } text)
            messages.Add(new ChatViewMessage("user", text));
        foreach (var item in body.GetItems("input"))
        {
            switch (item.GetText("type") ?? "message")
            {
                case "function_call":
                    messages.Add(
                        new ChatViewMessage("assistant", "")
                        {
                            ToolCalls =
                            [
                                new ChatViewToolCall(item.GetText("call_id"), item.GetText("name") ?? "", item.GetText("arguments") ?? ""),
                            ],
                        }
                    );
                    break;
                case "function_call_output":
                    messages.Add(
                        new ChatViewMessage("tool", Json.ContentText(item.Get("output"))) { ToolCallId = item.GetText("call_id") }
                    );
                    break;
                case "reasoning":
                    messages.Add(new ChatViewMessage("assistant", "") { Reasoning = Json.ContentText(item.Get("summary")) });
                    break;
                case "message" when item.GetText("role") is "system" or "developer":
                    system.Add(Json.ContentText(item.Get("content")));
                    break;
                case "message":
                    messages.Add(new ChatViewMessage(item.GetText("role") ?? "user", Json.ContentText(item.Get("content"))));
                    break;
            }
        }

        var view = new ChatView
        {
            Dialect = "responses",
            Model = body.GetText("model") ?? "",
            Stream = body.GetFlag("stream") ?? false,
            SystemText = string.Join("\n\n", system),
            Messages = Json.NameToolResults(messages),
            Tools = [.. body.GetItems("tools").Where(t => t.GetText("type") == "function").Select(OpenAiChatReader.ReadTool)],
            LooksLikeRouting = body.Get("text")?.Get("format")?.GetText("name") == "agent_route" || RoutingMarker.IsIn(system),
        };
        refusal = view switch
        {
            { Model.Length: 0 } => "you must provide a model parameter",
            { Messages.Count: 0 } when system.Count == 0 => "Missing required parameter: 'input'.",
            _ when body.GetText("previous_response_id") is { } id => $"Previous response with id '{id}' not found.",
            _ when strict => CheckCalls(messages) ?? OpenAiChatReader.CheckTools(view.Tools),
            _ => null,
        };
        return view;
    }

    private static string? CheckCalls(List<ChatViewMessage> messages)
    {
        var calls = messages.SelectMany(m => m.ToolCalls).Select(c => c.Id).ToHashSet(StringComparer.Ordinal);
        var results = messages.Where(m => m.Role == "tool").Select(m => m.ToolCallId).ToList();
        if (results.FirstOrDefault(id => !calls.Contains(id)) is { } orphan)
            return $"No tool call found for function call output with call_id {orphan}.";
        return calls.FirstOrDefault(id => !results.Contains(id, StringComparer.Ordinal)) is { } open
            ? $"No tool output found for function call {open}."
            : null;
    }
}
