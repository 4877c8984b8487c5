using System.Collections.Frozen;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>
/// Command lines that a rule means: words that must be there, <c>*</c> for one plain word, <c>…</c> or <c>**</c> at the end for any number of
/// plain words, and the options that may stand among them (<c>-#</c> = a number). A plain word is a name inside the workspace that is
/// not guarded.
/// </summary>
internal sealed class CommandPattern
{
    private readonly string[] _start;
    private readonly bool _open;
    private readonly FrozenSet<string> _options;

    public CommandPattern(string pattern, params IReadOnlyList<string> options)
    {
        var words = pattern.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        _open = words is [.., "…" or "**"];
        _start = _open ? words[..^1] : words;
        _options = options.ToFrozenSet(StringComparer.Ordinal);
    }

    /// <summary>What is wrong with a pattern that a person wrote, or null.</summary>
    public static string? Problem(string pattern)
    {
        var words = pattern.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length is 0 or > 32 || words[0] is "*" or "**" or "…")
            return "A command pattern begins with the name of a program.";
        return words[..^1].Any(w => w is "**" or "…") ? "'**' stands only at the end of a command pattern." : null;
    }

    /// <summary>True when the command is exactly what is meant, and nothing in it could be more: for rules that allow.</summary>
    public bool Allows(IReadOnlyList<string> words)
    {
        if (words.Count < _start.Length)
            return false;
        for (var i = 0; i < _start.Length; i++)
        {
            if (
                _start[i] == "*"
                    ? words[i].StartsWith('-') || !IsPlain(words[i])
                    : !string.Equals(words[i], _start[i], StringComparison.Ordinal)
            )
                return false;
        }
        for (var i = _start.Length; i < words.Count; i++)
        {
            var word = words[i];
            if (word.Length == 0 || (word[0] == '-' ? !IsOption(word) : !_open || !IsPlain(word)))
                return false;
        }
        return true;
    }

    /// <summary>True when the command may be what is meant: for rules that ask or forbid. Folder, extension, case and options do not hide it.</summary>
    public bool Touches(SimpleCommand command)
    {
        if (!Launchers.Name(command.Program).Equals(Launchers.Name(_start[0]), StringComparison.OrdinalIgnoreCase))
            return false;
        var at = 1;
        for (var i = 1; i < _start.Length; i++)
        {
            // The words in their order, whatever stands between them: git -c x=y push is a git push.
            while (at < command.Words.Count && _start[i] != "*" && !command.Words[at].Equals(_start[i], StringComparison.OrdinalIgnoreCase))
                at++;
            if (at++ >= command.Words.Count)
                return false;
        }
        return true;
    }

    private bool IsOption(string word) =>
        _options.Contains(word)
        || (_options.Contains("-#") && word.Length is > 1 and < 6 && word.AsSpan(1).IndexOfAnyExceptInRange('0', '9') < 0);

    private static bool IsPlain(string word) =>
        word.Length > 0 && Tools.WorkspacePath.Check(word) is null && AlwaysAsk.OfPath(word, reading: false) is null;
}
