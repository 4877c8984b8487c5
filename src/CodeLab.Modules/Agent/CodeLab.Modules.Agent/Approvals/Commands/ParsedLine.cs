namespace CodeLab.Modules.Agent.Approvals;

/// <summary>What a command line uses beyond one program and literal words. Whatever is here needs a person (security.md §8.5).</summary>
[Flags]
internal enum LineTraits
{
    None = 0,

    /// <summary><c>; &amp; &amp;&amp; | || ( ) { }</c>, a line break, or a word that begins a compound command.</summary>
    Operator = 1,
    Redirect = 2,

    /// <summary><c>$( )</c>, backticks, <c>&lt;( )</c>, script blocks.</summary>
    Substitution = 4,
    Variable = 8,

    /// <summary><c>NAME=value</c> before the program.</summary>
    Assignment = 16,

    /// <summary>The shell makes other words of it: <c>* ? [ ] ~ { , }</c>, history.</summary>
    Expansion = 32,
    Comment = 64,

    /// <summary>A quote or bracket that is not closed: nobody knows how it would be read.</summary>
    Unclosed = 128,

    /// <summary>Characters that look like others or like nothing.</summary>
    Strange = 256,

    /// <summary>Nothing to run.</summary>
    Empty = 512,
}

/// <summary>A program and its words, quotes and escapes resolved.</summary>
internal sealed record SimpleCommand(IReadOnlyList<string> Words)
{
    public string Program => Words.Count > 0 ? Words[0] : "";
}

/// <summary>A command line as a shell would take it apart.</summary>
/// <param name="Commands">Every command in it, those inside substitutions included.</param>
/// <param name="Traits">What it uses beyond literal words.</param>
internal sealed record ParsedLine(IReadOnlyList<SimpleCommand> Commands, LineTraits Traits)
{
    /// <summary>One program, literal words, and no program that runs another one: what may be allowed without a person.</summary>
    public bool IsOneLiteralCommand => Traits == LineTraits.None && Commands.Count == 1 && !Launchers.IsLauncher(Commands[0]);

    /// <summary>Every command in it and every one that such a command would start: what prohibitions are compared with.</summary>
    public IEnumerable<SimpleCommand> All()
    {
        foreach (var command in Commands)
        {
            foreach (var found in Launchers.Unwrap(command, depth: 0))
                yield return found;
        }
    }
}

/// <summary>Takes command lines apart in the way of the shell that will run them.</summary>
internal static class CommandLines
{
    private static readonly System.Buffers.SearchValues<char> _plain = System.Buffers.SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ./_-,+"
    );

    /// <summary>Parses a line for a client's platform, as it described itself.</summary>
    /// <remarks>
    /// Where the shell is not known for sure to be a POSIX one, a line counts as literal only when it has no character that any of
    /// sh, PowerShell and cmd.exe reads in another way.
    /// </remarks>
    public static ParsedLine Parse(string line, string? platform)
    {
        if (IsPowerShell(platform))
            return PowerShellLine.Parse(line);
        var parsed = PosixShell.Parse(line);
        if (IsPosix(platform) || !line.AsSpan().ContainsAnyExcept(_plain))
            return parsed;
        return parsed with { Traits = parsed.Traits | LineTraits.Strange };
    }

    private static bool IsPowerShell(string? platform) =>
        platform is not null
        && (
            platform.Contains("powershell", StringComparison.OrdinalIgnoreCase)
            || platform.Contains("pwsh", StringComparison.OrdinalIgnoreCase)
        );

    private static bool IsPosix(string? platform) =>
        platform is not null
        && !platform.Contains("windows", StringComparison.OrdinalIgnoreCase)
        && (
            platform.Contains("linux", StringComparison.OrdinalIgnoreCase)
            || platform.Contains("macos", StringComparison.OrdinalIgnoreCase)
            || platform.Contains("darwin", StringComparison.OrdinalIgnoreCase)
        );

    /// <summary>Characters no command needs and that make one look like another.</summary>
    internal static bool IsStrange(char c) =>
        (char.IsControl(c) && c is not ('\t' or '\n' or '\r'))
        || (c > '\u007e' && (char.IsWhiteSpace(c) || char.GetUnicodeCategory(c) is System.Globalization.UnicodeCategory.Format))
        || char.IsSurrogate(c);
}
