using System.Text.Json;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Translation.OpenAiChat;

/// <summary>Reads answers of OpenAI Chat Completions and compatible servers. A chunk is read token by token: this runs once for each token of a model.</summary>
internal sealed class ChatAnswerReader(AnswerSink sink) : AnswerReader(sink)
{
    private readonly HashSet<int> _calls = [];

    public override bool Event(ReadOnlySpan<byte> data)
    {
        if (data.SequenceEqual("[DONE]"u8))
            return true;
        var reader = new Utf8JsonReader(data);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException();
        string? id = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("choices"u8))
            {
                Begin(id);
                ReadChoices(ref reader);
            }
            else if (reader.ValueTextEquals("id"u8))
            {
                reader.Read();
                id = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            }
            else if (reader.ValueTextEquals("usage"u8))
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.StartObject)
                    ReadUsage(JsonElement.ParseValue(ref reader));
            }
            else if (reader.ValueTextEquals("error"u8))
            {
                reader.Read();
                if (reader.TokenType != JsonTokenType.Null)
                    return false;
            }
            else
            {
                reader.Skip();
            }
        }
        return true;
    }

    public override void Whole(JsonElement answer)
    {
        Begin(answer.Text("id"));
        var choice = answer.Items("choices").FirstOrDefault();
        if (choice.ValueKind != JsonValueKind.Object || choice.Get("message") is not { } message)
            throw new JsonException();
        Reasoning(message.Text("reasoning_content") ?? ReasoningText(message.Get("reasoning")));
        Text(message.Text("content"));
        Refusal(message.Text("refusal"));
        if (choice.Get("logprobs")?.Get("content") is { } logprobs)
            Sink.LogProbs(logprobs.GetRawText());
        var index = 0;
        foreach (var call in message.Items("tool_calls"))
        {
            ToolCall(index, call.Text("id"), call.Get("function")?.Text("name"));
            Arguments(index++, call.Get("function")?.Text("arguments"));
        }
        Stop = StopOf(choice.Text("finish_reason"));
        if (answer.Get("usage") is { } usage)
            ReadUsage(usage);
    }

    private static string? ReasoningText(JsonElement? reasoning) =>
        reasoning is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private void ReadChoices(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }
        var first = true;
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            // One answer was asked for.
            if (first)
                ReadChoice(ref reader);
            else
                reader.Skip();
            first = false;
        }
    }

    private void ReadChoice(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("delta"u8))
            {
                ReadDelta(ref reader);
            }
            else if (reader.ValueTextEquals("finish_reason"u8))
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.String)
                    Stop = StopOf(reader.GetString());
            }
            else if (reader.ValueTextEquals("logprobs"u8))
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.StartObject && JsonElement.ParseValue(ref reader).Get("content") is { } content)
                    Sink.LogProbs(content.GetRawText());
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private void ReadDelta(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            return;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("content"u8))
                Text(Value(ref reader));
            else if (reader.ValueTextEquals("reasoning_content"u8) || reader.ValueTextEquals("reasoning"u8))
                Reasoning(Value(ref reader));
            else if (reader.ValueTextEquals("refusal"u8))
                Refusal(Value(ref reader));
            else if (reader.ValueTextEquals("tool_calls"u8))
                ReadCalls(ref reader);
            else
                reader.Skip();
        }
    }

    private void ReadCalls(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }
        var position = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            ReadCall(ref reader, position);
            position++;
        }
    }

    private void ReadCall(ref Utf8JsonReader reader, int index)
    {
        string? id = null;
        string? name = null;
        string? arguments = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("index"u8))
            {
                reader.Read();
                index = reader.TokenType == JsonTokenType.Number ? reader.GetInt32() : index;
            }
            else if (reader.ValueTextEquals("id"u8))
            {
                id = Value(ref reader);
            }
            else if (reader.ValueTextEquals("function"u8))
            {
                reader.Read();
                while (reader.TokenType != JsonTokenType.Null && reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    if (reader.ValueTextEquals("name"u8))
                        name = Value(ref reader);
                    else if (reader.ValueTextEquals("arguments"u8))
                        arguments = Value(ref reader);
                    else
                        reader.Skip();
                }
            }
            else
            {
                reader.Skip();
            }
        }
        if (_calls.Add(index))
            ToolCall(index, id, name);
        Arguments(index, arguments);
    }

    /// <summary>The text that follows; null for anything else, which is skipped.</summary>
    private static string? Value(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.String)
            return reader.GetString();
        reader.Skip();
        return null;
    }

    private void ReadUsage(JsonElement usage) =>
        Usage = new CallUsage(
            usage.Whole("prompt_tokens") ?? 0,
            usage.Whole("completion_tokens") ?? 0,
            usage.Get("prompt_tokens_details")?.Whole("cached_tokens") ?? 0,
            0,
            usage.Get("completion_tokens_details")?.Whole("reasoning_tokens") ?? 0
        );

    private static StopReason? StopOf(string? reason) =>
        reason switch
        {
            null => null,
            "length" => StopReason.Length,
            "tool_calls" or "function_call" => StopReason.ToolCalls,
            "content_filter" => StopReason.ContentFilter,
            _ => StopReason.Stop,
        };
}
