using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CodeLab.UnitTests.Llm.Doors;

/// <summary>Speaks the dialects of the doors by hand, so that what is tested is bytes and not somebody's SDK.</summary>
internal static class DoorWire
{
    private const string Schema = """{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}""";

    public static string Path(string door) =>
        door switch
        {
            "chat" => "/v1/chat/completions",
            "responses" => "/v1/responses",
            "messages" => "/v1/messages",
            "ollama" => "/api/chat",
            "published" => "/api/v1/completion",
            _ => throw new ArgumentOutOfRangeException(nameof(door), door, null),
        };

    public static string Ask(string door, bool stream, string text) => Build(door, stream, tools: false, Turns(door, text, results: false));

    public static string AskWithTools(string door, bool stream) =>
        Build(door, stream, tools: true, Turns(door, "Read both", results: false));

    public static string AskWithResults(string door, bool stream) =>
        Build(door, stream, tools: true, Turns(door, "Read both", results: true));

    public static DoorAnswer Read(string door, bool stream, string body) =>
        (door, stream) switch
        {
            ("chat", false) => Chat(JsonNode.Parse(body)!),
            ("chat", true) => ChatStream(Events(body)),
            ("published", false) => Chat(JsonNode.Parse(body)!),
            ("published", true) => Published(Events(body)),
            ("responses", false) => Responses(JsonNode.Parse(body)!),
            ("responses", true) => ResponsesStream(Events(body)),
            ("messages", false) => Messages(JsonNode.Parse(body)!),
            ("messages", true) => MessagesStream(Events(body)),
            ("ollama", _) => Ollama(body.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!)),
            _ => throw new ArgumentOutOfRangeException(nameof(door), door, null),
        };

    /// <summary>Data of the events; <c>[DONE]</c> is left out.</summary>
    public static List<JsonNode> Events(string body) =>
        [
            .. body.Split('\n')
                .Where(l => l.StartsWith("data: ", StringComparison.Ordinal))
                .Select(l => l[6..])
                .Where(d => d != "[DONE]")
                .Select(d => JsonNode.Parse(d)!),
        ];

    private static string Build(string door, bool stream, bool tools, string turns)
    {
        var extra = door switch
        {
            "messages" => "\"max_tokens\":500,\"system\":\"Be brief.\",",
            "responses" => "\"instructions\":\"Be brief.\",",
            "chat" when stream => "\"stream_options\":{\"include_usage\":true},",
            _ => "",
        };
        var offered = tools
            ? door switch
            {
                "messages" => $$"""
                    "tools":[{"name":"read_file","description":"Reads","input_schema":{{Schema}} }],
                    """,
                "responses" => $$"""
                    "tools":[{"type":"function","name":"read_file","description":"Reads","parameters":{{Schema}} }],
                    """,
                _ => $$"""
                    "tools":[{"type":"function","function":{"name":"read_file","description":"Reads","parameters":{{Schema}} } }],
                    """,
            }
            : "";
        var list = door == "responses" ? "input" : "messages";
        return $$"""{"model":"fake-model",{{extra}}{{offered}}"stream":{{(stream ? "true" : "false")}},"{{list}}":[{{turns}}]}""";
    }

    private static string Turns(string door, string text, bool results)
    {
        var user = $$"""{"role":"user","content":"{{text}}"}""";
        const string a = """{"path":"a.txt","lines":3}""";
        const string b = """{"path":"b.txt"}""";
        var history = door switch
        {
            "messages" => $$"""
                {"role":"assistant","content":[{"type":"text","text":"Reading."},{"type":"tool_use","id":"call_one","name":"read_file","input":{{a}} },{"type":"tool_use","id":"call_two","name":"read_file","input":{{b}} }]},
                {"role":"user","content":[{"type":"tool_result","tool_use_id":"call_one","content":"nothing in a"},{"type":"tool_result","tool_use_id":"call_two","content":[{"type":"text","text":"nothing in b"}]}]}
                """,
            "responses" => $$"""
                {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Reading.","annotations":[]}]},
                {"type":"function_call","call_id":"call_one","name":"read_file","arguments":{{JsonSerializer.Serialize(a)}} },
                {"type":"function_call","call_id":"call_two","name":"read_file","arguments":{{JsonSerializer.Serialize(b)}} },
                {"type":"function_call_output","call_id":"call_one","output":"nothing in a"},
                {"type":"function_call_output","call_id":"call_two","output":"nothing in b"}
                """,
            "ollama" => $$"""
                {"role":"assistant","content":"Reading.","tool_calls":[{"function":{"name":"read_file","arguments":{{a}} } },{"function":{"name":"read_file","arguments":{{b}} } }]},
                {"role":"tool","tool_name":"read_file","content":"nothing in a"},
                {"role":"tool","tool_name":"read_file","content":"nothing in b"}
                """,
            _ =>
                $$"""
                {"role":"assistant","content":"Reading.","tool_calls":[{"id":"call_one","type":"function","function":{"name":"read_file","arguments":{{JsonSerializer.Serialize(
                    a
                )}} } },{"id":"call_two","type":"function","function":{"name":"read_file","arguments":{{JsonSerializer.Serialize(b)}} } }]},
                {"role":"tool","tool_call_id":"call_one","content":"nothing in a"},
                {"role":"tool","tool_call_id":"call_two","content":"nothing in b"}
                """,
        };
        var system = door is "messages" or "responses" ? "" : """{"role":"system","content":"Be brief."},""";
        return system + user + (results ? "," + history : "");
    }

    private static DoorAnswer Chat(JsonNode body)
    {
        var choice = body["choices"]![0]!;
        var message = choice["message"]!;
        return new DoorAnswer
        {
            Text = message["content"]?.GetValue<string>() ?? "",
            Reasoning = message["reasoning_content"]?.GetValue<string>() ?? "",
            Finish = choice["finish_reason"]!.GetValue<string>(),
            Input = body["usage"]!["prompt_tokens"]!.GetValue<int>(),
            Output = body["usage"]!["completion_tokens"]!.GetValue<int>(),
            Calls =
            [
                .. (message["tool_calls"]?.AsArray() ?? []).Select(c => new DoorToolCall(
                    c!["id"]!.GetValue<string>(),
                    c["function"]!["name"]!.GetValue<string>(),
                    c["function"]!["arguments"]!.GetValue<string>()
                )),
            ],
        };
    }

    private static DoorAnswer ChatStream(List<JsonNode> events)
    {
        var answer = new DoorAnswer();
        var arguments = new SortedDictionary<int, (string Id, string Name, StringBuilder Text)>();
        foreach (var data in events)
        {
            if (data["usage"] is { } usage)
            {
                answer.Input = usage["prompt_tokens"]!.GetValue<int>();
                answer.Output = usage["completion_tokens"]!.GetValue<int>();
            }
            if (data["choices"]!.AsArray() is not [{ } choice, ..])
                continue;
            answer.Finish = choice["finish_reason"]?.GetValue<string>() ?? answer.Finish;
            answer.Text += choice["delta"]!["content"]?.GetValue<string>();
            answer.Reasoning += choice["delta"]!["reasoning_content"]?.GetValue<string>();
            foreach (var call in choice["delta"]!["tool_calls"]?.AsArray() ?? [])
            {
                var index = call!["index"]!.GetValue<int>();
                if (call["id"] is { } id)
                    arguments[index] = (id.GetValue<string>(), call["function"]!["name"]!.GetValue<string>(), new StringBuilder());
                arguments[index].Text.Append(call["function"]?["arguments"]?.GetValue<string>());
            }
        }
        answer.Calls.AddRange(arguments.Values.Select(a => new DoorToolCall(a.Id, a.Name, a.Text.ToString())));
        return answer;
    }

    private static DoorAnswer Published(List<JsonNode> events)
    {
        var answer = new DoorAnswer();
        foreach (var data in events)
        {
            switch (data["type"]!.GetValue<string>())
            {
                case "content":
                    answer.Text += data["content"]!.GetValue<string>();
                    break;
                case "tool_call":
                    answer.Calls.Add(
                        new(data["id"]!.GetValue<string>(), data["name"]!.GetValue<string>(), data["arguments"]!.GetValue<string>())
                    );
                    break;
                case "done":
                    answer.Finish = answer.Calls.Count > 0 ? "tool_calls" : "stop";
                    break;
            }
        }
        return answer;
    }

    private static DoorAnswer Responses(JsonNode body)
    {
        var answer = new DoorAnswer
        {
            Input = body["usage"]!["input_tokens"]!.GetValue<int>(),
            Output = body["usage"]!["output_tokens"]!.GetValue<int>(),
        };
        foreach (var item in body["output"]!.AsArray())
        {
            switch (item!["type"]!.GetValue<string>())
            {
                case "message":
                    answer.Text += item["content"]![0]!["text"]!.GetValue<string>();
                    break;
                case "reasoning":
                    answer.Reasoning += item["summary"]![0]!["text"]!.GetValue<string>();
                    break;
                case "function_call":
                    answer.Calls.Add(
                        new(item["call_id"]!.GetValue<string>(), item["name"]!.GetValue<string>(), item["arguments"]!.GetValue<string>())
                    );
                    break;
            }
        }
        answer.Finish =
            body["status"]!.GetValue<string>() == "incomplete" ? "length"
            : answer.Calls.Count > 0 ? "tool_calls"
            : "stop";
        return answer;
    }

    private static DoorAnswer ResponsesStream(List<JsonNode> events)
    {
        var last = Responses(events[^1]["response"]!);
        var deltas = string.Concat(Of("response.output_text.delta").Select(e => e["delta"]!.GetValue<string>()));
        if (deltas != last.Text)
            throw new InvalidOperationException($"The deltas say '{deltas}', the end '{last.Text}'");
        var arguments = string.Concat(Of("response.function_call_arguments.delta").Select(e => e["delta"]!.GetValue<string>()));
        if (arguments != string.Concat(last.Calls.Select(c => c.Arguments)))
            throw new InvalidOperationException("The arguments of the deltas are not those of the end");
        if (!events.Select((e, i) => e["sequence_number"]!.GetValue<int>() == i).All(right => right))
            throw new InvalidOperationException("The events are not numbered one by one");
        return last;

        IEnumerable<JsonNode> Of(string type) => events.Where(e => e["type"]!.GetValue<string>() == type);
    }

    private static DoorAnswer Messages(JsonNode body)
    {
        var answer = new DoorAnswer { Finish = Stop(body["stop_reason"]!.GetValue<string>()) };
        Usage(answer, body["usage"]!);
        foreach (var block in body["content"]!.AsArray())
        {
            switch (block!["type"]!.GetValue<string>())
            {
                case "text":
                    answer.Text += block["text"]!.GetValue<string>();
                    break;
                case "thinking":
                    answer.Reasoning += block["thinking"]!.GetValue<string>();
                    answer.Signature = block["signature"]!.GetValue<string>();
                    break;
                case "tool_use":
                    answer.Calls.Add(
                        new(block["id"]!.GetValue<string>(), block["name"]!.GetValue<string>(), block["input"]!.ToJsonString())
                    );
                    break;
            }
        }
        return answer;
    }

    private static DoorAnswer MessagesStream(List<JsonNode> events)
    {
        var answer = new DoorAnswer();
        var open = -1;
        var arguments = new StringBuilder();
        JsonNode? block = null;
        foreach (var data in events)
        {
            switch (data["type"]!.GetValue<string>())
            {
                case "content_block_start":
                    if (block is not null || data["index"]!.GetValue<int>() != ++open)
                        throw new InvalidOperationException("Blocks do not follow one another");
                    block = data["content_block"]!;
                    arguments.Clear();
                    break;
                case "content_block_delta":
                    var delta = data["delta"]!;
                    answer.Text += delta["text"]?.GetValue<string>();
                    answer.Reasoning += delta["thinking"]?.GetValue<string>();
                    answer.Signature += delta["signature"]?.GetValue<string>();
                    arguments.Append(delta["partial_json"]?.GetValue<string>());
                    break;
                case "content_block_stop":
                    if (block!["type"]!.GetValue<string>() == "tool_use")
                    {
                        var text = arguments.Length == 0 ? "{}" : arguments.ToString();
                        answer.Calls.Add(new(block["id"]!.GetValue<string>(), block["name"]!.GetValue<string>(), text));
                    }
                    block = null;
                    break;
                case "message_delta":
                    answer.Finish = Stop(data["delta"]!["stop_reason"]!.GetValue<string>());
                    Usage(answer, data["usage"]!);
                    break;
            }
        }
        if (events[^1]["type"]!.GetValue<string>() != "message_stop")
            throw new InvalidOperationException("The stream has no end");
        return answer;
    }

    private static DoorAnswer Ollama(IEnumerable<JsonNode> lines)
    {
        var answer = new DoorAnswer();
        foreach (var line in lines)
        {
            answer.Text += line["message"]!["content"]!.GetValue<string>();
            answer.Reasoning += line["message"]!["thinking"]?.GetValue<string>();
            foreach (var call in line["message"]!["tool_calls"]?.AsArray() ?? [])
            {
                answer.Calls.Add(
                    new(
                        call!["id"]!.GetValue<string>(),
                        call["function"]!["name"]!.GetValue<string>(),
                        call["function"]!["arguments"]!.ToJsonString()
                    )
                );
            }
            if (!line["done"]!.GetValue<bool>())
                continue;
            answer.Finish = answer.Calls.Count > 0 ? "tool_calls" : line["done_reason"]!.GetValue<string>();
            answer.Input = line["prompt_eval_count"]!.GetValue<int>();
            answer.Output = line["eval_count"]!.GetValue<int>();
        }
        return answer;
    }

    private static void Usage(DoorAnswer answer, JsonNode usage)
    {
        answer.Input =
            usage["input_tokens"]!.GetValue<int>()
            + (usage["cache_read_input_tokens"]?.GetValue<int>() ?? 0)
            + (usage["cache_creation_input_tokens"]?.GetValue<int>() ?? 0);
        answer.Output = usage["output_tokens"]!.GetValue<int>();
    }

    private static string Stop(string reason) =>
        reason switch
        {
            "end_turn" => "stop",
            "tool_use" => "tool_calls",
            "max_tokens" => "length",
            _ => reason,
        };
}

internal sealed class DoorAnswer
{
    public string Text { get; set; } = "";

    public string Reasoning { get; set; } = "";

    public string Signature { get; set; } = "";

    public string Finish { get; set; } = "";

    public int Input { get; set; }

    public int Output { get; set; }

    public List<DoorToolCall> Calls { get; init; } = [];
}

internal sealed record DoorToolCall(string Id, string Name, string Arguments);
