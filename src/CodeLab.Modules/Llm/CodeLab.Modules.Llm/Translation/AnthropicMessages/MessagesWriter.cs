using System.Buffers;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Translation.AnthropicMessages;

/// <summary>Writes answers as Anthropic Messages: each change of kind opens a block and closes the one before.</summary>
internal sealed class MessagesWriter(IBufferWriter<byte> output, AnswerHead head) : AnswerWriter(output, head)
{
    private readonly Dictionary<int, int> _calls = [];
    private BlockKind? _open;
    private int _index = -1;
    private bool _signed;

    public override void Begin(string? id)
    {
        var json = StartEvent("message_start");
        json.WriteStartObject("message");
        WriteHead(json);
        json.WriteStartArray("content");
        json.WriteEndArray();
        json.WriteNull("stop_reason");
        json.WriteNull("stop_sequence");
        // Only the end knows the tokens; message_delta tells all of them.
        WriteUsage(json, default);
        json.WriteEndObject();
        EndEvent(json);
    }

    public override void Text(string piece)
    {
        Open(BlockKind.Text);
        Delta("text_delta", "text", piece);
    }

    // There is no block for it: the model's words are text, and the stop reason says the rest.
    public override void Refusal(string piece) => Text(piece);

    public override void Reasoning(string piece)
    {
        if (_signed)
            Close();
        Open(BlockKind.Reasoning);
        Delta("thinking_delta", "thinking", piece);
    }

    public override void Signature(string signature)
    {
        Open(BlockKind.Reasoning);
        Delta("signature_delta", "signature", signature);
        _signed = true;
    }

    public override void RedactedReasoning(string data)
    {
        Close();
        StartBlock(BlockKind.RedactedReasoning, data, "");
        Close();
    }

    public override void ToolCall(int index, string id, string name)
    {
        Close();
        StartBlock(BlockKind.ToolCall, id, name);
        _calls[index] = _index;
        Delta("input_json_delta", "partial_json", "");
    }

    public override void Arguments(int index, string piece)
    {
        Delta("input_json_delta", "partial_json", piece, _calls.GetValueOrDefault(index, _index));
    }

    // This dialect has no place for them.
    public override void LogProbs(string json) { }

    public override void End(StopReason reason, string? stopSequence, CallUsage usage)
    {
        Close();
        var json = StartEvent("message_delta");
        json.WriteStartObject("delta");
        WriteStop(json, reason, stopSequence);
        json.WriteEndObject();
        WriteUsage(json, usage);
        EndEvent(json);
        EndEvent(StartEvent("message_stop"));
    }

    public override void Whole(CollectedAnswer answer)
    {
        var json = Json();
        json.WriteStartObject();
        WriteHead(json);
        json.WriteStartArray("content");
        foreach (var block in answer.Blocks)
        {
            json.WriteStartObject();
            switch (block.Kind)
            {
                case BlockKind.Text or BlockKind.Refusal:
                    json.WriteString("type", "text");
                    json.WriteString("text", block.Text.ToString());
                    break;
                case BlockKind.Reasoning:
                    json.WriteString("type", "thinking");
                    json.WriteString("thinking", block.Text.ToString());
                    json.WriteString("signature", block.Signature ?? "");
                    break;
                case BlockKind.RedactedReasoning:
                    json.WriteString("type", "redacted_thinking");
                    json.WriteString("data", block.Signature);
                    break;
                default:
                    json.WriteString("type", "tool_use");
                    json.WriteString("id", block.Id);
                    json.WriteString("name", block.Name);
                    json.WritePropertyName("input");
                    MessagesRequestWriter.WriteArguments(json, block.Arguments);
                    break;
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        WriteStop(json, answer.Stop, answer.StopSequence);
        WriteUsage(json, answer.Usage);
        json.WriteEndObject();
        json.Flush();
    }

    private void Open(BlockKind kind)
    {
        if (_open == kind)
            return;
        Close();
        StartBlock(kind, "", "");
    }

    private void StartBlock(BlockKind kind, string idOrData, string name)
    {
        _index++;
        _open = kind;
        _signed = false;
        var json = StartEvent("content_block_start");
        json.WriteNumber("index", _index);
        json.WriteStartObject("content_block");
        switch (kind)
        {
            case BlockKind.Text:
                json.WriteString("type", "text");
                json.WriteString("text", "");
                break;
            case BlockKind.Reasoning:
                json.WriteString("type", "thinking");
                json.WriteString("thinking", "");
                json.WriteString("signature", "");
                break;
            case BlockKind.RedactedReasoning:
                json.WriteString("type", "redacted_thinking");
                json.WriteString("data", idOrData);
                break;
            default:
                json.WriteString("type", "tool_use");
                json.WriteString("id", idOrData);
                json.WriteString("name", name);
                json.WriteStartObject("input");
                json.WriteEndObject();
                break;
        }
        json.WriteEndObject();
        EndEvent(json);
    }

    private void Close()
    {
        if (_open is null)
            return;
        _open = null;
        _signed = false;
        var json = StartEvent("content_block_stop");
        json.WriteNumber("index", _index);
        EndEvent(json);
    }

    private void Delta(string type, string member, string piece, int? index = null)
    {
        var json = StartEvent("content_block_delta");
        json.WriteNumber("index", index ?? _index);
        json.WriteStartObject("delta");
        json.WriteString("type", type);
        json.WriteString(member, piece);
        json.WriteEndObject();
        EndEvent(json);
    }

    private Utf8JsonWriter StartEvent(string type)
    {
        Raw("event: "u8);
        Output.Write(System.Text.Encoding.ASCII.GetBytes(type));
        Raw("\ndata: "u8);
        var json = Json();
        json.WriteStartObject();
        json.WriteString("type", type);
        return json;
    }

    private void EndEvent(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.Flush();
        Raw("\n\n"u8);
    }

    private void WriteHead(Utf8JsonWriter json)
    {
        json.WriteString("id", "msg_" + Head.Id);
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteString("model", Head.Model);
    }

    private static void WriteStop(Utf8JsonWriter json, StopReason reason, string? stopSequence)
    {
        json.WriteString(
            "stop_reason",
            reason switch
            {
                StopReason.Length => "max_tokens",
                StopReason.ToolCalls => "tool_use",
                StopReason.ContentFilter => "refusal",
                StopReason.StopSequence => "stop_sequence",
                _ => "end_turn",
            }
        );
        json.WriteString("stop_sequence", stopSequence);
    }

    private static void WriteUsage(Utf8JsonWriter json, CallUsage usage)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", Math.Max(0, usage.Input - usage.CacheRead - usage.CacheWritten));
        json.WriteNumber("cache_creation_input_tokens", usage.CacheWritten);
        json.WriteNumber("cache_read_input_tokens", usage.CacheRead);
        json.WriteNumber("output_tokens", usage.Output);
        json.WriteEndObject();
    }
}
