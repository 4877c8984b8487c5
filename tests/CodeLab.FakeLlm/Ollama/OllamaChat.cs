using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CodeLab.FakeLlm;

/// <summary>Ollama's own chat (github.com/ollama/ollama, docs/api.md): one JSON object a line; tool calls come whole, with arguments as object.</summary>
internal sealed class OllamaChat : ChatDialect
{
    public override string Name => "ollama";

    public override string StreamContentType => "application/x-ndjson";

    public override string? RequestIdHeader => null;

    public override string GarbageLine => "{\"model\":\"broken\n";

    public override ChatView Read(JsonElement body, bool strict, out string? refusal)
    {
        var system = new List<string>();
        var messages = new List<ChatViewMessage>();
        foreach (var message in body.GetItems("messages"))
        {
            var text = message.GetText("content") ?? "";
            switch (message.GetText("role"))
            {
                case "system":
                    system.Add(text);
                    break;
                case "tool":
                    messages.Add(
                        new ChatViewMessage("tool", text)
                        {
                            ToolName = message.GetText("tool_name") ?? message.GetText("name"),
                            ToolCallId = message.GetText("tool_call_id"),
                        }
                    );
                    break;
                case "assistant":
                    messages.Add(
                        new ChatViewMessage("assistant", text) { ToolCalls = ReadCalls(message), Reasoning = message.GetText("thinking") }
                    );
                    break;
                default:
                    messages.Add(new ChatViewMessage("user", text));
                    break;
            }
        }

        var model = body.GetText("model") ?? "";
        refusal = model.Length == 0 ? "model is required" : null;
        return new ChatView
        {
            Dialect = Name,
            Model = model,
            Stream = body.GetFlag("stream") ?? true,
            SystemText = string.Join("\n\n", system),
            Messages = NameByOrder(Json.NameToolResults(messages)),
            Tools = [.. body.GetItems("tools").Select(t => t.Get("function")).OfType<JsonElement>().Select(OpenAiChatReader.ReadTool)],
            LooksLikeRouting = RoutingMarker.IsIn(system) || Json.IsRouteSchema(body.Get("format")),
        };
    }

    public override IEnumerable<Frame> Stream(Plan plan)
    {
        foreach (var delta in plan.ReasoningDeltas)
            yield return Frame.Delta(Line(plan, new JsonObject { ["content"] = "", ["thinking"] = delta }));
        foreach (var delta in plan.TextDeltas)
            yield return Frame.Delta(Line(plan, new JsonObject { ["content"] = delta }));
        for (var i = 0; i < plan.ToolCalls.Count; i++)
        {
            if (Call(plan.ToolCalls[i], i) is not { } call)
            {
                yield return Frame.Structure(ParsingFailed(plan.ToolCalls[i]) + "\n");
                yield break;
            }

            yield return Frame.Delta(Line(plan, new JsonObject { ["content"] = "", ["tool_calls"] = new JsonArray(call) }));
        }

        yield return Frame.Structure(plan.Write(Done(plan, new JsonObject { ["role"] = "assistant", ["content"] = "" })) + "\n");
    }

    public override string Whole(Plan plan)
    {
        var message = new JsonObject { ["role"] = "assistant", ["content"] = plan.Text };
        if (plan.ReasoningDeltas.Count > 0)
            message["thinking"] = plan.Reasoning;
        if (plan.ToolCalls.Count > 0)
        {
            if (plan.ToolCalls.FirstOrDefault(c => c.Arguments is null) is { } broken)
                return ParsingFailed(broken);
            message["tool_calls"] = new JsonArray([.. plan.ToolCalls.Select(Call)]);
        }

        return plan.Write(Done(plan, message));
    }

    public override string ErrorBody(int status, string message) => Error(message);

    public override string ErrorEvent(string message) => Error(message) + "\n";

    internal static string Error(string message) => Json.Write(new JsonObject { ["error"] = message });

    /// <summary>What Ollama says when a model's call is no JSON.</summary>
    private static string ParsingFailed(PlannedToolCall call) =>
        Error($"error parsing tool call: raw='{call.ArgumentsText}', err=unexpected end of JSON input");

    private static JsonObject? Call(PlannedToolCall call, int index) =>
        call.Arguments is { } arguments
            ? new JsonObject
            {
                ["id"] = call.Id("call_"),
                ["function"] = new JsonObject
                {
                    ["index"] = index,
                    ["name"] = call.Name,
                    ["arguments"] = arguments,
                },
            }
            : null;

    private static string Line(Plan plan, JsonObject message)
    {
        message.Insert(0, "role", "assistant");
        return plan.Write(
                new JsonObject
                {
                    ["model"] = plan.Chat.Model,
                    ["created_at"] = Time(plan),
                    ["message"] = message,
                    ["done"] = false,
                }
            ) + "\n";
    }

    private static JsonObject Done(Plan plan, JsonObject message) =>
        new()
        {
            ["model"] = plan.Chat.Model,
            ["created_at"] = Time(plan),
            ["message"] = message,
            ["done"] = true,
            // Ollama says "stop" after tool calls too.
            ["done_reason"] = plan.FinishReason == "tool_calls" ? "stop" : plan.FinishReason,
            ["total_duration"] = 5_000_000L,
            ["load_duration"] = 1_000_000L,
            ["prompt_eval_count"] = plan.Usage.InputTokens,
            ["prompt_eval_duration"] = 2_000_000L,
            ["eval_count"] = plan.Usage.OutputTokens,
            ["eval_duration"] = 2_000_000L,
        };

    private static string Time(Plan plan) =>
        DateTimeOffset.FromUnixTimeSeconds(plan.Created).ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private static List<ChatViewToolCall> ReadCalls(JsonElement message) =>
        [
            .. message
                .GetItems("tool_calls")
                .Select(c => new ChatViewToolCall(
                    c.GetText("id"),
                    c.Get("function")?.GetText("name") ?? "",
                    c.Get("function")?.Get("arguments")?.GetRawText() ?? "{}"
                )),
        ];

    /// <summary>Results without name and id answer the calls in their order.</summary>
    private static List<ChatViewMessage> NameByOrder(List<ChatViewMessage> messages)
    {
        var open = new Queue<string>();
        for (var i = 0; i < messages.Count; i++)
        {
            foreach (var call in messages[i].ToolCalls)
                open.Enqueue(call.Name);
            if (messages[i].Role != "tool" || !open.TryDequeue(out var name))
                continue;
            if (messages[i].ToolName is null)
                messages[i] = messages[i] with { ToolName = name };
        }

        return messages;
    }
}
