using System.Text.Json;

namespace CodeLab.Client.Approvals;

/// <summary>How much a person lets this client approve by itself. The server's rules come first; this only answers what it asks.</summary>
public enum ApprovalMode
{
    /// <summary>A person decides everything the server asks.</summary>
    Ask,

    /// <summary>Ordinary file edits inside the workspace are approved; everything else is asked.</summary>
    Safe,

    /// <summary>Everything is approved.</summary>
    All,
}

/// <summary>Which questions of the server a mode answers by itself.</summary>
public static class ApprovalPolicy
{
    private static readonly HashSet<string> SafeTools = new(StringComparer.Ordinal) { "write_file", "apply_diff", "create_directory" };

    // Files that run by themselves or that govern approvals: a write to them is never an ordinary edit (security.md §8.6).
    private static readonly string[] GuardedFolders = [".git", ".codelab", ".husky", ".vscode", ".idea", ".githooks", ".ssh"];

    private static readonly string[] GuardedNames =
    [
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".profile",
        ".zshrc",
        ".zshenv",
        ".zprofile",
        ".envrc",
        ".gitconfig",
        ".gitmodules",
        ".npmrc",
    ];

    /// <summary>Whether the mode approves the call without asking a person.</summary>
    public static bool Approves(ApprovalMode mode, string tool, JsonElement arguments) =>
        mode switch
        {
            ApprovalMode.All => true,
            ApprovalMode.Safe => SafeTools.Contains(tool) && PathOf(arguments) is { } path && IsOrdinary(path),
            _ => false,
        };

    private static string? PathOf(JsonElement arguments) =>
        arguments.ValueKind == JsonValueKind.Object
        && arguments.TryGetProperty("path", out var path)
        && path.ValueKind == JsonValueKind.String
            ? path.GetString()
            : null;

    private static bool IsOrdinary(string path)
    {
        if (path.Length == 0 || Path.IsPathRooted(path) || path.Contains(':', StringComparison.Ordinal))
            return false;
        var parts = path.Split(['/', '\\'], StringSplitOptions.RemoveEmptyEntries);
        return parts.All(part => part != ".." && !GuardedFolders.Contains(part, StringComparer.OrdinalIgnoreCase))
            && !(parts.Length > 0 && GuardedNames.Contains(parts[^1], StringComparer.OrdinalIgnoreCase));
    }
}
