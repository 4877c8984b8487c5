using System.Text.Json;
using System.Text.Json.Nodes;

namespace CodeLab.FakeLlm;

/// <summary>OpenAI Chat Completions (platform.openai.com/docs/api-reference/chat).</summary>
internal sealed class OpenAiChat : ChatDialect
{
    public override string Name => "openai";

    public override string StreamContentType => "text/event-stream; charset=utf-8";

    public override string? RequestIdHeader => "x-request-id";

    public override string GarbageLine => "data: {\"id\":\"chatcmpl-broken\",\"choi\n\n";

    public override ChatView Read(JsonElement body, bool strict, out string? refusal) => OpenAiChatReader.Read(body, strict, out refusal);

    public override IEnumerable<Frame> Stream(Plan plan)
    {
        yield return Frame.Opening(
            Chunk(
                plan,
                new JsonObject
                {
                    ["role"] = "assistant",
                    ["content"] = plan.ToolCalls.Count > 0 && plan.TextDeltas.Count == 0 ? null : "",
                    ["refusal"] = null,
                }
            )
        );
        foreach (var delta in plan.ReasoningDeltas)
            yield return Frame.Delta(Chunk(plan, new JsonObject { ["reasoning_content"] = delta }));
        foreach (var delta in plan.TextDeltas)
            yield return Frame.Delta(Chunk(plan, new JsonObject { ["content"] = delta }));
        for (var i = 0; i < plan.ToolCalls.Count; i++)
        {
            var call = plan.ToolCalls[i];
            yield return Frame.Structure(
                Chunk(
                    plan,
                    ToolDelta(
                        new JsonObject
                        {
                            ["index"] = i,
                            ["id"] = call.Id("call_"),
                            ["type"] = "function",
                            ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = "" },
                        }
                    )
                )
            );
            foreach (var fragment in call.Fragments)
            {
                yield return Frame.Delta(
                    Chunk(
                        plan,
                        ToolDelta(
                            new JsonObject
                            {
                                ["index"] = i,
                                ["function"] = new JsonObject { ["arguments"] = fragment },
                            }
                        )
                    )
                );
            }
        }

        yield return Frame.Structure(Chunk(plan, [], plan.FinishReason));
        if (plan.Chat.IncludeUsage)
        {
            var last = Head(plan, "chat.completion.chunk");
            last["choices"] = new JsonArray();
            last["usage"] = Usage(plan.Usage);
            yield return Frame.Structure($"data: {plan.Write(last)}\n\n");
        }

        yield return Frame.Structure("data: [DONE]\n\n");
    }

    public override string Whole(Plan plan)
    {
        var message = new JsonObject
        {
            ["role"] = "assistant",
            ["content"] = plan.ToolCalls.Count > 0 && plan.TextDeltas.Count == 0 ? null : plan.Text,
            ["refusal"] = null,
            ["annotations"] = new JsonArray(),
        };
        if (plan.ReasoningDeltas.Count > 0)
            message["reasoning_content"] = plan.Reasoning;
        if (plan.ToolCalls.Count > 0)
        {
            message["tool_calls"] = new JsonArray([
                .. plan.ToolCalls.Select(c => new JsonObject
                {
                    ["id"] = c.Id("call_"),
                    ["type"] = "function",
                    ["function"] = new JsonObject { ["name"] = c.Name, ["arguments"] = c.ArgumentsText },
                }),
            ]);
        }

        var body = Head(plan, "chat.completion");
        body["choices"] = new JsonArray(
            new JsonObject
            {
                ["index"] = 0,
                ["message"] = message,
                ["logprobs"] = null,
                ["finish_reason"] = plan.FinishReason,
            }
        );
        body["usage"] = Usage(plan.Usage);
        return plan.Write(body);
    }

    public override string ErrorBody(int status, string message) => Error(status, message);

    public override string ErrorEvent(string message) => $"data: {Error(500, message)}\n\n";

    internal static string Error(int status, string message, string? code = null)
    {
        var (type, known) = status switch
        {
            400 => ("invalid_request_error", null),
            401 => ("invalid_request_error", "invalid_api_key"),
            403 => ("invalid_request_error", "unsupported_country_region_territory"),
            404 => ("invalid_request_error", "model_not_found"),
            429 => ("requests", "rate_limit_exceeded"),
            _ => ("server_error", (string?)null),
        };
        return Json.Write(
            new JsonObject
            {
                ["error"] = new JsonObject
                {
                    ["message"] = message,
                    ["type"] = type,
                    ["param"] = null,
                    ["code"] = code ?? known,
                },
            }
        );
    }

    private static JsonObject ToolDelta(JsonObject call) => new() { ["tool_calls"] = new JsonArray(call) };

    private static string Chunk(Plan plan, JsonObject delta, string? finish = null)
    {
        var chunk = Head(plan, "chat.completion.chunk");
        chunk["choices"] = new JsonArray(
            new JsonObject
            {
                ["index"] = 0,
                ["delta"] = delta,
                ["logprobs"] = null,
                ["finish_reason"] = finish,
            }
        );
        // With include_usage every chunk but the last has usage null; without it the member is absent.
        if (plan.Chat.IncludeUsage)
            chunk["usage"] = null;
        return $"data: {plan.Write(chunk)}\n\n";
    }

    private static JsonObject Head(Plan plan, string type) =>
        new()
        {
            ["id"] = Json.Id("chatcmpl-", plan.Seed),
            ["object"] = type,
            ["created"] = plan.Created,
            ["model"] = plan.Chat.Model,
            ["service_tier"] = "default",
            ["system_fingerprint"] = "fp_fake",
        };

    private static JsonObject Usage(ScriptedUsage usage) =>
        new()
        {
            ["prompt_tokens"] = usage.InputTokens,
            ["completion_tokens"] = usage.OutputTokens,
            ["total_tokens"] = usage.InputTokens + usage.OutputTokens,
            ["prompt_tokens_details"] = new JsonObject { ["cached_tokens"] = usage.CacheReadTokens, ["audio_tokens"] = 0 },
            ["completion_tokens_details"] = new JsonObject
            {
                ["reasoning_tokens"] = usage.ReasoningTokens,
                ["audio_tokens"] = 0,
                ["accepted_prediction_tokens"] = 0,
                ["rejected_prediction_tokens"] = 0,
            },
        };
}
