using System.Text.Json;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Tools;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>A call that is to be judged.</summary>
/// <param name="Agent">The agent that makes it.</param>
/// <param name="Tool">The tool.</param>
/// <param name="Arguments">Its arguments, as <see cref="ToolArguments"/> returned them.</param>
/// <param name="Autonomy">Level of the session, under any published name (see <see cref="AutonomyLevel"/>).</param>
/// <param name="Remembered">Rules that people made by "remember" and that hold for the session.</param>
internal sealed record ToolJudgement(
    AgentDefinition Agent,
    ToolDefinition Tool,
    JsonElement Arguments,
    string Autonomy,
    IReadOnlyList<RememberedRule> Remembered
);

/// <summary>What the policy says about a call.</summary>
internal abstract record Verdict
{
    private Verdict() { }

    /// <summary>It may run.</summary>
    /// <param name="Why">Rule, person or level that allows it, for the record.</param>
    public sealed record Allow(string Why) : Verdict;

    /// <summary>A person decides.</summary>
    /// <param name="Reason">Why, for that person (protocol.md §7.1).</param>
    public sealed record Ask(string Reason) : Verdict;

    /// <summary>It may not run, whoever would approve it.</summary>
    /// <param name="Code"><c>TOOL_NOT_ALLOWED</c>, <c>INVALID_PATH</c> or <c>WRITE_NOT_ALLOWED</c>.</param>
    /// <param name="Message">Sentence for the model.</param>
    public sealed record Deny(string Code, string Message) : Verdict;
}

/// <summary>
/// Decides whether a tool call runs, waits for a person or is refused (design.md §5). Nothing below can loosen what stands above: the
/// agent's tools, paths, the agent's write patterns, what always asks, remembered rules, the level, and in the end a question.
/// </summary>
internal static class ApprovalPolicy
{
    /// <summary>Judges one call. Cheap, without side effects, and the same for the same input.</summary>
    public static Verdict Judge(ToolJudgement call)
    {
        var (agent, tool, arguments, _, _) = call;
        if (!agent.Allows(tool))
            return new Verdict.Deny("TOOL_NOT_ALLOWED", NotAllowed(agent, tool));
        if (CheckPaths(agent, tool, arguments) is { } denied)
            return denied;
        if (tool.Kind is ToolKind.Server)
            return new Verdict.Allow($"{tool.Name} is done by the server and touches no file");
        if (tool.ClientDefined)
            return new Verdict.Ask("A tool of the client requires approval");
        if (AlwaysAsk.Reason(tool, arguments) is { } always)
            return new Verdict.Ask(always);
        foreach (var rule in call.Remembered)
        {
            if (rule.Covers(tool, arguments))
                return new Verdict.Allow(rule.Why);
        }
        return JudgeLevel(tool, arguments, AutonomyLevel.Parse(call.Autonomy));
    }

    /// <summary>Why a tool asks when nothing more special is known (protocol.md §7.1).</summary>
    internal static string ReasonOf(ToolDefinition tool) =>
        tool.Name switch
        {
            "write_file" or "apply_diff" => "File modification requires approval",
            "execute_command" => "Command execution requires approval",
            "delete_file" or "move_file" or "create_directory" => "File system operation requires approval",
            "git_commit" => "Git commit requires approval",
            _ => "This tool requires approval",
        };

    private static Verdict JudgeLevel(ToolDefinition tool, JsonElement arguments, string level)
    {
        if (level is AutonomyLevel.Paranoid)
            return new Verdict.Ask(tool.Kind is ToolKind.Read ? "Level paranoid requires approval of every tool" : ReasonOf(tool));
        var allowed = tool.Kind switch
        {
            ToolKind.Read => true,
            ToolKind.Write => level is AutonomyLevel.Autonomous,
            ToolKind.Execute => SafeCommand.Allows(arguments, level),
            _ => false,
        };
        if (!allowed)
            return new Verdict.Ask(ReasonOf(tool));
        return new Verdict.Allow(
            tool.Kind switch
            {
                ToolKind.Read => $"Level {level} allows reading",
                ToolKind.Write => $"Level {level} allows changes to ordinary files",
                _ => $"Level {level} allows this command",
            }
        );
    }

    private static Verdict.Deny? CheckPaths(AgentDefinition agent, ToolDefinition tool, JsonElement arguments)
    {
        foreach (var path in ToolPaths.Of(tool, arguments))
        {
            if (WorkspacePath.Check(path) is { } problem)
                return new("INVALID_PATH", $"The path '{Shown(path)}' {problem}.");
            if (tool.Kind is not ToolKind.Write)
                continue;
            var final = WorkspacePath.Normalize(path);
            if (final.Length == 0)
                return new("INVALID_PATH", $"{tool.Name} needs a path inside the workspace, not the workspace itself.");
            if (agent.WritePatterns.Count > 0 && !MatchesAny(agent.WritePatterns, final))
            {
                return new(
                    "WRITE_NOT_ALLOWED",
                    $"The {agent.Type} agent may only write files that match {string.Join(", ", agent.WritePatterns)}; "
                        + $"'{Shown(path)}' does not. Write elsewhere, or hand over to another agent with switch_mode."
                );
            }
        }
        return null;
    }

    private static bool MatchesAny(IReadOnlyList<string> patterns, string path)
    {
        foreach (var pattern in patterns)
        {
            if (PathGlob.Matches(pattern, path))
                return true;
        }
        return false;
    }

    private static string NotAllowed(AgentDefinition agent, ToolDefinition tool) =>
        $"Tool '{tool.Name}' is not allowed for the {agent.Type} agent. Its tools are: {string.Join(", ", agent.Tools)}."
        + (agent.Tools.Contains("switch_mode") ? " Hand over with switch_mode if another agent should do this." : "");

    // Invisible characters are what such a message may be about: they must not reach the reader.
    private static string Shown(string path) =>
        string.Concat(
            path.Take(64)
                .Select(c => char.IsControl(c) || char.GetUnicodeCategory(c) is System.Globalization.UnicodeCategory.Format ? '?' : c)
        );
}
