using System.Text.Json;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Translation.Ollama;

/// <summary>Reads Ollama's answers: lines of JSON, calls whole, arguments as objects.</summary>
internal sealed class OllamaAnswerReader(AnswerSink sink) : AnswerReader(sink)
{
    private int _calls;

    public override bool IsLines => true;

    public override bool Event(ReadOnlySpan<byte> data)
    {
        var reader = new Utf8JsonReader(data);
        using var document = JsonDocument.ParseValue(ref reader);
        var line = document.RootElement;
        if (line.Get("error") is not null)
            return false;
        Whole(line);
        return true;
    }

    public override void Whole(JsonElement answer)
    {
        if (answer.ValueKind != JsonValueKind.Object)
            throw new JsonException();
        Begin(null);
        if (answer.Get("message") is { } message)
        {
            Reasoning(message.Text("thinking"));
            Text(message.Text("content"));
            foreach (var call in message.Items("tool_calls"))
            {
                var function = call.Get("function") ?? throw new JsonException();
                ToolCall(_calls, call.Text("id"), function.Text("name"));
                Arguments(_calls++, function.Get("arguments")?.GetRawText());
            }
        }
        if (answer.Flag("done") is not true)
            return;
        Stop = answer.Text("done_reason") == "length" ? StopReason.Length : StopReason.Stop;
        Usage = new CallUsage(answer.Whole("prompt_eval_count") ?? 0, answer.Whole("eval_count") ?? 0);
    }
}
