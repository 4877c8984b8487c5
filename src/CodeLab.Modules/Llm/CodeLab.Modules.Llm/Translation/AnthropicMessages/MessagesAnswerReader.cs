using System.Text.Json;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Translation.AnthropicMessages;

/// <summary>Reads answers of Anthropic Messages (docs.anthropic.com/en/api/messages-streaming).</summary>
internal sealed class MessagesAnswerReader(AnswerSink sink) : AnswerReader(sink)
{
    private long _fresh;
    private long _read;
    private long _created;
    private long _output;

    public override bool Event(ReadOnlySpan<byte> data)
    {
        // Deltas are nearly all of a stream: they are read token by token, everything else as a document.
        var reader = new Utf8JsonReader(data);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException();
        if (
            reader.Read()
            && reader.TokenType == JsonTokenType.PropertyName
            && reader.ValueTextEquals("type"u8)
            && reader.Read()
            && reader.ValueTextEquals("content_block_delta"u8)
        )
        {
            ReadDelta(ref reader);
            return true;
        }
        reader = new Utf8JsonReader(data);
        using var document = JsonDocument.ParseValue(ref reader);
        return Structure(document.RootElement);
    }

    public override void Whole(JsonElement answer)
    {
        if (answer.Text("type") != "message")
            throw new JsonException();
        Begin(answer.Text("id"));
        var index = 0;
        foreach (var block in answer.Items("content"))
        {
            ReadBlock(index, block);
            if (block.Text("type") == "tool_use")
                Arguments(index, block.Get("input")?.GetRawText());
            index++;
        }
        ReadStop(answer);
        ReadUsage(answer.Get("usage"));
    }

    private bool Structure(JsonElement raised)
    {
        switch (raised.Text("type"))
        {
            case "message_start":
                Begin(raised.Get("message")?.Text("id"));
                ReadUsage(raised.Get("message")?.Get("usage"));
                break;
            case "content_block_start" when raised.Get("content_block") is { } block:
                ReadBlock(raised.Whole("index") ?? 0, block);
                break;
            case "content_block_delta" when raised.Get("delta") is { } delta:
                // Members in another order than usual.
                var index = raised.Whole("index") ?? 0;
                Delta(index, delta.Text("text"), delta.Text("thinking"), delta.Text("partial_json"), delta.Text("signature"));
                break;
            case "message_delta":
                if (raised.Get("delta") is { } end)
                    ReadStop(end);
                ReadUsage(raised.Get("usage"));
                break;
            case "error":
                return false;
        }
        return true;
    }

    private void ReadDelta(ref Utf8JsonReader reader)
    {
        var index = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("index"u8))
            {
                reader.Read();
                index = reader.GetInt32();
            }
            else if (reader.ValueTextEquals("delta"u8))
            {
                string? text = null;
                string? thinking = null;
                string? json = null;
                string? signature = null;
                reader.Read();
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    if (reader.ValueTextEquals("text"u8))
                        text = Value(ref reader);
                    else if (reader.ValueTextEquals("thinking"u8))
                        thinking = Value(ref reader);
                    else if (reader.ValueTextEquals("partial_json"u8))
                        json = Value(ref reader);
                    else if (reader.ValueTextEquals("signature"u8))
                        signature = Value(ref reader);
                    else
                        reader.Skip();
                }
                Delta(index, text, thinking, json, signature);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private void Delta(int index, string? text, string? thinking, string? json, string? signature)
    {
        Text(text);
        Reasoning(thinking);
        Arguments(index, json);
        if (!string.IsNullOrEmpty(signature))
            Sink.Signature(signature);
    }

    private void ReadBlock(int index, JsonElement block)
    {
        switch (block.Text("type"))
        {
            case "text":
                Text(block.Text("text"));
                break;
            case "thinking":
                Reasoning(block.Text("thinking"));
                if (block.Text("signature") is { Length: > 0 } signature)
                    Sink.Signature(signature);
                break;
            case "redacted_thinking":
                Sink.RedactedReasoning(block.Text("data") ?? "");
                break;
            case "tool_use":
                ToolCall(index, block.Text("id"), block.Text("name"));
                break;
        }
    }

    private void ReadStop(JsonElement end)
    {
        StopSequence = end.Text("stop_sequence") ?? StopSequence;
        Stop = end.Text("stop_reason") switch
        {
            null => Stop,
            "max_tokens" or "model_context_window_exceeded" => StopReason.Length,
            "tool_use" => StopReason.ToolCalls,
            "refusal" => StopReason.ContentFilter,
            "stop_sequence" => StopReason.StopSequence,
            _ => StopReason.Stop,
        };
    }

    private void ReadUsage(JsonElement? usage)
    {
        if (usage is not { } reported)
            return;
        _fresh = reported.Whole("input_tokens") ?? _fresh;
        _read = reported.Whole("cache_read_input_tokens") ?? _read;
        _created = reported.Whole("cache_creation_input_tokens") ?? _created;
        _output = reported.Whole("output_tokens") ?? _output;
        Usage = new CallUsage(_fresh + _read + _created, _output, _read, _created);
    }

    private static string? Value(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.String)
            return reader.GetString();
        reader.Skip();
        return null;
    }
}
