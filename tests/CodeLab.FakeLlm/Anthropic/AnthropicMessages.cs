using System.Text.Json;
using System.Text.Json.Nodes;

namespace CodeLab.FakeLlm;

/// <summary>Anthropic Messages (docs.anthropic.com/en/api/messages, …/messages-streaming).</summary>
internal sealed class AnthropicMessages : ChatDialect
{
    public override string Name => "anthropic";

    public override string StreamContentType => "text/event-stream; charset=utf-8";

    public override string? RequestIdHeader => "request-id";

    public override string GarbageLine => "event: content_block_delta\ndata: {\"type\":\"content_block_de\n\n";

    public override ChatView Read(JsonElement body, bool strict, out string? refusal) => AnthropicReader.Read(body, strict, out refusal);

    public override IEnumerable<Frame> Stream(Plan plan)
    {
        var message = Message(plan);
        message["content"] = new JsonArray();
        message["stop_reason"] = null;
        message["usage"] = Usage(plan.Usage, 1);
        yield return Frame.Opening(Event(plan, "message_start", new JsonObject { ["message"] = message }));
        yield return Frame.Opening(Event(plan, "ping", []));

        var index = 0;
        if (plan.ReasoningDeltas.Count > 0)
        {
            yield return BlockStart(plan, index, Block("thinking", ("thinking", ""), ("signature", "")));
            foreach (var delta in plan.ReasoningDeltas)
                yield return BlockDelta(plan, index, Block("thinking_delta", ("thinking", delta)), FrameKind.Delta);
            yield return BlockDelta(
                plan,
                index,
                Block("signature_delta", ("signature", AnthropicReader.Sign(plan.Reasoning))),
                FrameKind.Structure
            );
            yield return BlockStop(plan, index++);
        }

        if (plan.TextDeltas.Count > 0)
        {
            yield return BlockStart(plan, index, Block("text", ("text", "")));
            foreach (var delta in plan.TextDeltas)
                yield return BlockDelta(plan, index, Block("text_delta", ("text", delta)), FrameKind.Delta);
            yield return BlockStop(plan, index++);
        }

        foreach (var call in plan.ToolCalls)
        {
            var block = Block("tool_use", ("id", call.Id("toolu_")), ("name", call.Name));
            block["input"] = new JsonObject();
            yield return BlockStart(plan, index, block);
            // The real stream begins a tool's input with an empty fragment, and sends nothing more for empty input.
            yield return BlockDelta(plan, index, Block("input_json_delta", ("partial_json", "")), FrameKind.Structure);
            if (call.ArgumentsText != "{}")
            {
                foreach (var fragment in call.Fragments)
                    yield return BlockDelta(plan, index, Block("input_json_delta", ("partial_json", fragment)), FrameKind.Delta);
            }

            yield return BlockStop(plan, index++);
        }

        yield return Frame.Structure(
            Event(
                plan,
                "message_delta",
                new JsonObject
                {
                    ["delta"] = new JsonObject { ["stop_reason"] = StopReason(plan.FinishReason), ["stop_sequence"] = null },
                    ["usage"] = Usage(plan.Usage, plan.Usage.OutputTokens),
                }
            )
        );
        yield return Frame.Structure(Event(plan, "message_stop", []));
    }

    public override string Whole(Plan plan)
    {
        var content = new JsonArray();
        if (plan.ReasoningDeltas.Count > 0)
            content.Add(Block("thinking", ("thinking", plan.Reasoning), ("signature", AnthropicReader.Sign(plan.Reasoning))));
        if (plan.TextDeltas.Count > 0)
            content.Add(Block("text", ("text", plan.Text)));
        foreach (var call in plan.ToolCalls)
        {
            var block = Block("tool_use", ("id", call.Id("toolu_")), ("name", call.Name));
            // Input that is no JSON object cannot be expressed here; the real API wraps it like this.
            block["input"] = call.Arguments ?? new JsonObject { ["INVALID_JSON"] = call.ArgumentsText };
            content.Add(block);
        }

        var message = Message(plan);
        message["content"] = content;
        message["stop_reason"] = StopReason(plan.FinishReason);
        message["usage"] = Usage(plan.Usage, plan.Usage.OutputTokens);
        return plan.Write(message);
    }

    public override string ErrorBody(int status, string message) => Error(status, message);

    public override string ErrorEvent(string message) => $"event: error\ndata: {Error(529, message)}\n\n";

    internal static string Error(int status, string message)
    {
        var type = status switch
        {
            400 => "invalid_request_error",
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            408 or 504 => "timeout_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 or 529 => "overloaded_error",
            _ => "api_error",
        };
        return Json.Write(
            new JsonObject
            {
                ["type"] = "error",
                ["error"] = new JsonObject { ["type"] = type, ["message"] = message },
                ["request_id"] = Json.Id("req_", message),
            }
        );
    }

    private static string StopReason(string reason) =>
        reason switch
        {
            "stop" => "end_turn",
            "tool_calls" => "tool_use",
            "length" => "max_tokens",
            "content_filter" => "refusal",
            _ => reason,
        };

    private static JsonObject Message(Plan plan) =>
        new()
        {
            ["id"] = Json.Id("msg_", plan.Seed),
            ["type"] = "message",
            ["role"] = "assistant",
            ["model"] = plan.Chat.Model,
            ["content"] = null,
            ["stop_reason"] = null,
            ["stop_sequence"] = null,
            ["usage"] = null,
        };

    private static JsonObject Usage(ScriptedUsage usage, int outputTokens) =>
        new()
        {
            ["input_tokens"] = Math.Max(0, usage.InputTokens - usage.CacheReadTokens - usage.CacheWriteTokens),
            ["cache_creation_input_tokens"] = usage.CacheWriteTokens,
            ["cache_read_input_tokens"] = usage.CacheReadTokens,
            ["output_tokens"] = outputTokens,
            ["service_tier"] = "standard",
        };

    private static JsonObject Block(string type, params ReadOnlySpan<(string Name, string Value)> members)
    {
        var block = new JsonObject { ["type"] = type };
        foreach (var (name, value) in members)
            block[name] = value;
        return block;
    }

    private static Frame BlockStart(Plan plan, int index, JsonObject block) =>
        Frame.Structure(Event(plan, "content_block_start", new JsonObject { ["index"] = index, ["content_block"] = block }));

    private static Frame BlockDelta(Plan plan, int index, JsonObject delta, FrameKind kind) =>
        new(kind, Event(plan, "content_block_delta", new JsonObject { ["index"] = index, ["delta"] = delta }));

    private static Frame BlockStop(Plan plan, int index) =>
        Frame.Structure(Event(plan, "content_block_stop", new JsonObject { ["index"] = index }));

    private static string Event(Plan plan, string type, JsonObject body)
    {
        body.Insert(0, "type", type);
        return $"event: {type}\ndata: {plan.Write(body)}\n\n";
    }
}
