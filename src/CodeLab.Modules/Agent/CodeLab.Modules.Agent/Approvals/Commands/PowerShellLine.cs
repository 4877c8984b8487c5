using System.Text;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>
/// Takes a line apart as PowerShell does in argument mode. PowerShell reads more characters as quotes, dashes and separators than it seems
/// (‘ ’ “ ” – —), so anything outside ASCII is strange here.
/// </summary>
internal static class PowerShellLine
{
    private static readonly HashSet<string> _keywords = new(StringComparer.OrdinalIgnoreCase)
    {
        "begin",
        "break",
        "catch",
        "class",
        "continue",
        "data",
        "do",
        "else",
        "elseif",
        "end",
        "exit",
        "filter",
        "finally",
        "for",
        "foreach",
        "function",
        "if",
        "param",
        "process",
        "return",
        "switch",
        "throw",
        "trap",
        "try",
        "until",
        "using",
        "while",
        "workflow",
    };

    /// <summary>Parses; never throws, whatever the text.</summary>
    public static ParsedLine Parse(string line)
    {
        var traits = LineTraits.None;
        var commands = new List<SimpleCommand>();
        var words = new List<string>();
        var word = new StringBuilder();
        var inWord = false;
        for (var i = 0; i < line.Length; i++)
        {
            var c = line[i];
            if (CommandLines.IsStrange(c) || c > '\u007e')
                traits |= LineTraits.Strange;
            switch (c)
            {
                case ' ' or '\t':
                    EndWord();
                    break;
                case '\n' or '\r' or ';' or '|' or '&':
                    traits |= LineTraits.Operator;
                    EndCommand();
                    break;
                case '(' or ')' or '{' or '}':
                    traits |= LineTraits.Substitution;
                    EndCommand();
                    break;
                case '<' or '>':
                    traits |= LineTraits.Redirect;
                    EndWord();
                    break;
                case '$' or '@':
                    traits |= LineTraits.Variable;
                    Take(c);
                    break;
                case '`':
                    traits |= LineTraits.Expansion;
                    if (i + 1 < line.Length)
                        Take(line[++i]);
                    break;
                case '#' when !inWord:
                    traits |= LineTraits.Comment;
                    i = line.Length;
                    break;
                case '*' or '?' or '[' or ']' or '~' or '%' or '^' or '!':
                    traits |= LineTraits.Expansion;
                    Take(c);
                    break;
                case '\'' or '"':
                    i = Quoted(i, c);
                    break;
                case '\\':
                    // A separator of paths to PowerShell, an escape to many of the programs it starts.
                    traits |= LineTraits.Strange;
                    Take(c);
                    break;
                case ',' or '=':
                    // A comma makes one array of two words; an equals sign may assign.
                    traits |= LineTraits.Expansion;
                    Take(c);
                    break;
                default:
                    Take(c);
                    break;
            }
        }
        EndCommand();
        if (commands.Count == 0)
            traits |= LineTraits.Empty;
        return new(commands, traits);

        int Quoted(int at, char quote)
        {
            inWord = true;
            // A quoted string where a program should be is a value, or with & a command of any name.
            if (words.Count == 0)
                traits |= LineTraits.Operator;
            for (at++; at < line.Length; at++)
            {
                if (line[at] == quote)
                {
                    if (at + 1 >= line.Length || line[at + 1] != quote)
                        return at;
                    at++;
                }
                else if (quote == '"' && line[at] is '$' or '`')
                {
                    traits |= LineTraits.Variable;
                }
                if (CommandLines.IsStrange(line[at]) || line[at] is '\n' or '\r' || line[at] > '\u007e')
                    traits |= LineTraits.Strange;
                word.Append(line[at]);
            }
            traits |= LineTraits.Unclosed;
            return at;
        }

        void Take(char c)
        {
            inWord = true;
            word.Append(c);
        }

        void EndWord()
        {
            if (!inWord)
                return;
            var text = word.ToString();
            word.Clear();
            inWord = false;
            // --% hands the rest of the line over unread; a dot runs a script in our own scope.
            if (text is "--%" or "." || (words.Count == 0 && _keywords.Contains(text)))
                traits |= LineTraits.Operator;
            words.Add(text);
        }

        void EndCommand()
        {
            EndWord();
            if (words.Count == 0)
                return;
            commands.Add(new(words));
            words = [];
        }
    }
}
