using System.Text.Json;
using System.Text.Json.Nodes;

namespace CodeLab.FakeLlm;

/// <summary>OpenAI Responses (platform.openai.com/docs/api-reference/responses, …/responses-streaming), without stored conversations.</summary>
internal sealed class OpenAiResponses : ChatDialect
{
    public override string Name => "responses";

    public override string StreamContentType => "text/event-stream; charset=utf-8";

    public override string? RequestIdHeader => "x-request-id";

    public override string GarbageLine => "event: response.output_text.delta\ndata: {\"type\":\"response.output_te\n\n";

    public override ChatView Read(JsonElement body, bool strict, out string? refusal) =>
        OpenAiResponsesReader.Read(body, strict, out refusal);

    public override IEnumerable<Frame> Stream(Plan plan)
    {
        var number = 0;
        yield return Frame.Opening(Event(plan, number++, "response.created", With("response", Response(plan, "in_progress", []))));
        yield return Frame.Opening(Event(plan, number++, "response.in_progress", With("response", Response(plan, "in_progress", []))));

        var items = Items(plan);
        for (var i = 0; i < items.Count; i++)
        {
            foreach (var (kind, type, members) in ItemEvents(items[i], i))
                yield return new Frame(kind, Event(plan, number++, type, members));
        }

        var status = Status(plan);
        yield return Frame.Structure(
            Event(
                plan,
                number,
                $"response.{status}",
                With("response", Response(plan, status, [.. items.Select(item => item.Whole.DeepClone())]))
            )
        );
    }

    public override string Whole(Plan plan) => plan.Write(Response(plan, Status(plan), [.. Items(plan).Select(item => item.Whole)]));

    public override string ErrorBody(int status, string message) => OpenAiChat.Error(status, message);

    public override string ErrorEvent(string message) =>
        "event: error\ndata: "
        + Json.Write(
            new JsonObject
            {
                ["type"] = "error",
                ["sequence_number"] = 0,
                ["code"] = "server_error",
                ["message"] = message,
                ["param"] = null,
            }
        )
        + "\n\n";

    private static string Status(Plan plan) => plan.FinishReason is "length" or "content_filter" ? "incomplete" : "completed";

    private static List<Item> Items(Plan plan)
    {
        var items = new List<Item>();
        if (plan.ReasoningDeltas.Count > 0)
        {
            items.Add(
                new Item(
                    "reasoning",
                    Json.Id("rs_", plan.Seed),
                    plan.ReasoningDeltas,
                    new JsonObject
                    {
                        ["id"] = Json.Id("rs_", plan.Seed),
                        ["type"] = "reasoning",
                        ["summary"] = new JsonArray(new JsonObject { ["type"] = "summary_text", ["text"] = plan.Reasoning }),
                    }
                )
            );
        }

        if (plan.TextDeltas.Count > 0)
        {
            items.Add(
                new Item(
                    "message",
                    Json.Id("msg_", plan.Seed),
                    plan.TextDeltas,
                    new JsonObject
                    {
                        ["id"] = Json.Id("msg_", plan.Seed),
                        ["type"] = "message",
                        ["status"] = "completed",
                        ["role"] = "assistant",
                        ["content"] = new JsonArray(TextPart(plan.Text)),
                    }
                )
            );
        }

        foreach (var call in plan.ToolCalls)
        {
            items.Add(
                new Item(
                    "function_call",
                    call.Id("fc_"),
                    call.Fragments,
                    new JsonObject
                    {
                        ["id"] = call.Id("fc_"),
                        ["type"] = "function_call",
                        ["status"] = "completed",
                        ["call_id"] = call.Id("call_"),
                        ["name"] = call.Name,
                        ["arguments"] = call.ArgumentsText,
                    }
                )
            );
        }

        return items;
    }

    private static IEnumerable<(FrameKind Kind, string Type, JsonObject Members)> ItemEvents(Item item, int index)
    {
        JsonObject Members(params ReadOnlySpan<(string Name, JsonNode? Value)> more)
        {
            var members = new JsonObject { ["item_id"] = item.Id, ["output_index"] = index };
            foreach (var (name, value) in more)
                members[name] = value;
            return members;
        }

        var added = (JsonObject)item.Whole.DeepClone();
        if (added.ContainsKey("status"))
            added["status"] = "in_progress";
        foreach (var content in new[] { "summary", "content" }.Where(added.ContainsKey))
            added[content] = new JsonArray();
        if (item.Type == "function_call")
            added["arguments"] = "";
        yield return (FrameKind.Structure, "response.output_item.added", new JsonObject { ["output_index"] = index, ["item"] = added });

        var whole = string.Concat(item.Deltas);
        switch (item.Type)
        {
            case "message":
                yield return (FrameKind.Structure, "response.content_part.added", Members(("content_index", 0), ("part", TextPart(""))));
                foreach (var delta in item.Deltas)
                    yield return (
                        FrameKind.Delta,
                        "response.output_text.delta",
                        Members(("content_index", 0), ("delta", delta), ("logprobs", new JsonArray()))
                    );
                yield return (
                    FrameKind.Structure,
                    "response.output_text.done",
                    Members(("content_index", 0), ("text", whole), ("logprobs", new JsonArray()))
                );
                yield return (FrameKind.Structure, "response.content_part.done", Members(("content_index", 0), ("part", TextPart(whole))));
                break;
            case "reasoning":
                yield return (
                    FrameKind.Structure,
                    "response.reasoning_summary_part.added",
                    Members(("summary_index", 0), ("part", SummaryPart("")))
                );
                foreach (var delta in item.Deltas)
                    yield return (
                        FrameKind.Delta,
                        "response.reasoning_summary_text.delta",
                        Members(("summary_index", 0), ("delta", delta))
                    );
                yield return (FrameKind.Structure, "response.reasoning_summary_text.done", Members(("summary_index", 0), ("text", whole)));
                yield return (
                    FrameKind.Structure,
                    "response.reasoning_summary_part.done",
                    Members(("summary_index", 0), ("part", SummaryPart(whole)))
                );
                break;
            default:
                foreach (var delta in item.Deltas)
                    yield return (FrameKind.Delta, "response.function_call_arguments.delta", Members(("delta", delta)));
                yield return (FrameKind.Structure, "response.function_call_arguments.done", Members(("arguments", whole)));
                break;
        }

        yield return (
            FrameKind.Structure,
            "response.output_item.done",
            new JsonObject { ["output_index"] = index, ["item"] = item.Whole.DeepClone() }
        );
    }

    private static JsonObject With(string name, JsonNode value) => new() { [name] = value };

    private static JsonObject TextPart(string text) =>
        new()
        {
            ["type"] = "output_text",
            ["text"] = text,
            ["annotations"] = new JsonArray(),
            ["logprobs"] = new JsonArray(),
        };

    private static JsonObject SummaryPart(string text) => new() { ["type"] = "summary_text", ["text"] = text };

    private static JsonObject Response(Plan plan, string status, JsonArray output) =>
        new()
        {
            ["id"] = Json.Id("resp_", plan.Seed),
            ["object"] = "response",
            ["created_at"] = plan.Created,
            ["status"] = status,
            ["background"] = false,
            ["error"] = null,
            ["incomplete_details"] =
                status == "incomplete"
                    ? new JsonObject { ["reason"] = plan.FinishReason == "length" ? "max_output_tokens" : "content_filter" }
                    : null,
            ["instructions"] = null,
            ["max_output_tokens"] = null,
            ["model"] = plan.Chat.Model,
            ["output"] = output,
            ["parallel_tool_calls"] = true,
            ["previous_response_id"] = null,
            ["reasoning"] = new JsonObject { ["effort"] = null, ["summary"] = null },
            ["store"] = false,
            ["temperature"] = 1.0,
            ["text"] = new JsonObject { ["format"] = new JsonObject { ["type"] = "text" } },
            ["tool_choice"] = "auto",
            ["tools"] = new JsonArray(),
            ["top_p"] = 1.0,
            ["truncation"] = "disabled",
            ["usage"] = status == "in_progress" ? null : Usage(plan.Usage),
            ["user"] = null,
            ["metadata"] = new JsonObject(),
        };

    private static JsonObject Usage(ScriptedUsage usage) =>
        new()
        {
            ["input_tokens"] = usage.InputTokens,
            ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = usage.CacheReadTokens },
            ["output_tokens"] = usage.OutputTokens,
            ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = usage.ReasoningTokens },
            ["total_tokens"] = usage.InputTokens + usage.OutputTokens,
        };

    private static string Event(Plan plan, int number, string type, JsonObject members)
    {
        members.Insert(0, "type", type);
        members.Insert(1, "sequence_number", number);
        return $"event: {type}\ndata: {plan.Write(members)}\n\n";
    }

    /// <summary>One item of the output.</summary>
    private sealed record Item(string Type, string Id, IReadOnlyList<string> Deltas, JsonObject Whole);
}
