using System.Text.Json;
using CodeLab.Modules.Agent.Tools;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>A rule that a person made by approving with "remember".</summary>
/// <param name="ToolName">The tool it allows.</param>
/// <param name="ExactCommand">For <c>execute_command</c>: the whole command, character for character; null for other tools.</param>
/// <param name="CreatedBy">Who made it.</param>
/// <param name="Directory">For <c>execute_command</c>: the folder it runs in; empty = the workspace root.</param>
/// <param name="Shell">For <c>execute_command</c>: whether it runs through the shell, which reads the same text differently.</param>
internal sealed record RememberedRule(string ToolName, string? ExactCommand, string CreatedBy, string Directory = "", bool Shell = false)
{
    private const string _command = "execute_command";

    /// <summary>Id, for the record and for revoking; null in logs from before there were ids.</summary>
    public string? Id { get; init; }

    /// <summary><c>session</c> (null is the same), <c>project</c> or <c>user</c>.</summary>
    public string? Scope { get; init; }

    /// <summary>With scope <c>project</c>: the workspace's name.</summary>
    public string? Project { get; init; }

    /// <summary>When it ends; null = never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Why a call was allowed, for the record.</summary>
    public string Why =>
        ExactCommand is null ? $"Rule remembered by {CreatedBy}: {ToolName}" : $"Rule remembered by {CreatedBy}: this exact command";

    /// <summary>
    /// The rule for calls like this one, or null when none may be made: what always asks, tools of the client and tools that never ask
    /// are not remembered.
    /// </summary>
    public static RememberedRule? For(ToolDefinition tool, JsonElement arguments, string user)
    {
        if (tool.ClientDefined || tool.Kind is ToolKind.Server || AlwaysAsk.Reason(tool, arguments) is not null)
            return null;
        if (tool.Name != _command)
            return tool.Kind is ToolKind.Execute ? null : new(tool.Name, null, user);
        return Text(arguments, "command") is { } command ? new(tool.Name, command, user, Folder(arguments), UsesShell(arguments)) : null;
    }

    /// <summary>True when the rule allows the call. Never asked for what always asks; see <see cref="ApprovalPolicy"/>.</summary>
    public bool Covers(ToolDefinition tool, JsonElement arguments)
    {
        if (tool.ClientDefined || !string.Equals(ToolName, tool.Name, StringComparison.Ordinal))
            return false;
        if (tool.Kind is not ToolKind.Execute)
            return true;
        return ExactCommand is not null
            && string.Equals(ExactCommand, Text(arguments, "command"), StringComparison.Ordinal)
            && string.Equals(Directory, Folder(arguments), StringComparison.Ordinal)
            && Shell == UsesShell(arguments);
    }

    private static string Folder(JsonElement arguments) => Text(arguments, "cwd") is { } cwd ? WorkspacePath.Normalize(cwd) : "";

    private static bool UsesShell(JsonElement arguments) =>
        arguments.TryGetProperty("shell", out var shell) && shell.ValueKind is JsonValueKind.True;

    private static string? Text(JsonElement arguments, string name) =>
        arguments.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;
}
