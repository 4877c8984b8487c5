using System.Text;
using System.Text.Json;
using CodeLab.Modules.Agent.Tools;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>
/// What a person approves every single time, at every level and whatever was remembered (security.md §8.6): files that make programs run
/// later or that hold secrets, and deletion. Reading a file with secrets asks as well, because what is read goes to the model's provider.
/// </summary>
internal static class AlwaysAsk
{
    // A name ending in '/' is a folder anywhere in the path; a name with '/' inside is matched from any folder on; others are file names.
    private static readonly string[] _secrets =
    [
        ".env*",
        "*.env",
        "*.pem",
        "*.key",
        "*.pfx",
        "*.p12",
        "*.jks",
        "*.keystore",
        "*.kdbx",
        "id_rsa*",
        "id_dsa*",
        "id_ecdsa*",
        "id_ed25519*",
        ".ssh/",
        ".gnupg/",
        ".aws/",
        ".azure/",
        ".kube/",
        ".docker/",
        ".netrc",
        "_netrc",
        ".npmrc",
        ".yarnrc*",
        ".pypirc",
        "pip.conf",
        "nuget.config",
        ".pgpass",
        ".git-credentials",
        ".htpasswd",
        "credentials",
        "credentials.*",
        "secret.*",
        "secrets.*",
        "secrets/",
        ".secrets/",
        "service-account*.json",
    ];

    private static readonly string[] _repository =
    [
        ".git/",
        ".git",
        ".gitconfig",
        ".gitmodules",
        ".hg/",
        ".svn/",
        ".githooks/",
        ".husky/",
        ".pre-commit-config.yaml",
        "lefthook.yml",
        "lefthook.yaml",
    ];

    private static readonly string[] _ci =
    [
        ".github/",
        ".gitlab/",
        ".gitlab-ci*",
        ".circleci/",
        ".buildkite/",
        ".teamcity/",
        ".woodpecker/",
        ".woodpecker.*",
        ".drone.*",
        ".travis.yml",
        ".ci/",
        ".forgejo/",
        ".gitea/",
        "jenkinsfile*",
        "azure-pipelines*",
        "bitbucket-pipelines*",
        "appveyor.yml",
        "cloudbuild.*",
    ];

    private static readonly string[] _settings =
    [
        ".codelab/",
        "agents.md",
        "claude.md",
        "gemini.md",
        ".cursorrules",
        ".windsurfrules",
        ".clinerules*",
        ".roomodes",
        ".mcp.json",
        ".claude/",
        ".cursor/",
        ".continue/",
        ".aider*",
        ".vscode/",
        ".idea/",
        ".vs/",
        ".zed/",
        ".fleet/",
        ".devcontainer/",
        ".devcontainer.json",
        "*.code-workspace",
        "*.sublime-project",
        ".vimrc",
        ".nvimrc",
        ".nvim.lua",
        ".exrc",
        ".dir-locals.el",
    ];

    private static readonly string[] _shell =
    [
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".bash_logout",
        ".bash_aliases",
        ".profile",
        ".zshrc",
        ".zshenv",
        ".zprofile",
        ".zlogin",
        ".zlogout",
        ".kshrc",
        ".cshrc",
        ".tcshrc",
        ".inputrc",
        ".envrc",
        "config.fish",
        "fish/conf.d/*",
        "*profile.ps1",
        "autorun.inf",
    ];

    private static readonly string[] _manifests =
    [
        "package.json",
        ".pnpmfile.cjs",
        ".pnp.cjs",
        "binding.gyp",
        "setup.py",
        "setup.cfg",
        "pyproject.toml",
        "build.rs",
        "composer.json",
        "gemfile",
        "*.gemspec",
        "pubspec.yaml",
        "directory.build.props",
        "directory.build.targets",
        "docker-compose*",
        "compose.yml",
        "compose.yaml",
    ];

    private static readonly (string[] Names, string Reason)[] _guarded =
    [
        (_secrets, "Files with secrets always require approval"),
        (_repository, "Repository configuration and hooks always require approval"),
        (_ci, "Build server configuration always requires approval"),
        (_settings, "Editor and agent settings always require approval"),
        (_shell, "Shell start-up files always require approval"),
        (_manifests, "Package manifests that can run scripts always require approval"),
    ];

    /// <summary>Why the call always asks, or null.</summary>
    public static string? Reason(ToolDefinition tool, JsonElement arguments)
    {
        if (tool.Name == "delete_file")
            return "Deletion always requires approval";
        foreach (var path in ToolPaths.Of(tool, arguments))
        {
            if (OfPath(path, reading: tool.Kind is ToolKind.Read) is { } reason)
                return reason;
        }
        return tool.Name == "execute_command" && arguments.TryGetProperty("command", out var command) && command.GetString() is { } line
            ? OfCommand(line)
            : null;
    }

    /// <summary>Why a path is guarded, or null.</summary>
    /// <param name="path">The path as written.</param>
    /// <param name="reading">Only secrets are guarded against reading.</param>
    public static string? OfPath(string path, bool reading)
    {
        var normal = WorkspacePath.Normalize(path);
        // What looks like .git once it is compatibility-composed may be .git on some disk.
        return Guard(normal, reading) ?? (Ascii.IsValid(normal) ? null : Guard(normal.Normalize(NormalizationForm.FormKC), reading));
    }

    /// <summary>
    /// A command that names a guarded file is never covered by a remembered rule. This only adds questions: commands are not *allowed* by
    /// looking for words (security.md §8.5), see <see cref="SafeCommand"/>.
    /// </summary>
    private static string? OfCommand(string line)
    {
        foreach (var word in line.Split(_separators, StringSplitOptions.RemoveEmptyEntries))
        {
            if (
                word.AsSpan().IndexOfAny('.', '_', '/') >= 0
                && HasNoLoneSurrogate(word)
                && OfPath(word.TrimStart('/'), reading: false) is { } reason
            )
                return reason;
        }
        return null;
    }

    private static readonly char[] _separators =
    [
        ' ',
        '\t',
        '\r',
        '\n',
        '"',
        '\'',
        '=',
        ':',
        ';',
        ',',
        '|',
        '&',
        '<',
        '>',
        '(',
        ')',
        '`',
        '$',
        '{',
        '}',
    ];

    private static bool HasNoLoneSurrogate(string word) => Ascii.IsValid(word) || !word.EnumerateRunes().Contains(Rune.ReplacementChar);

    private static string? Guard(string path, bool reading)
    {
        foreach (var (names, reason) in _guarded)
        {
            if (reading && !ReferenceEquals(names, _secrets))
                break;
            foreach (var name in names)
            {
                if (Matches(name, path))
                    return reason;
            }
        }
        return null;
    }

    private static bool Matches(string name, ReadOnlySpan<char> path)
    {
        if (name[^1] == '/')
        {
            foreach (var range in path.Split('/'))
            {
                if (IsFolder(name, path[range]))
                    return true;
            }
            return false;
        }
        if (!name.Contains('/', StringComparison.Ordinal))
            return PathGlob.Matches(name, path, ignoreCase: true);
        return PathGlob.Matches(name, path, ignoreCase: true) || PathGlob.Matches("**/" + name, path, ignoreCase: true);
    }

    private static bool IsFolder(string name, ReadOnlySpan<char> part) =>
        part.Equals(name.AsSpan(0, name.Length - 1), StringComparison.OrdinalIgnoreCase)
        // The short name Windows gives .git: git~1.
        || name == ".git/" && part.Length > 4 && part[..4].Equals("git~", StringComparison.OrdinalIgnoreCase) && char.IsAsciiDigit(part[4]);
}
