using System.Text;

namespace CodeLab.Cli.Terminal;

/// <summary>
/// Tells typed keys from pasted text. A terminal in bracketed paste mode wraps what is pasted in <c>ESC [200~</c> and <c>ESC [201~</c>,
/// which arrive as single keys: a newline in between is text, not "send".
/// </summary>
internal sealed class PasteReader
{
    public const string Enable = "\u001b[?2004h";
    public const string Disable = "\u001b[?2004l";
    private const string Begin = "[200~";
    private const string End = "[201~";

    private readonly List<ConsoleKeyInfo> _held = [];
    private StringBuilder? _pasted;

    /// <summary>Takes a key; answers the keys that are typed ones now, and a pasted text when one is complete.</summary>
    public (IReadOnlyList<ConsoleKeyInfo> Typed, string? Pasted) Take(ConsoleKeyInfo key)
    {
        var mark = _pasted is null ? Begin : End;
        if (_held.Count == 0 && key.Key != ConsoleKey.Escape && key.KeyChar != '\u001b')
            return _pasted is null ? ([key], null) : Add(key);
        if (_held.Count > 0 && key.KeyChar != mark[_held.Count - 1])
        {
            ConsoleKeyInfo[] typed = [.. _held, key];
            _held.Clear();
            if (_pasted is null)
                return (typed, null);
            foreach (var held in typed)
                Add(held);
            return ([], null);
        }
        _held.Add(key);
        if (_held.Count <= mark.Length)
            return ([], null);

        _held.Clear();
        if (_pasted is null)
        {
            _pasted = new StringBuilder();
            return ([], null);
        }
        var text = SafeText.Plain(_pasted.ToString());
        _pasted = null;
        return ([], text);
    }

    /// <summary>A lone Escape is held until the next key; when none comes it was the key itself.</summary>
    public IReadOnlyList<ConsoleKeyInfo> Flush()
    {
        if (_pasted is not null || _held.Count == 0)
            return [];
        ConsoleKeyInfo[] typed = [.. _held];
        _held.Clear();
        return typed;
    }

    private (IReadOnlyList<ConsoleKeyInfo>, string?) Add(ConsoleKeyInfo key)
    {
        if (key.Key == ConsoleKey.Enter || key.KeyChar is '\r' or '\n')
            _pasted!.Append('\n');
        else if (key.KeyChar != '\0')
            _pasted!.Append(key.KeyChar);
        return ([], null);
    }
}
