using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Translation.AnthropicMessages;

namespace CodeLab.Modules.Llm.Translation.Ollama;

/// <summary>Writes answers as Ollama does: one object a line, a call only when its arguments are whole.</summary>
internal sealed class OllamaWriter(IBufferWriter<byte> output, AnswerHead head) : AnswerWriter(output, head)
{
    private readonly List<(int Index, string Id, string Name, StringBuilder Arguments)> _calls = [];
    private readonly long _started = System.Diagnostics.Stopwatch.GetTimestamp();

    public override void Begin(string? id) { }

    public override void Text(string piece)
    {
        var json = StartLine();
        json.WriteString("content", piece);
        EndLine(json);
    }

    public override void Refusal(string piece) => Text(piece);

    public override void Reasoning(string piece)
    {
        var json = StartLine();
        json.WriteString("content", "");
        json.WriteString("thinking", piece);
        EndLine(json);
    }

    // This dialect has no place for them.
    public override void Signature(string signature) { }

    public override void RedactedReasoning(string data) { }

    public override void LogProbs(string json) { }

    public override void ToolCall(int index, string id, string name) => _calls.Add((index, id, name, new StringBuilder()));

    public override void Arguments(int index, string piece) => _calls.Find(c => c.Index == index).Arguments?.Append(piece);

    public override void End(StopReason reason, string? stopSequence, CallUsage usage)
    {
        foreach (var (_, id, name, arguments) in _calls)
        {
            var call = StartLine();
            call.WriteString("content", "");
            call.WriteStartArray("tool_calls");
            WriteCall(call, id, name, arguments.ToString());
            call.WriteEndArray();
            EndLine(call);
        }
        var json = StartLine();
        json.WriteString("content", "");
        json.WriteEndObject();
        WriteDone(json, reason, usage);
        json.WriteEndObject();
        json.Flush();
        Raw("\n"u8);
    }

    public override void Whole(CollectedAnswer answer)
    {
        var json = StartLine();
        json.WriteString("content", answer.TextOf(BlockKind.Text) ?? answer.TextOf(BlockKind.Refusal) ?? "");
        if (answer.TextOf(BlockKind.Reasoning) is { } thinking)
            json.WriteString("thinking", thinking);
        if (answer.Calls.Any())
        {
            json.WriteStartArray("tool_calls");
            foreach (var call in answer.Calls)
                WriteCall(json, call.Id, call.Name, call.Arguments);
            json.WriteEndArray();
        }
        json.WriteEndObject();
        WriteDone(json, answer.Stop, answer.Usage);
        json.WriteEndObject();
        json.Flush();
    }

    private Utf8JsonWriter StartLine()
    {
        var json = Json();
        json.WriteStartObject();
        json.WriteString("model", Head.Model);
        json.WriteString(
            "created_at",
            DateTimeOffset.FromUnixTimeSeconds(Head.Created).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)
        );
        json.WriteStartObject("message");
        json.WriteString("role", "assistant");
        return json;
    }

    private void EndLine(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.WriteBoolean("done", false);
        json.WriteEndObject();
        json.Flush();
        Raw("\n"u8);
    }

    private static void WriteCall(Utf8JsonWriter json, string id, string name, string arguments)
    {
        json.WriteStartObject();
        json.WriteString("id", id);
        json.WriteStartObject("function");
        json.WriteString("name", name);
        json.WritePropertyName("arguments");
        MessagesRequestWriter.WriteArguments(json, arguments);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteDone(Utf8JsonWriter json, StopReason reason, CallUsage usage)
    {
        json.WriteBoolean("done", true);
        json.WriteString("done_reason", reason == StopReason.Length ? "length" : "stop");
        json.WriteNumber("total_duration", (long)System.Diagnostics.Stopwatch.GetElapsedTime(_started).TotalNanoseconds);
        json.WriteNumber("prompt_eval_count", usage.Input);
        json.WriteNumber("eval_count", usage.Output);
    }
}
