using System.Text.Json;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.PassThrough;

/// <summary>What one event of a stream means for how it is handed on.</summary>
internal enum EventVerdict
{
    Forward,

    /// <summary>We asked for it, the caller did not (the usage of a stream).</summary>
    Drop,

    /// <summary>The provider says that it failed.</summary>
    Failed,
}

/// <summary>
/// Reads an answer in one dialect as its bytes pass: usage, whether it came to its end, and how much was written. One reader pass over each event;
/// nothing is kept.
/// </summary>
internal abstract class AnswerScan
{
    /// <summary>Tokens as reported last; servers that report with every piece report the sum so far.</summary>
    public CallUsage? Usage { get; protected set; }

    /// <summary>The usage so far is that of the whole answer.</summary>
    public virtual bool IsUsageFinal => true;

    /// <summary>The answer is complete as far as its format tells.</summary>
    public bool IsFinished { get; protected set; }

    /// <summary>Bytes of content so far.</summary>
    public long Written { get; protected set; }

    /// <summary>True for lines of JSON, false for server-sent events.</summary>
    public virtual bool IsLines => false;

    /// <summary>Looks at the data of one event.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public abstract EventVerdict Event(ReadOnlySpan<byte> data);

    /// <summary>Looks at a member of the outermost object of an answer that is no stream; the reader stands on the member's name.</summary>
    public abstract void Member(ref Utf8JsonReader reader);

    /// <summary>Names of the members that <see cref="Member"/> wants.</summary>
    public abstract bool Wants(ReadOnlySpan<byte> name);

    /// <summary>Looks at a whole answer that is no stream.</summary>
    /// <exception cref="JsonException">It is no JSON object.</exception>
    public void Whole(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException();
        while (reader.Read())
        {
            if (reader.CurrentDepth == 1 && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (Wants(reader.ValueSpan))
                    Member(ref reader);
                else
                    reader.Skip();
            }
        }
        IsFinished = true;
    }

    /// <summary>The scan for answers of a dialect.</summary>
    /// <param name="dialect">Dialect of the provider.</param>
    /// <param name="dropsUsage">The usage was asked for by us only.</param>
    public static AnswerScan For(CallDialect dialect, bool dropsUsage) =>
        dialect switch
        {
            CallDialect.OpenAiChat => new ChatScan(dropsUsage),
            CallDialect.OpenAiResponses => new ResponsesScan(),
            CallDialect.OpenAiEmbeddings => new ChatScan(dropsUsage: false),
            CallDialect.AnthropicMessages or CallDialect.AnthropicCountTokens => new MessagesScan(),
            CallDialect.Ollama => new OllamaScan(),
            _ => throw new ArgumentOutOfRangeException(nameof(dialect), dialect, null),
        };

    protected static long Number(ref Utf8JsonReader reader) =>
        reader.Read() && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var value) && value > 0 ? value : 0;

    /// <summary>Length of a text value; 0 for anything else.</summary>
    protected static int TextLength(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.String ? reader.ValueSpan.Length : 0;
    }
}

/// <summary>OpenAI Chat Completions and Embeddings.</summary>
internal sealed class ChatScan(bool dropsUsage) : AnswerScan
{
    public override EventVerdict Event(ReadOnlySpan<byte> data)
    {
        if (data.SequenceEqual("[DONE]"u8))
        {
            IsFinished = true;
            return EventVerdict.Forward;
        }
        var reader = new Utf8JsonReader(data);
        var reported = false;
        var choices = 0;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException();
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
            {
                if (reader.TokenType == JsonTokenType.StartObject && reader.CurrentDepth == 2)
                    choices++;
                continue;
            }
            switch (reader.ValueSpan.Length)
            {
                case 5 when reader.CurrentDepth == 1 && reader.ValueSpan.SequenceEqual("usage"u8):
                    reported = ReadUsage(ref reader);
                    break;
                case 5 when reader.CurrentDepth == 1 && reader.ValueSpan.SequenceEqual("error"u8):
                    reader.Read();
                    if (reader.TokenType != JsonTokenType.Null)
                        return EventVerdict.Failed;
                    break;
                case 13 when reader.ValueSpan.SequenceEqual("finish_reason"u8):
                    reader.Read();
                    IsFinished |= reader.TokenType == JsonTokenType.String;
                    break;
                case 7 when reader.ValueSpan.SequenceEqual("content"u8):
                case 7 when reader.ValueSpan.SequenceEqual("refusal"u8):
                case 9 when reader.ValueSpan.SequenceEqual("arguments"u8):
                case 9 when reader.ValueSpan.SequenceEqual("reasoning"u8):
                case 17 when reader.ValueSpan.SequenceEqual("reasoning_content"u8):
                    Written += TextLength(ref reader);
                    break;
            }
        }
        return dropsUsage && reported && choices == 0 ? EventVerdict.Drop : EventVerdict.Forward;
    }

    public override bool Wants(ReadOnlySpan<byte> name) => name.SequenceEqual("usage"u8);

    public override void Member(ref Utf8JsonReader reader) => ReadUsage(ref reader);

    private bool ReadUsage(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return false;
        }
        var depth = reader.CurrentDepth;
        long input = 0;
        long output = 0;
        long cached = 0;
        long reasoning = 0;
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
                continue;
            var name = reader.ValueSpan;
            if (name.SequenceEqual("prompt_tokens"u8))
                input = Number(ref reader);
            else if (name.SequenceEqual("completion_tokens"u8))
                output = Number(ref reader);
            else if (name.SequenceEqual("cached_tokens"u8))
                cached = Number(ref reader);
            else if (name.SequenceEqual("reasoning_tokens"u8))
                reasoning = Number(ref reader);
        }
        Usage = new CallUsage(input, output, cached, 0, reasoning);
        return true;
    }
}

/// <summary>OpenAI Responses.</summary>
internal sealed class ResponsesScan : AnswerScan
{
    public override EventVerdict Event(ReadOnlySpan<byte> data)
    {
        // Some compatible servers end with Chat's mark as well.
        if (data.SequenceEqual("[DONE]"u8))
            return EventVerdict.Forward;
        var reader = new Utf8JsonReader(data);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException();
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
                continue;
            if (reader.CurrentDepth == 1 && reader.ValueSpan.SequenceEqual("type"u8))
            {
                reader.Read();
                if (reader.ValueSpan.SequenceEqual("response.completed"u8) || reader.ValueSpan.SequenceEqual("response.incomplete"u8))
                    IsFinished = true;
                else if (reader.ValueSpan.SequenceEqual("response.failed"u8) || reader.ValueSpan.SequenceEqual("error"u8))
                    return EventVerdict.Failed;
            }
            else if (reader.CurrentDepth == 1 && reader.ValueSpan.SequenceEqual("delta"u8))
            {
                Written += TextLength(ref reader);
            }
            else if (reader.CurrentDepth == 2 && reader.ValueSpan.SequenceEqual("usage"u8))
            {
                Member(ref reader);
            }
        }
        return EventVerdict.Forward;
    }

    public override bool Wants(ReadOnlySpan<byte> name) => name.SequenceEqual("usage"u8);

    public override void Member(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }
        var depth = reader.CurrentDepth;
        long input = 0;
        long output = 0;
        long cached = 0;
        long reasoning = 0;
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
                continue;
            var name = reader.ValueSpan;
            if (name.SequenceEqual("input_tokens"u8))
                input = Number(ref reader);
            else if (name.SequenceEqual("output_tokens"u8))
                output = Number(ref reader);
            else if (name.SequenceEqual("cached_tokens"u8))
                cached = Number(ref reader);
            else if (name.SequenceEqual("reasoning_tokens"u8))
                reasoning = Number(ref reader);
        }
        Usage = new CallUsage(input, output, cached, 0, reasoning);
    }
}

/// <summary>Anthropic Messages. Input tokens come with the first event, output tokens with the last but one; later numbers replace earlier ones.</summary>
internal sealed class MessagesScan : AnswerScan
{
    private long _fresh;
    private long _read;
    private long _created;
    private long _output;
    private int _reports;

    // The first report, with the beginning, knows the input only.
    public override bool IsUsageFinal => _reports > 1 || IsFinished;

    public override EventVerdict Event(ReadOnlySpan<byte> data)
    {
        var reader = new Utf8JsonReader(data);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException();
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
                continue;
            var name = reader.ValueSpan;
            switch (name.Length)
            {
                case 4 when reader.CurrentDepth == 1 && name.SequenceEqual("type"u8):
                    reader.Read();
                    if (reader.ValueSpan.SequenceEqual("message_stop"u8))
                        IsFinished = true;
                    else if (reader.ValueSpan.SequenceEqual("error"u8))
                        return EventVerdict.Failed;
                    break;
                case 4 when reader.CurrentDepth == 2 && name.SequenceEqual("text"u8):
                case 8 when reader.CurrentDepth == 2 && name.SequenceEqual("thinking"u8):
                case 12 when reader.CurrentDepth == 2 && name.SequenceEqual("partial_json"u8):
                    Written += TextLength(ref reader);
                    break;
                case 5 when reader.CurrentDepth <= 2 && name.SequenceEqual("usage"u8):
                    Member(ref reader);
                    break;
            }
        }
        return EventVerdict.Forward;
    }

    public override bool Wants(ReadOnlySpan<byte> name) => name.SequenceEqual("usage"u8);

    public override void Member(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }
        var depth = reader.CurrentDepth;
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            // Deeper members split the same tokens once more.
            if (reader.TokenType != JsonTokenType.PropertyName || reader.CurrentDepth != depth + 1)
                continue;
            var name = reader.ValueSpan;
            if (name.SequenceEqual("input_tokens"u8))
                _fresh = Number(ref reader);
            else if (name.SequenceEqual("output_tokens"u8))
                _output = Number(ref reader);
            else if (name.SequenceEqual("cache_read_input_tokens"u8))
                _read = Number(ref reader);
            else if (name.SequenceEqual("cache_creation_input_tokens"u8))
                _created = Number(ref reader);
        }
        _reports++;
        Usage = new CallUsage(_fresh + _read + _created, _output, _read, _created);
    }
}

/// <summary>Ollama's own lines.</summary>
internal sealed class OllamaScan : AnswerScan
{
    private long _input;
    private long _output;

    public override bool IsLines => true;

    public override EventVerdict Event(ReadOnlySpan<byte> data)
    {
        var reader = new Utf8JsonReader(data);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException();
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
                continue;
            var name = reader.ValueSpan;
            if (reader.CurrentDepth == 1 && name.SequenceEqual("error"u8))
                return EventVerdict.Failed;
            if (reader.CurrentDepth == 1 && name.SequenceEqual("done"u8))
            {
                reader.Read();
                IsFinished |= reader.TokenType == JsonTokenType.True;
            }
            else if (reader.CurrentDepth == 1 && Wants(name))
            {
                Member(ref reader);
            }
            else if (reader.CurrentDepth == 2 && (name.SequenceEqual("content"u8) || name.SequenceEqual("thinking"u8)))
            {
                Written += TextLength(ref reader);
            }
        }
        return EventVerdict.Forward;
    }

    public override bool Wants(ReadOnlySpan<byte> name) => name.SequenceEqual("prompt_eval_count"u8) || name.SequenceEqual("eval_count"u8);

    public override void Member(ref Utf8JsonReader reader)
    {
        if (reader.ValueSpan.Length == "eval_count".Length)
            _output = Number(ref reader);
        else
            _input = Number(ref reader);
        Usage = new CallUsage(_input, _output);
    }
}
