using System.Text;
using CodeLab.Client.Processes;

namespace CodeLab.Client.Tools;

/// <summary>One output stream of a command: to the person as it is, to the model bounded and without escape sequences.</summary>
internal sealed class OutputCapture(int limit, Action<string>? live)
{
    private readonly Lock _gate = new();
    private readonly Decoder _decoder = new UTF8Encoding(false, throwOnInvalidBytes: false).GetDecoder();
    private readonly HeadTailText _kept = new(limit);
    private PlainText? _plain;

    public void Append(ReadOnlyMemory<byte> bytes)
    {
        string text;
        lock (_gate)
        {
            text = Decode(bytes.Span, flush: false);
            (_plain ??= new PlainText(_kept)).Append(text);
        }
        if (text.Length > 0)
            live?.Invoke(text);
    }

    /// <summary>What is kept so far. Output that comes later, from something that could not be ended, is not added.</summary>
    public string Complete()
    {
        lock (_gate)
        {
            (_plain ??= new PlainText(_kept)).Append(Decode([], flush: true));
            _plain.Complete();
            return _kept.ToString();
        }
    }

    // Stateful: a character may be split between two reads.
    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var chars = new char[_decoder.GetCharCount(bytes, flush)];
        var count = _decoder.GetChars(bytes, chars, flush);
        return new string(chars, 0, count);
    }
}
