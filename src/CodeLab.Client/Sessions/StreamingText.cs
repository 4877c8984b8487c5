namespace CodeLab.Client.Sessions;

/// <summary>
/// Text that is being written. Immutable to its readers, yet adding a token does not copy what is there: successive values share one
/// buffer, and each sees only its own beginning of it.
/// </summary>
public sealed class StreamingText
{
    private sealed class Buffer(char[] chars)
    {
        public char[] Chars { get; } = chars;
        public int Used { get; set; }
    }

    private readonly Buffer _buffer;

    private StreamingText(string messageId, string? agent, Buffer buffer, int length)
    {
        MessageId = messageId;
        Agent = agent;
        _buffer = buffer;
        Length = length;
    }

    /// <summary>Id of the message.</summary>
    public string MessageId { get; }

    /// <summary>The agent that writes.</summary>
    public string? Agent { get; }

    /// <summary>UTF-16 code units so far; the next token's offset.</summary>
    public int Length { get; }

    /// <summary>The text so far.</summary>
    public ReadOnlySpan<char> Span => _buffer.Chars.AsSpan(0, Length);

    /// <summary>Begins a message.</summary>
    public static StreamingText Begin(string messageId, string? agent, string text)
    {
        var buffer = new Buffer(new char[Math.Max(256, text.Length * 2)]);
        text.CopyTo(buffer.Chars);
        buffer.Used = text.Length;
        return new StreamingText(messageId, agent, buffer, text.Length);
    }

    /// <summary>The text with more at its end.</summary>
    public StreamingText Append(ReadOnlySpan<char> more)
    {
        var buffer = _buffer;
        var end = Length + more.Length;
        // Somebody else went on from the same value, or the buffer is full: go on in a copy.
        if (buffer.Used != Length || end > buffer.Chars.Length)
        {
            buffer = new Buffer(new char[Math.Max(256, end * 2)]);
            Span.CopyTo(buffer.Chars);
        }
        more.CopyTo(buffer.Chars.AsSpan(Length));
        buffer.Used = end;
        return new StreamingText(MessageId, Agent, buffer, end);
    }

    /// <summary>The text so far.</summary>
    public override string ToString() => new(Span);
}
