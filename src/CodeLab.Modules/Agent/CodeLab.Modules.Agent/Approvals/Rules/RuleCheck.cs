using System.Globalization;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Protocol.Rest;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>Checks a rule that a person wrote, before it can mean something else than it seems to.</summary>
internal static class RuleCheck
{
    private const int _mostEntries = 100;
    private const int _longest = 300;
    private static readonly string[] _days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    /// <summary>What is wrong, as <c>INVALID_RULE</c>, or null.</summary>
    public static Error? Problem(PolicyRuleBody? rule) => Find(rule) is { } text ? new("INVALID_RULE", text, 400) : null;

    private static string? Find(PolicyRuleBody? rule)
    {
        if (rule is null)
            return "'rule' is missing.";
        if (rule.Level is null || !RuleLevel.All.Contains(rule.Level))
            return "'level' is organisation, project or session.";
        if (!RuleEffect.IsOne(rule.Effect))
            return "'effect' is allow, ask, second_person or deny.";
        if (rule.Level != RuleLevel.Organisation && string.IsNullOrWhiteSpace(rule.Target))
            return $"A rule of level {rule.Level} needs a 'target': {(rule.Level == RuleLevel.Project ? "the workspace's name" : "the session's id")}.";
        if (rule.Level == RuleLevel.Organisation && rule.Target is not null)
            return "A rule of the organisation has no 'target': it holds everywhere.";
        if (rule.Effect == RuleEffect.SecondPerson && rule.ApproverRole is not ("lead" or "admin"))
            return "'approver_role' is lead or admin: the role that the second person must have.";
        if (rule.Effect != RuleEffect.SecondPerson && rule.ApproverRole is not null)
            return "'approver_role' goes with the effect second_person only.";
        if (rule.Note?.Length > _longest || rule.Target?.Length > _longest)
            return $"'note' and 'target' have at most {_longest} characters.";
        return rule.When is { } when ? FindConditions(when) : null;
    }

    private static string? FindConditions(RuleConditions when)
    {
        foreach (var list in new[] { when.Tools, when.Commands, when.Options, when.Paths, when.Agents, when.Roles, when.Days })
        {
            if (list?.Count > _mostEntries || list?.Any(e => string.IsNullOrWhiteSpace(e) || e.Length > _longest) == true)
                return $"A condition has at most {_mostEntries} entries of 1 to {_longest} characters.";
        }
        if (when.Commands?.Select(CommandPattern.Problem).FirstOrDefault(p => p is not null) is { } problem)
            return problem;
        if (when.Options?.Any(o => o[0] != '-') == true)
            return "'options' begin with a dash.";
        if (when.Options is { Count: > 0 } && when.Commands is not { Count: > 0 })
            return "'options' go with 'commands'.";
        if (when.Days?.Any(d => !_days.Contains(d, StringComparer.OrdinalIgnoreCase)) == true)
            return "'days' are mon, tue, wed, thu, fri, sat, sun.";
        if (
            new[] { when.From, when.To }.Any(t =>
                t is not null && !TimeOnly.TryParseExact(t, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out _)
            )
        )
            return "'from' and 'to' are times of day, HH:mm, in UTC.";
        return when.MinSize > when.MaxSize ? "'min_size' is greater than 'max_size'." : null;
    }
}
