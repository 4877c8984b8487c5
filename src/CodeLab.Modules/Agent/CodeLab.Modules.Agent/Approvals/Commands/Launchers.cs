namespace CodeLab.Modules.Agent.Approvals;

/// <summary>
/// Programs that run other programs. They are never allowed without a person, and a prohibition looks through them. Looking through is
/// done as well as it can be: what is not seen is asked about, never allowed.
/// </summary>
internal static class Launchers
{
    private const int _deepest = 6;

    // What follows the launcher's own options and values is a command.
    private static readonly HashSet<string> _prefixes = new(StringComparer.OrdinalIgnoreCase)
    {
        "env",
        "xargs",
        "sudo",
        "doas",
        "su",
        "runuser",
        "nice",
        "ionice",
        "chrt",
        "taskset",
        "nohup",
        "setsid",
        "stdbuf",
        "timeout",
        "time",
        "watch",
        "strace",
        "ltrace",
        "gdb",
        "parallel",
        "exec",
        "command",
        "builtin",
        "eval",
        "busybox",
        "toybox",
        "chroot",
        "unshare",
        "nsenter",
        "flock",
        "script",
        "unbuffer",
        "rlwrap",
        "npx",
        "pnpx",
        "bunx",
        "uvx",
        "start",
        "ssh",
        "docker",
        "podman",
        "kubectl",
        "wsl",
        "source",
        ".",
    };

    // What stands behind their option for code is a program in itself.
    private static readonly HashSet<string> _interpreters = new(StringComparer.OrdinalIgnoreCase)
    {
        "sh",
        "bash",
        "dash",
        "zsh",
        "ksh",
        "ash",
        "fish",
        "csh",
        "tcsh",
        "cmd",
        "powershell",
        "pwsh",
        "python",
        "python2",
        "python3",
        "perl",
        "ruby",
        "node",
        "deno",
        "bun",
        "php",
        "lua",
        "osascript",
        "awk",
        "gawk",
        "mawk",
        "sed",
        "iex",
        "icm",
        "saps",
        "Invoke-Expression",
        "Invoke-Command",
        "Start-Process",
        "Start-Job",
        "rundll32",
        "mshta",
        "wscript",
        "cscript",
        "vim",
        "vi",
        "ed",
        "emacs",
        "find",
    };

    /// <summary>True when running it may run something else that the words name.</summary>
    public static bool IsLauncher(SimpleCommand command)
    {
        var name = Name(command.Program);
        if (_prefixes.Contains(name))
            return true;
        // "python --version" runs nothing; everything else of an interpreter may.
        return _interpreters.Contains(name) && command.Words is not [_, "--version"];
    }

    /// <summary>The bare name of a program: without folder and extension.</summary>
    public static string Name(string program)
    {
        var name = program[(program.LastIndexOfAny(['/', '\\']) + 1)..];
        foreach (var extension in (string[])[".exe", ".cmd", ".bat", ".com", ".ps1", ".sh"])
        {
            if (name.Length > extension.Length && name.EndsWith(extension, StringComparison.OrdinalIgnoreCase))
                return name[..^extension.Length];
        }
        return name;
    }

    /// <summary>The command and those it would start.</summary>
    public static IEnumerable<SimpleCommand> Unwrap(SimpleCommand command, int depth)
    {
        yield return command;
        if (depth >= _deepest || command.Words.Count < 2)
            yield break;
        var name = Name(command.Program);
        if (_prefixes.Contains(name))
        {
            // Which words are the launcher's own differs from launcher to launcher: each may be where the command begins.
            for (var i = 1; i < command.Words.Count; i++)
            {
                if (command.Words[i].StartsWith('-') || command.Words[i].Contains('=', StringComparison.Ordinal))
                    continue;
                foreach (var inner in Unwrap(new([.. command.Words.Skip(i)]), depth + 1))
                    yield return inner;
            }
        }
        if (name.Equals("find", StringComparison.OrdinalIgnoreCase))
        {
            for (var i = 1; i < command.Words.Count - 1; i++)
            {
                if (command.Words[i] is "-exec" or "-execdir" or "-ok" or "-okdir")
                {
                    foreach (var inner in Unwrap(new([.. command.Words.Skip(i + 1)]), depth + 1))
                        yield return inner;
                }
            }
        }
        if (_interpreters.Contains(name) || _prefixes.Contains(name))
        {
            // Code in a word: sh -c '…', eval '…', watch '…'.
            foreach (var word in command.Words.Skip(1).Where(w => w.Contains(' ', StringComparison.Ordinal)))
            {
                foreach (var nested in PosixShell.Parse(word).Commands)
                {
                    foreach (var inner in Unwrap(nested, depth + 1))
                        yield return inner;
                }
            }
        }
    }
}
