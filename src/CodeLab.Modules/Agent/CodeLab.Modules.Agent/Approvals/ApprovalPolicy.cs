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
)
{
    private ParsedLine? _line;

    /// <summary>Roles of the session's owner; null = not known, which counts as a developer.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    /// <summary>Policy rules in the order of their positions.</summary>
    public IReadOnlyList<PolicyRule> Rules { get; init; } = [];

    /// <summary>What the client that will run it says it runs on.</summary>
    public string? Platform { get; init; }

    /// <summary>Name of the workspace.</summary>
    public string? Project { get; init; }

    /// <summary>The session.</summary>
    public string? SessionId { get; init; }

    /// <summary>The time rules are compared with.</summary>
    public DateTimeOffset Now { get; init; }

    /// <summary>The command line, taken apart once.</summary>
    public ParsedLine Line =>
        _line ??= CommandLines.Parse(Arguments.TryGetProperty("command", out var command) ? command.GetString() ?? "" : "", Platform);
}

/// <summary>What the policy says about a call.</summary>
internal abstract record Verdict
{
    private Verdict() { }

    /// <summary>It may run.</summary>
    /// <param name="Why">Rule, person or level that allows it, for the record.</param>
    public sealed record Allow(string Why) : Verdict
    {
        /// <summary>The same for programs: <c>rule:ID</c>, <c>remembered:ID</c>, <c>level:NAME</c> or <c>server</c>.</summary>
        public string By { get; init; } = "server";
    }

    /// <summary>A person decides.</summary>
    /// <param name="Reason">Why, for that person (protocol.md §7.1).</param>
    public sealed record Ask(string Reason) : Verdict
    {
        /// <summary>The rule that asks, if it is one.</summary>
        public string? RuleId { get; init; }

        /// <summary>The role that another person than the author must have to approve.</summary>
        public string? ApproverRole { get; init; }
    }

    /// <summary>It may not run, whoever would approve it.</summary>
    /// <param name="Code"><c>TOOL_NOT_ALLOWED</c>, <c>ROLE_NOT_ALLOWED</c>, <c>INVALID_PATH</c>, <c>WRITE_NOT_ALLOWED</c> or <c>POLICY_DENIED</c>.</param>
    /// <param name="Message">Sentence for the model.</param>
    public sealed record Deny(string Code, string Message) : Verdict
    {
        /// <summary>The rule that forbids it, if it is one.</summary>
        public string? RuleId { get; init; }
    }
}

/// <summary>
/// Decides whether a tool call runs, waits for a person or is refused (design.md §5). Nothing below can loosen what stands above: the
/// agent's tools, the user's role, paths, the agent's write patterns, policy rules, what always asks, remembered rules, the level, and in
/// the end a question.
/// </summary>
internal static class ApprovalPolicy
{
    /// <summary>Judges one call. Cheap, without side effects, and the same for the same input.</summary>
    public static Verdict Judge(ToolJudgement call)
    {
        var (agent, tool, arguments, _, _) = call;
        if (!agent.Allows(tool))
            return new Verdict.Deny("TOOL_NOT_ALLOWED", NotAllowed(agent, tool));
        if (tool.Kind is ToolKind.Write or ToolKind.Execute && call.Roles is { } roles && !roles.Any(_workingRoles.Contains))
            return new Verdict.Deny(
                "ROLE_NOT_ALLOWED",
                $"The user's role permits reading only, so '{tool.Name}' can not be used in this session."
            );
        if (CheckPaths(agent, tool, arguments) is { } denied)
            return denied;
        if (tool.Kind is ToolKind.Server)
            return new Verdict.Allow($"{tool.Name} is done by the server and touches no file");
        var decides = PolicyRules.Decide(call.Rules, call);
        switch (decides?.Effect)
        {
            case RuleEffect.Deny:
                return new Verdict.Deny("POLICY_DENIED", $"Not permitted here: {decides.Why}. Do not try to reach the same in another way.")
                {
                    RuleId = decides.Id,
                };
            case RuleEffect.SecondPerson:
                return new Verdict.Ask($"{decides.Why}: another person with the role {decides.Info.Rule.ApproverRole} must approve")
                {
                    RuleId = decides.Id,
                    ApproverRole = decides.Info.Rule.ApproverRole,
                };
            case RuleEffect.Ask:
                return new Verdict.Ask(decides.Why) { RuleId = decides.Id };
        }
        if (tool.ClientDefined)
            return new Verdict.Ask("A tool of the client requires approval");
        if (AlwaysAsk.Reason(tool, arguments) is { } always)
            return new Verdict.Ask(always);
        if (decides is not null)
            return new Verdict.Allow(decides.Why) { By = $"rule:{decides.Id}" };
        foreach (var rule in call.Remembered)
        {
            if (rule.Covers(tool, arguments) && (rule.ExpiresAt is not { } end || call.Now < end))
                return new Verdict.Allow(rule.Why) { By = $"remembered:{rule.Id}" };
        }
        return JudgeLevel(call, AutonomyLevel.Parse(call.Autonomy));
    }

    private static readonly string[] _workingRoles = ["admin", "lead", "developer"];

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

    private static Verdict JudgeLevel(ToolJudgement call, string level)
    {
        var tool = call.Tool;
        if (level is AutonomyLevel.Paranoid)
            return new Verdict.Ask(tool.Kind is ToolKind.Read ? "Level paranoid requires approval of every tool" : ReasonOf(tool));
        var allowed = tool.Kind switch
        {
            ToolKind.Read => true,
            ToolKind.Write => level is AutonomyLevel.Autonomous,
            ToolKind.Execute => SafeCommand.Allows(call.Line, level),
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
        )
        {
            By = $"level:{level}",
        };
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
