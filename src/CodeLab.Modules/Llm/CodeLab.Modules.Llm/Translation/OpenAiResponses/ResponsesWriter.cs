using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Translation.OpenAiResponses;

/// <summary>
/// Writes answers as OpenAI Responses (platform.openai.com/docs/api-reference/responses-streaming): items that are added, grow and are done, each
/// told whole at its end, and all of them once more with the last event.
/// </summary>
internal sealed class ResponsesWriter(IBufferWriter<byte> output, AnswerHead head) : AnswerWriter(output, head)
{
    private readonly CollectedAnswer _all = new();
    private readonly Dictionary<int, int> _outputOfCall = [];
    private readonly List<AnswerBlock> _done = [];
    private AnswerBlock? _open;
    private int _output = -1;
    private int _number;

    public override void Begin(string? id)
    {
        foreach (var type in (string[])["response.created", "response.in_progress"])
        {
            var json = StartEvent(type);
            json.WritePropertyName("response");
            WriteResponse(json, "in_progress", [], null);
            EndEvent(json);
        }
    }

    public override void Text(string piece)
    {
        Open(BlockKind.Text);
        _all.Text(piece);
        var json = StartItemEvent("response.output_text.delta");
        json.WriteNumber("content_index", 0);
        json.WriteString("delta", piece);
        json.WriteStartArray("logprobs");
        json.WriteEndArray();
        EndEvent(json);
    }

    public override void Refusal(string piece)
    {
        Open(BlockKind.Refusal);
        _all.Refusal(piece);
        var json = StartItemEvent("response.refusal.delta");
        json.WriteNumber("content_index", 0);
        json.WriteString("delta", piece);
        EndEvent(json);
    }

    public override void Reasoning(string piece)
    {
        if (_open is { Kind: BlockKind.Reasoning, Signature: not null })
            Close();
        Open(BlockKind.Reasoning);
        _all.Reasoning(piece);
        var json = StartItemEvent("response.reasoning_summary_text.delta");
        json.WriteNumber("summary_index", 0);
        json.WriteString("delta", piece);
        EndEvent(json);
    }

    public override void Signature(string signature)
    {
        Open(BlockKind.Reasoning);
        _all.Signature(signature);
    }

    public override void RedactedReasoning(string data)
    {
        Close();
        _all.RedactedReasoning(data);
        StartItem(_all.Blocks[^1]);
        Close();
    }

    public override void ToolCall(int index, string id, string name)
    {
        Close();
        _all.ToolCall(index, id, name);
        StartItem(_all.Blocks[^1]);
        _outputOfCall[index] = _output;
    }

    public override void Arguments(int index, string piece)
    {
        _all.Arguments(index, piece);
        var json = StartEvent("response.function_call_arguments.delta");
        var position = _outputOfCall.GetValueOrDefault(index, _output);
        json.WriteString("item_id", ItemId(BlockKind.ToolCall, position));
        json.WriteNumber("output_index", position);
        json.WriteString("delta", piece);
        EndEvent(json);
    }

    // They would have to stand with the text's own events, which have gone out.
    public override void LogProbs(string json) { }

    public override void End(StopReason reason, string? stopSequence, CallUsage usage)
    {
        Close();
        _all.End(reason, stopSequence, usage);
        var status = StatusOf(reason);
        var json = StartEvent("response." + status);
        json.WritePropertyName("response");
        WriteResponse(json, status, _done, _all);
        EndEvent(json);
    }

    public override void Whole(CollectedAnswer answer)
    {
        var json = Json();
        WriteResponse(json, StatusOf(answer.Stop), answer.Blocks, answer);
        json.Flush();
    }

    private void Open(BlockKind kind)
    {
        if (_open?.Kind == kind)
            return;
        Close();
        // The block the collecting sink will write to next.
        _open = new AnswerBlock(kind);
        _all.Blocks.Add(_open);
        StartItem(_open);
    }

    private void StartItem(AnswerBlock block)
    {
        _open = block;
        _output++;
        var json = StartEvent("response.output_item.added");
        json.WriteNumber("output_index", _output);
        json.WritePropertyName("item");
        WriteItem(json, block, _output, done: false);
        EndEvent(json);
        switch (block.Kind)
        {
            case BlockKind.Text or BlockKind.Refusal:
                json = StartItemEvent("response.content_part.added");
                json.WriteNumber("content_index", 0);
                json.WritePropertyName("part");
                WritePart(json, block.Kind, "");
                EndEvent(json);
                break;
            case BlockKind.Reasoning:
                json = StartItemEvent("response.reasoning_summary_part.added");
                json.WriteNumber("summary_index", 0);
                json.WritePropertyName("part");
                WriteSummary(json, "");
                EndEvent(json);
                break;
        }
    }

    private void Close()
    {
        if (_open is not { } block)
            return;
        var text = block.Text.ToString();
        switch (block.Kind)
        {
            case BlockKind.Text or BlockKind.Refusal:
                var isText = block.Kind == BlockKind.Text;
                var json = StartItemEvent(isText ? "response.output_text.done" : "response.refusal.done");
                json.WriteNumber("content_index", 0);
                json.WriteString(isText ? "text" : "refusal", text);
                if (isText)
                {
                    json.WriteStartArray("logprobs");
                    json.WriteEndArray();
                }
                EndEvent(json);
                json = StartItemEvent("response.content_part.done");
                json.WriteNumber("content_index", 0);
                json.WritePropertyName("part");
                WritePart(json, block.Kind, text);
                EndEvent(json);
                break;
            case BlockKind.Reasoning:
                json = StartItemEvent("response.reasoning_summary_text.done");
                json.WriteNumber("summary_index", 0);
                json.WriteString("text", text);
                EndEvent(json);
                json = StartItemEvent("response.reasoning_summary_part.done");
                json.WriteNumber("summary_index", 0);
                json.WritePropertyName("part");
                WriteSummary(json, text);
                EndEvent(json);
                break;
            case BlockKind.ToolCall:
                json = StartItemEvent("response.function_call_arguments.done");
                json.WriteString("arguments", block.Arguments);
                EndEvent(json);
                break;
        }
        var last = StartEvent("response.output_item.done");
        last.WriteNumber("output_index", _output);
        last.WritePropertyName("item");
        WriteItem(last, block, _output, done: true);
        EndEvent(last);
        _done.Add(block);
        _open = null;
    }

    private Utf8JsonWriter StartItemEvent(string type)
    {
        var json = StartEvent(type);
        json.WriteString("item_id", ItemId(_open!.Kind, _output));
        json.WriteNumber("output_index", _output);
        return json;
    }

    private Utf8JsonWriter StartEvent(string type)
    {
        Raw("event: "u8);
        Output.Write(Encoding.ASCII.GetBytes(type));
        Raw("\ndata: "u8);
        var json = Json();
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteNumber("sequence_number", _number++);
        return json;
    }

    private void EndEvent(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.Flush();
        Raw("\n\n"u8);
    }

    private string ItemId(BlockKind kind, int position)
    {
        var prefix = kind switch
        {
            BlockKind.ToolCall => "fc",
            BlockKind.Reasoning or BlockKind.RedactedReasoning => "rs",
            _ => "msg",
        };
        return string.Create(CultureInfo.InvariantCulture, $"{prefix}_{Head.Id}{position}");
    }

    private static string StatusOf(StopReason reason) =>
        reason is StopReason.Length or StopReason.ContentFilter ? "incomplete" : "completed";

    private void WriteItem(Utf8JsonWriter json, AnswerBlock block, int position, bool done)
    {
        json.WriteStartObject();
        json.WriteString("id", ItemId(block.Kind, position));
        switch (block.Kind)
        {
            case BlockKind.ToolCall:
                json.WriteString("type", "function_call");
                json.WriteString("status", done ? "completed" : "in_progress");
                json.WriteString("call_id", block.Id);
                json.WriteString("name", block.Name);
                json.WriteString("arguments", done ? block.Arguments : "");
                break;
            case BlockKind.Reasoning or BlockKind.RedactedReasoning:
                json.WriteString("type", "reasoning");
                json.WriteStartArray("summary");
                if (done && block.Text.Length > 0)
                    WriteSummary(json, block.Text.ToString());
                json.WriteEndArray();
                if (done && block.Signature is { } signature)
                {
                    var mark =
                        block.Kind == BlockKind.Reasoning ? ResponsesRequestReader.SignatureMark : ResponsesRequestReader.RedactedMark;
                    json.WriteString("encrypted_content", mark + signature);
                }
                break;
            default:
                json.WriteString("type", "message");
                json.WriteString("status", done ? "completed" : "in_progress");
                json.WriteString("role", "assistant");
                json.WriteStartArray("content");
                if (done)
                    WritePart(json, block.Kind, block.Text.ToString());
                json.WriteEndArray();
                break;
        }
        json.WriteEndObject();
    }

    private static void WritePart(Utf8JsonWriter json, BlockKind kind, string text)
    {
        json.WriteStartObject();
        if (kind == BlockKind.Refusal)
        {
            json.WriteString("type", "refusal");
            json.WriteString("refusal", text);
        }
        else
        {
            json.WriteString("type", "output_text");
            json.WriteString("text", text);
            json.WriteStartArray("annotations");
            json.WriteEndArray();
            json.WriteStartArray("logprobs");
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private static void WriteSummary(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString("type", "summary_text");
        json.WriteString("text", text);
        json.WriteEndObject();
    }

    private void WriteResponse(Utf8JsonWriter json, string status, List<AnswerBlock> items, CollectedAnswer? answer)
    {
        json.WriteStartObject();
        json.WriteString("id", "resp_" + Head.Id);
        json.WriteString("object", "response");
        json.WriteNumber("created_at", Head.Created);
        json.WriteString("status", status);
        json.WriteBoolean("background", false);
        json.WriteNull("error");
        if (status == "incomplete")
        {
            json.WriteStartObject("incomplete_details");
            json.WriteString("reason", answer?.Stop == StopReason.Length ? "max_output_tokens" : "content_filter");
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("incomplete_details");
        }
        json.WriteNull("instructions");
        json.WriteNull("max_output_tokens");
        json.WriteString("model", Head.Model);
        json.WriteStartArray("output");
        for (var i = 0; i < items.Count; i++)
            WriteItem(json, items[i], i, done: true);
        json.WriteEndArray();
        json.WriteBoolean("parallel_tool_calls", true);
        json.WriteNull("previous_response_id");
        json.WriteBoolean("store", false);
        json.WriteNull("temperature");
        json.WriteString("tool_choice", "auto");
        json.WriteStartArray("tools");
        json.WriteEndArray();
        json.WriteNull("top_p");
        json.WriteString("truncation", "disabled");
        if (answer is null)
            json.WriteNull("usage");
        else
            WriteUsage(json, answer.Usage);
        json.WriteStartObject("metadata");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteUsage(Utf8JsonWriter json, CallUsage usage)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", usage.Input);
        json.WriteStartObject("input_tokens_details");
        json.WriteNumber("cached_tokens", usage.CacheRead);
        json.WriteEndObject();
        json.WriteNumber("output_tokens", usage.Output);
        json.WriteStartObject("output_tokens_details");
        json.WriteNumber("reasoning_tokens", usage.Reasoning);
        json.WriteEndObject();
        json.WriteNumber("total_tokens", usage.Input + usage.Output);
        json.WriteEndObject();
    }
}
