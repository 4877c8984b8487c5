namespace CodeLab.Cli.Terminal;

/// <summary>Text that is being typed and the place of the cursor in it. Knows keys, not screens.</summary>
internal sealed class LineBuffer
{
    private string _text = "";

    public string Text
    {
        get => _text;
        set
        {
            _text = value;
            Cursor = value.Length;
        }
    }

    /// <summary>UTF-16 code units before the cursor; never inside a surrogate pair.</summary>
    public int Cursor { get; private set; }

    public void Insert(string text)
    {
        _text = _text.Insert(Cursor, text);
        Cursor += text.Length;
    }

    /// <summary>Edits by a key; false when the key means nothing to an editor.</summary>
    public bool Apply(ConsoleKeyInfo key)
    {
        var control = key.Modifiers.HasFlag(ConsoleModifiers.Control);
        var alt = key.Modifiers.HasFlag(ConsoleModifiers.Alt);
        switch (key.Key)
        {
            case ConsoleKey.LeftArrow when control || alt:
            case ConsoleKey.B when alt:
                Cursor = WordStart();
                return true;
            case ConsoleKey.RightArrow when control || alt:
            case ConsoleKey.F when alt:
                Cursor = WordEnd();
                return true;
            case ConsoleKey.LeftArrow:
            case ConsoleKey.B when control:
                Cursor = Before(Cursor);
                return true;
            case ConsoleKey.RightArrow:
            case ConsoleKey.F when control:
                Cursor = After(Cursor);
                return true;
            case ConsoleKey.Home:
            case ConsoleKey.A when control:
                Cursor = LineStart();
                return true;
            case ConsoleKey.End:
            case ConsoleKey.E when control:
                Cursor = LineEnd();
                return true;
            case ConsoleKey.Backspace when control || alt:
            case ConsoleKey.W when control:
                Remove(WordStart(), Cursor);
                return true;
            case ConsoleKey.Backspace:
            case ConsoleKey.H when control:
                Remove(Before(Cursor), Cursor);
                return true;
            case ConsoleKey.Delete:
                Remove(Cursor, After(Cursor));
                return true;
            case ConsoleKey.K when control:
                Remove(Cursor, LineEnd());
                return true;
            case ConsoleKey.U when control:
                Remove(LineStart(), Cursor);
                return true;
        }
        if (control || alt || char.IsControl(key.KeyChar))
            return false;
        Insert(key.KeyChar.ToString());
        return true;
    }

    /// <summary>Moves a line up or down inside the text; false at its edge.</summary>
    public bool MoveLine(int by)
    {
        var start = LineStart();
        var column = Cursor - start;
        if (by < 0)
        {
            if (start == 0)
                return false;
            // The character before the start is the newline that ends the line above.
            var from = start == 1 ? 0 : _text.LastIndexOf('\n', start - 2) + 1;
            Cursor = Math.Min(from + column, start - 1);
            return true;
        }
        var end = LineEnd();
        if (end == _text.Length)
            return false;
        var next = end + 1;
        var nextEnd = _text.IndexOf('\n', next);
        Cursor = Math.Min(next + column, nextEnd < 0 ? _text.Length : nextEnd);
        return true;
    }

    private void Remove(int from, int to)
    {
        _text = _text.Remove(from, to - from);
        Cursor = from;
    }

    private int Before(int at) =>
        at == 0 ? 0
        : at > 1 && char.IsLowSurrogate(_text[at - 1]) ? at - 2
        : at - 1;

    private int After(int at) =>
        at == _text.Length ? at
        : at + 1 < _text.Length && char.IsHighSurrogate(_text[at]) ? at + 2
        : at + 1;

    private int LineStart() => Cursor == 0 ? 0 : _text.LastIndexOf('\n', Cursor - 1) + 1;

    private int LineEnd()
    {
        var end = _text.IndexOf('\n', Cursor);
        return end < 0 ? _text.Length : end;
    }

    private int WordStart()
    {
        var at = Cursor;
        while (at > 0 && !char.IsLetterOrDigit(_text[at - 1]))
            at--;
        while (at > 0 && char.IsLetterOrDigit(_text[at - 1]))
            at--;
        return at;
    }

    private int WordEnd()
    {
        var at = Cursor;
        while (at < _text.Length && !char.IsLetterOrDigit(_text[at]))
            at++;
        while (at < _text.Length && char.IsLetterOrDigit(_text[at]))
            at++;
        return at;
    }
}
