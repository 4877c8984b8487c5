using System.Text;

namespace CodeLab.Client.Processes;

/// <summary>
/// Turns what a program writes for a terminal into text for a model: escape sequences go, a carriage return overwrites its line (progress bars),
/// a backspace takes a character away. Keeps its state between pieces. Not thread-safe.
/// </summary>
internal sealed class PlainText(HeadTailText sink)
{
    private const int MaxLine = 16 * 1024;

    private enum State
    {
        Text,
        Escape,
        Csi,
        StringSequence,
        StringEscape,
        Charset,
    }

    private readonly StringBuilder _line = new();
    private State _state;
    private bool _return;

    public void Append(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
            Next(c);
    }

    /// <summary>Hands over the last line, which has no end.</summary>
    public void Complete() => Flush();

    private void Next(char c)
    {
        switch (_state)
        {
            case State.Text:
                Print(c);
                break;
            case State.Escape:
                _state = c switch
                {
                    '[' => State.Csi,
                    ']' or 'P' or 'X' or '^' or '_' => State.StringSequence,
                    '(' or ')' or '*' or '+' or '#' or '%' or ' ' => State.Charset,
                    _ => State.Text,
                };
                break;
            case State.Csi:
                if (c is >= '@' and <= '~')
                    _state = State.Text;
                else if (c == '\u001b')
                    _state = State.Escape;
                else if (c == '\n')
                {
                    _state = State.Text;
                    Print(c);
                }
                break;
            case State.StringSequence:
                if (c == '\a' || c == '\u009c')
                    _state = State.Text;
                else if (c == '\u001b')
                    _state = State.StringEscape;
                // No title or link spans lines; an unfinished sequence must not swallow the rest of the output.
                else if (c == '\n')
                {
                    _state = State.Text;
                    Print(c);
                }
                break;
            case State.StringEscape:
                _state = c == '\\' ? State.Text : State.StringSequence;
                break;
            case State.Charset:
                _state = State.Text;
                break;
        }
    }

    private void Print(char c)
    {
        if (_return)
        {
            // Some programs write \r\r\n; only a visible character overwrites.
            if (c == '\r')
                return;
            _return = false;
            if (c != '\n')
                _line.Clear();
        }
        switch (c)
        {
            case '\u001b':
                _state = State.Escape;
                break;
            case '\u009b':
                _state = State.Csi;
                break;
            case '\r':
                _return = true;
                break;
            case '\b':
                if (_line.Length > 0)
                    _line.Length--;
                break;
            case '\n':
                _line.Append('\n');
                Flush();
                break;
            case '\t':
                _line.Append(c);
                break;
            default:
                if (!char.IsControl(c))
                    _line.Append(c);
                if (_line.Length >= MaxLine)
                    Flush();
                break;
        }
    }

    private void Flush()
    {
        foreach (var chunk in _line.GetChunks())
            sink.Append(chunk.Span);
        _line.Clear();
    }
}
