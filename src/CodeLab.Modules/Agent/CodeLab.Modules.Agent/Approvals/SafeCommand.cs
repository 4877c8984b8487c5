namespace CodeLab.Modules.Agent.Approvals;

/// <summary>
/// Commands that run without a question at the levels balanced and autonomous (security.md §8.5). Allowed is what is written here and
/// nothing else: one program, listed literal options, and words that are plain names inside the workspace. The line was taken apart as its
/// shell does (<see cref="CommandLines"/>): whatever is more than literal words is not looked at any further.
/// </summary>
internal static class SafeCommand
{
    // First the words that name the command, then the options it may have. '#' stands for a whole number, '…' allows further plain words.
    private static readonly CommandPattern[] _looking =
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
    private static readonly CommandPattern[] _building =
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

    /// <summary>True when the line needs no question at this level.</summary>
    public static bool Allows(ParsedLine line, string level)
    {
        if (level is not (AutonomyLevel.Balanced or AutonomyLevel.Autonomous) || !line.IsOneLiteralCommand)
            return false;
        // The folder passed the path rules; a command in a folder such as .git was caught by what always asks.
        var words = line.Commands[0].Words;
        return Array.Exists(_looking, p => p.Allows(words))
            || (level is AutonomyLevel.Autonomous && Array.Exists(_building, p => p.Allows(words)));
    }
}
