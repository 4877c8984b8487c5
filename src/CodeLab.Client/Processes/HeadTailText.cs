using System.Globalization;
using System.Text;

namespace CodeLab.Client.Processes;

/// <summary>Keeps the beginning and the end of a text of any length. Not thread-safe.</summary>
internal sealed class HeadTailText(int limit)
{
    private readonly StringBuilder _head = new();
    private readonly char[] _tail = new char[limit];
    private long _total;

    public void Append(ReadOnlySpan<char> text)
    {
        var head = Math.Min(limit - _head.Length, text.Length);
        _head.Append(text[..head]);
        _total += head;
        text = text[head..];
        if (text.Length > limit)
        {
            _total += text.Length - limit;
            text = text[^limit..];
        }
        foreach (var c in text)
        {
            _tail[(int)((_total - limit) % limit)] = c;
            _total++;
        }
    }

    public override string ToString()
    {
        var rest = _total - _head.Length;
        if (rest <= 0)
            return _head.ToString();
        var kept = (int)Math.Min(rest, limit);
        var text = new StringBuilder().Append(_head);
        if (rest > limit)
            text.Append(CultureInfo.InvariantCulture, $"\n… {rest - limit} characters omitted …\n");
        var first = (int)((rest - kept) % limit);
        for (var i = 0; i < kept; i++)
            text.Append(_tail[(first + i) % limit]);
        return text.ToString();
    }
}
