using System.Text;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>
/// Takes a line apart by the token rules of the POSIX shell (IEEE 1003.1 §2.2–2.4, 2.6, 2.10), without expanding anything: what would be
/// expanded is a trait. Grammar that bash and zsh add (<c>$'…'</c>, process substitution, brace expansion, history) is a trait too.
/// </summary>
internal sealed class PosixShell
{
    private const int _deepest = 8;

    private static readonly HashSet<string> _reserved = new(StringComparer.Ordinal)
    {
        "if",
        "then",
        "else",
        "elif",
        "fi",
        "do",
        "done",
        "case",
        "esac",
        "while",
        "until",
        "for",
        "select",
        "function",
        "time",
        "coproc",
        "in",
        "{",
        "}",
        "!",
        "[[",
        "]]",
    };

    private readonly string _line;
    private readonly int _depth;
    private readonly List<SimpleCommand> _commands = [];
    private readonly StringBuilder _word = new();
    private List<string> _words = [];
    private LineTraits _traits;
    private bool _inWord;
    private bool _quoted;
    private bool _isTarget;
    private int _at;

    private PosixShell(string line, int depth) => (_line, _depth) = (line, depth);

    /// <summary>Parses; never throws, whatever the text.</summary>
    public static ParsedLine Parse(string line) => new PosixShell(line, 0).Run();

    private ParsedLine Run()
    {
        while (_at < _line.Length)
            Step(_line[_at++]);
        EndCommand();
        if (_commands.Count == 0)
            _traits |= LineTraits.Empty;
        return new(_commands, _traits);
    }

    private void Step(char c)
    {
        if (CommandLines.IsStrange(c))
            _traits |= LineTraits.Strange;
        switch (c)
        {
            case ' ' or '\t':
                EndWord();
                break;
            case '\n' or '\r' or ';' or '&' or '|' or '(' or ')':
                _traits |= LineTraits.Operator;
                EndCommand();
                break;
            case '<' or '>':
                Redirect();
                break;
            case '\'':
                SingleQuotes();
                break;
            case '"':
                DoubleQuotes();
                break;
            case '\\':
                Escape();
                break;
            case '$':
                Dollar();
                break;
            case '`':
                Backticks();
                break;
            case '#' when !_inWord:
                _traits |= LineTraits.Comment;
                SkipLine();
                break;
            case '*' or '?' or '[' or ']' or '!' or '^':
                _traits |= LineTraits.Expansion;
                Take(c);
                break;
            case '{' or '}':
                _traits |= LineTraits.Expansion;
                Take(c);
                break;
            case '~' when _word.Length == 0 || _word[^1] is '=' or ':':
                _traits |= LineTraits.Expansion;
                Take(c);
                break;
            default:
                Take(c);
                break;
        }
    }

    private void Take(char c)
    {
        _inWord = true;
        _word.Append(c);
    }

    private void EndWord()
    {
        if (!_inWord)
            return;
        var text = _word.ToString();
        _word.Clear();
        var (quoted, isTarget) = (_quoted, _isTarget);
        (_inWord, _quoted, _isTarget) = (false, false, false);
        // Where a redirect goes to is no word of the command.
        if (isTarget)
            return;
        if (_words.Count == 0 && !quoted)
        {
            if (IsAssignment(text))
            {
                _traits |= LineTraits.Assignment;
                return;
            }
            if (_reserved.Contains(text))
            {
                _traits |= LineTraits.Operator;
                return;
            }
        }
        _words.Add(text);
    }

    private void EndCommand()
    {
        EndWord();
        _isTarget = false;
        if (_words.Count == 0)
            return;
        _commands.Add(new(_words));
        _words = [];
    }

    private static bool IsAssignment(string word)
    {
        var equals = word.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0 || char.IsAsciiDigit(word[0]))
            return false;
        for (var i = 0; i < equals; i++)
        {
            if (!char.IsAsciiLetterOrDigit(word[i]) && word[i] is not ('_' or '+' or '[' or ']'))
                return false;
        }
        return true;
    }

    private void Redirect()
    {
        _traits |= LineTraits.Redirect;
        // A number before it names a descriptor.
        if (_inWord && !_quoted && int.TryParse(_word.ToString(), System.Globalization.CultureInfo.InvariantCulture, out _))
        {
            _word.Clear();
            _inWord = false;
        }
        EndWord();
        while (_at < _line.Length && _line[_at] is '<' or '>' or '&' or '|' or '-')
            _at++;
        if (_at < _line.Length && _line[_at] == '(')
        {
            _traits |= LineTraits.Substitution;
            _at++;
            Nested(')');
            return;
        }
        _isTarget = true;
    }

    private void SingleQuotes()
    {
        (_inWord, _quoted) = (true, true);
        var end = _line.IndexOf('\'', _at);
        if (end < 0)
        {
            _traits |= LineTraits.Unclosed;
            end = _line.Length;
        }
        AppendLiteral(_line.AsSpan(_at, end - _at));
        _at = Math.Min(end + 1, _line.Length);
    }

    private void AppendLiteral(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (CommandLines.IsStrange(c) || c is '\n' or '\r')
                _traits |= LineTraits.Strange;
        }
        _word.Append(text);
    }

    private void DoubleQuotes()
    {
        (_inWord, _quoted) = (true, true);
        while (_at < _line.Length)
        {
            var c = _line[_at++];
            switch (c)
            {
                case '"':
                    return;
                case '\\' when _at < _line.Length && _line[_at] is '$' or '`' or '"' or '\\':
                    _word.Append(_line[_at++]);
                    break;
                case '\\' when _at < _line.Length && _line[_at] == '\n':
                    _traits |= LineTraits.Operator;
                    _at++;
                    break;
                case '$':
                    Dollar();
                    break;
                case '`':
                    Backticks();
                    break;
                case '!':
                    _traits |= LineTraits.Expansion;
                    _word.Append(c);
                    break;
                default:
                    AppendLiteral([c]);
                    break;
            }
        }
        _traits |= LineTraits.Unclosed;
    }

    private void Escape()
    {
        _quoted = true;
        if (_at >= _line.Length)
        {
            _traits |= LineTraits.Unclosed;
            return;
        }
        var c = _line[_at++];
        if (c is '\n' or '\r')
        {
            _traits |= LineTraits.Operator;
            return;
        }
        _inWord = true;
        AppendLiteral([c]);
    }

    private void Dollar()
    {
        _inWord = true;
        if (_at >= _line.Length)
        {
            _word.Append('$');
            return;
        }
        switch (_line[_at])
        {
            case '(':
                _traits |= LineTraits.Substitution;
                _at++;
                Nested(')');
                break;
            case '{':
                _traits |= LineTraits.Variable;
                _at++;
                Nested('}');
                break;
            default:
                // $name, $1, $?, $'…', $"…": the value is not in the text.
                _traits |= LineTraits.Variable;
                break;
        }
    }

    private void Backticks()
    {
        _inWord = true;
        _traits |= LineTraits.Substitution;
        Nested('`');
    }

    /// <summary>What stands inside brackets or backticks is a line of its own; its commands count like the others.</summary>
    private void Nested(char end)
    {
        var begin = _at;
        var open = 1;
        while (_at < _line.Length)
        {
            var c = _line[_at++];
            if (c == '\\' && _at < _line.Length)
                _at++;
            else if (c == end && --open == 0)
                break;
            else if ((end, c) is (')', '(') or ('}', '{'))
                open++;
        }
        if (open > 0)
            _traits |= LineTraits.Unclosed;
        if (_depth >= _deepest)
            return;
        var inner = new PosixShell(_line[begin..Math.Max(begin, _at - (open > 0 ? 0 : 1))], _depth + 1).Run();
        _commands.AddRange(inner.Commands);
        _traits |= inner.Traits & ~LineTraits.Empty;
    }

    private void SkipLine()
    {
        while (_at < _line.Length && _line[_at] != '\n')
            _at++;
    }
}
