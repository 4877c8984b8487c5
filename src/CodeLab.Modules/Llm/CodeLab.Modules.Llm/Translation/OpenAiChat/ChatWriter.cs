using System.Buffers;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Translation.OpenAiChat;

/// <summary>
/// Writes answers as OpenAI Chat Completions. Reasoning goes out as <c>reasoning_content</c>, which many clients show, and with its signature as
/// <c>reasoning_details</c>, so that a client which sends the message back as it came lets the model go on thinking where it was.
/// </summary>
internal sealed class ChatWriter(IBufferWriter<byte> output, AnswerHead head) : AnswerWriter(output, head)
{
    private readonly Dictionary<int, int> _indexes = [];
    private string? _logProbs;
    private bool _signed;

    public override void Begin(string? id)
    {
        var json = StartChunk();
        json.WriteString("role", "assistant");
        json.WriteString("content", "");
        json.WriteNull("refusal");
        EndChunk(json, null);
    }

    public override void Text(string piece)
    {
        var json = StartChunk();
        json.WriteString("content", piece);
        EndChunk(json, null);
    }

    public override void Refusal(string piece)
    {
        var json = StartChunk();
        json.WriteString("refusal", piece);
        EndChunk(json, null);
    }

    public override void Reasoning(string piece)
    {
        var json = StartChunk();
        json.WriteString("reasoning_content", piece);
        WriteDetail(json, piece, null, null);
        EndChunk(json, null);
        _signed = false;
    }

    public override void Signature(string signature)
    {
        var json = StartChunk();
        WriteDetail(json, _signed ? "" : null, signature, null);
        EndChunk(json, null);
        _signed = true;
    }

    public override void RedactedReasoning(string data)
    {
        var json = StartChunk();
        WriteDetail(json, null, null, data);
        EndChunk(json, null);
    }

    public override void ToolCall(int index, string id, string name)
    {
        _indexes[index] = _indexes.Count;
        var json = StartChunk();
        json.WriteStartArray("tool_calls");
        json.WriteStartObject();
        json.WriteNumber("index", _indexes[index]);
        json.WriteString("id", id);
        json.WriteString("type", "function");
        json.WriteStartObject("function");
        json.WriteString("name", name);
        json.WriteString("arguments", "");
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
        EndChunk(json, null);
    }

    public override void Arguments(int index, string piece)
    {
        var json = StartChunk();
        json.WriteStartArray("tool_calls");
        json.WriteStartObject();
        json.WriteNumber("index", _indexes.GetValueOrDefault(index));
        json.WriteStartObject("function");
        json.WriteString("arguments", piece);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
        EndChunk(json, null);
    }

    public override void LogProbs(string json)
    {
        _logProbs = json;
        EndChunk(StartChunk(), null);
    }

    public override void End(StopReason reason, string? stopSequence, CallUsage usage)
    {
        EndChunk(StartChunk(), reason);
        if (Head.AsksUsage)
        {
            Raw("data: "u8);
            var json = Json();
            json.WriteStartObject();
            WriteHead(json, "chat.completion.chunk");
            json.WriteStartArray("choices");
            json.WriteEndArray();
            WriteUsage(json, usage);
            json.WriteEndObject();
            json.Flush();
            Raw("\n\n"u8);
        }
        Raw("data: [DONE]\n\n"u8);
    }

    public override void Whole(CollectedAnswer answer)
    {
        var json = Json();
        json.WriteStartObject();
        WriteHead(json, "chat.completion");
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteNumber("index", 0);
        json.WriteStartObject("message");
        WriteMessage(json, answer);
        json.WriteEndObject();
        if (answer.LogProbsJson is { } logProbs)
            WriteLogProbs(json, logProbs);
        else
            json.WriteNull("logprobs");
        json.WriteString("finish_reason", ReasonOf(answer.Stop));
        json.WriteEndObject();
        json.WriteEndArray();
        WriteUsage(json, answer.Usage);
        json.WriteEndObject();
        json.Flush();
    }

    /// <summary>Members of an assistant's message; the published route's is the same.</summary>
    internal static void WriteMessage(Utf8JsonWriter json, CollectedAnswer answer)
    {
        json.WriteString("role", "assistant");
        var text = answer.TextOf(BlockKind.Text);
        var hasCalls = answer.Calls.Any();
        if (text is null && hasCalls)
            json.WriteNull("content");
        else
            json.WriteString("content", text ?? "");
        if (answer.TextOf(BlockKind.Refusal) is { } refusal)
            json.WriteString("refusal", refusal);
        else
            json.WriteNull("refusal");
        if (answer.TextOf(BlockKind.Reasoning) is { } reasoning)
            json.WriteString("reasoning_content", reasoning);
        var thoughts = answer
            .Blocks.Where(b => b.Kind is BlockKind.Reasoning or BlockKind.RedactedReasoning && b.Signature is not null)
            .ToList();
        if (thoughts.Count > 0)
        {
            json.WriteStartArray("reasoning_details");
            foreach (var thought in thoughts)
            {
                json.WriteStartObject();
                json.WriteString("type", thought.Kind == BlockKind.Reasoning ? "reasoning.text" : "reasoning.encrypted");
                if (thought.Kind == BlockKind.Reasoning)
                {
                    json.WriteString("text", thought.Text.ToString());
                    json.WriteString("signature", thought.Signature);
                }
                else
                {
                    json.WriteString("data", thought.Signature);
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        if (!hasCalls)
            return;
        json.WriteStartArray("tool_calls");
        foreach (var call in answer.Calls)
        {
            json.WriteStartObject();
            json.WriteString("id", call.Id);
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            json.WriteString("name", call.Name);
            json.WriteString("arguments", call.Arguments);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    internal static void WriteUsage(Utf8JsonWriter json, CallUsage usage)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", usage.Input);
        json.WriteNumber("completion_tokens", usage.Output);
        json.WriteNumber("total_tokens", usage.Input + usage.Output);
        json.WriteStartObject("prompt_tokens_details");
        json.WriteNumber("cached_tokens", usage.CacheRead);
        json.WriteEndObject();
        json.WriteStartObject("completion_tokens_details");
        json.WriteNumber("reasoning_tokens", usage.Reasoning);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    internal static string ReasonOf(StopReason reason) =>
        reason switch
        {
            StopReason.Length => "length",
            StopReason.ToolCalls => "tool_calls",
            StopReason.ContentFilter => "content_filter",
            _ => "stop",
        };

    private Utf8JsonWriter StartChunk()
    {
        Raw("data: "u8);
        var json = Json();
        json.WriteStartObject();
        WriteHead(json, "chat.completion.chunk");
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteNumber("index", 0);
        json.WriteStartObject("delta");
        return json;
    }

    private void EndChunk(Utf8JsonWriter json, StopReason? reason)
    {
        json.WriteEndObject();
        if (_logProbs is { } logProbs)
            WriteLogProbs(json, logProbs);
        else
            json.WriteNull("logprobs");
        _logProbs = null;
        if (reason is { } known)
            json.WriteString("finish_reason", ReasonOf(known));
        else
            json.WriteNull("finish_reason");
        json.WriteEndObject();
        json.WriteEndArray();
        if (Head.AsksUsage)
            json.WriteNull("usage");
        json.WriteEndObject();
        json.Flush();
        Raw("\n\n"u8);
    }

    private void WriteHead(Utf8JsonWriter json, string type)
    {
        json.WriteString("id", "chatcmpl-" + Head.Id);
        json.WriteString("object", type);
        json.WriteNumber("created", Head.Created);
        json.WriteString("model", Head.Model);
    }

    private static void WriteLogProbs(Utf8JsonWriter json, string content)
    {
        json.WriteStartObject("logprobs");
        json.WritePropertyName("content");
        json.WriteRawValue(content);
        json.WriteNull("refusal");
        json.WriteEndObject();
    }

    private static void WriteDetail(Utf8JsonWriter json, string? text, string? signature, string? data)
    {
        json.WriteStartArray("reasoning_details");
        json.WriteStartObject();
        json.WriteString("type", data is null ? "reasoning.text" : "reasoning.encrypted");
        if (text is not null)
            json.WriteString("text", text);
        if (signature is not null)
            json.WriteString("signature", signature);
        if (data is not null)
            json.WriteString("data", data);
        json.WriteNumber("index", 0);
        json.WriteEndObject();
        json.WriteEndArray();
    }
}
