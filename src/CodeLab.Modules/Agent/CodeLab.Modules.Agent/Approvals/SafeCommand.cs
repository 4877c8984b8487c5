using System.Buffers;
using System.Collections.Frozen;
using System.Text.Json;
using CodeLab.Modules.Agent.Tools;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>
/// Commands that run without a question at the levels balanced and autonomous (security.md §8.5). Allowed is what is written here and
/// nothing else: one program, listed literal options, and words that are plain names inside the workspace. Quotes, variables, operators,
/// redirects, substitutions, globs and line breaks have no place in the accepted alphabet, so no shell can read the text in another way.
/// </summary>
internal static class SafeCommand
{
    private static readonly SearchValues<char> _alphabet = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ./_-,+"
    );

    // First the words that name the command, then the options it may have. '#' stands for a whole number, '…' allows further plain words.
    private static readonly Form[] _looking =
    [
        new("pwd"),
        new("ls …", "-a", "-l", "-la", "-al", "-A", "-lA", "-1", "-h", "-lh", "-lah", "-R", "-t", "-S"),
        new("dir …"),
        new("echo …"),
        new("git status …", "-s", "-sb", "--short", "--branch", "--porcelain", "-uno", "-uall"),
        new(
            "git log …",
            "--oneline",
            "--stat",
            "--graph",
            "--all",
            "--decorate",
            "--no-merges",
            "--merges",
            "-n",
            "-#",
            "-p",
            "--name-only",
            "--name-status"
        ),
        new("git diff …", "--stat", "--cached", "--staged", "--name-only", "--name-status", "--shortstat", "--check", "--"),
        new("npm list", "--all"),
        new("flutter doctor", "-v"),
        new("dotnet --version"),
        new("dotnet --info"),
        new("dotnet --list-sdks"),
        new("node --version"),
        new("npm --version"),
        new("python --version"),
        new("python3 --version"),
        new("go version"),
        new("cargo --version"),
        new("flutter --version"),
        new("dart --version"),
        new("git --version"),
    ];

    // These run code of the workspace. At level autonomous the agent may write that code anyway.
    private static readonly Form[] _building =
    [
        new("dotnet build …", "--nologo", "--no-restore", "-c", "--configuration", "-v", "--verbosity"),
        new("dotnet test …", "--nologo", "--no-restore", "--no-build", "-c", "--configuration", "-v", "--verbosity"),
        new("npm test"),
        new("npm run build"),
        new("npm run test"),
        new("npm run lint"),
        new("cargo build", "--release"),
        new("cargo check"),
        new("cargo test"),
        new("cargo clippy"),
        new("cargo fmt"),
        new("go build …"),
        new("go test …", "-v", "-race"),
        new("go vet …"),
        new("pytest …", "-q", "-v", "-x"),
        new("make"),
        new("make test"),
        new("make build"),
        new("flutter analyze"),
        new("flutter test …"),
        new("dart analyze …"),
        new("dart test …"),
        new("dart format …"),
    ];

    /// <summary>True when the command of these arguments needs no question at this level.</summary>
    public static bool Allows(JsonElement arguments, string level)
    {
        if (level is not (AutonomyLevel.Balanced or AutonomyLevel.Autonomous))
            return false;
        if (!arguments.TryGetProperty("command", out var value) || value.GetString() is not { } line)
            return false;
        // The folder passed the path rules; a command in a folder such as .git was caught by what always asks.
        return Matches(_looking, line) || level is AutonomyLevel.Autonomous && Matches(_building, line);
    }

    private static bool Matches(Form[] forms, string line)
    {
        if (line.Length is 0 or > 1000 || line.AsSpan().ContainsAnyExcept(_alphabet))
            return false;
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return Array.Exists(forms, form => form.Matches(words));
    }

    private sealed class Form
    {
        private readonly string[] _start;
        private readonly bool _open;
        private readonly FrozenSet<string> _options;

        public Form(string start, params string[] options)
        {
            var words = start.Split(' ');
            _open = words[^1] == "…";
            _start = _open ? words[..^1] : words;
            _options = options.ToFrozenSet(StringComparer.Ordinal);
        }

        public bool Matches(ReadOnlySpan<string> words)
        {
            if (words.Length < _start.Length)
                return false;
            for (var i = 0; i < _start.Length; i++)
            {
                if (!string.Equals(words[i], _start[i], StringComparison.Ordinal))
                    return false;
            }
            foreach (var word in words[_start.Length..])
            {
                if (word[0] == '-' ? !IsOption(word) : !_open || !IsPlain(word))
                    return false;
            }
            return true;
        }

        private bool IsOption(string word) =>
            _options.Contains(word)
            || _options.Contains("-#") && word.Length is > 1 and < 6 && word.AsSpan(1).IndexOfAnyExceptInRange('0', '9') < 0;

        private static bool IsPlain(string word) => WorkspacePath.Check(word) is null && AlwaysAsk.OfPath(word, reading: false) is null;
    }
}
