using System.Globalization;
using System.Text.Json;
using CodeLab.Modules.Agent.Tools;
using CodeLab.Protocol.Rest;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>Words of <see cref="PolicyRuleBody.Level"/>, from the strictest authority down.</summary>
internal static class RuleLevel
{
    public const string Organisation = "organisation";
    public const string Project = "project";
    public const string Session = "session";

    public static IReadOnlyList<string> All { get; } = [Organisation, Project, Session];
}

/// <summary>Words of <see cref="PolicyRuleBody.Effect"/>, from loose to strict.</summary>
internal static class RuleEffect
{
    public const string Allow = "allow";
    public const string Ask = "ask";
    public const string SecondPerson = "second_person";
    public const string Deny = "deny";

    private static readonly string[] _byStrictness = [Allow, Ask, SecondPerson, Deny];

    public static bool IsOne(string? effect) => Array.IndexOf(_byStrictness, effect) >= 0;

    public static int Strictness(string effect) => Array.IndexOf(_byStrictness, effect);
}

/// <summary>A stored rule, ready to be compared with calls.</summary>
internal sealed class PolicyRule
{
    private readonly RuleConditions _when;
    private readonly CommandPattern[] _commands;
    private readonly TimeOnly? _from;
    private readonly TimeOnly? _to;

    public PolicyRule(PolicyRuleInfo info)
    {
        Info = info;
        _when = info.Rule.When ?? new();
        _commands = [.. (_when.Commands ?? []).Select(c => new CommandPattern(c, _when.Options ?? []))];
        (_from, _to) = (Time(_when.From), Time(_when.To));
    }

    public PolicyRuleInfo Info { get; }

    public string Id => Info.Id;

    public string Level => Info.Rule.Level!;

    public int Position => Info.Rule.Position ?? DefaultPosition;

    /// <summary>Position of a rule that names none.</summary>
    public const int DefaultPosition = 100;

    public string Effect => Info.Rule.Effect!;

    /// <summary>What a person is told who meets the rule.</summary>
    public string Why => string.IsNullOrWhiteSpace(Info.Rule.Note) ? $"Rule {Id} of the {Level}" : $"{Info.Rule.Note} (rule {Id})";

    /// <summary>True when every condition holds for the call.</summary>
    public bool Matches(ToolJudgement call)
    {
        var rule = Info.Rule;
        return rule.Enabled != false
            && (rule.ExpiresAt is not { } end || call.Now < end)
            && IsTarget(call)
            && MatchesAny(_when.Tools, tool => MatchesTool(tool, call.Tool))
            && MatchesAny(_when.Agents, agent => agent.Equals(call.Agent.Type, StringComparison.OrdinalIgnoreCase))
            && MatchesAny(_when.Roles, role => call.Roles?.Contains(role, StringComparer.OrdinalIgnoreCase) == true)
            && MatchesTime(call.Now)
            && MatchesSize(call.Arguments)
            && MatchesPaths(call)
            && MatchesCommand(call);
    }

    private bool IsTarget(ToolJudgement call) =>
        Level switch
        {
            RuleLevel.Project => call.Project is { } project && PathGlob.Matches(Info.Rule.Target, project, ignoreCase: true),
            RuleLevel.Session => string.Equals(Info.Rule.Target, call.SessionId, StringComparison.Ordinal),
            _ => true,
        };

    private static bool MatchesAny(IReadOnlyList<string>? wanted, Func<string, bool> holds) =>
        wanted is not { Count: > 0 } || wanted.Any(holds);

    private static bool MatchesTool(string wanted, ToolDefinition tool) =>
        wanted.StartsWith("kind:", StringComparison.OrdinalIgnoreCase)
            ? wanted.AsSpan(5).Equals(tool.Kind.ToString(), StringComparison.OrdinalIgnoreCase)
            : PathGlob.Matches(ToolCatalog.Find(wanted)?.Name ?? wanted, tool.Name, ignoreCase: true);

    private bool MatchesTime(DateTimeOffset now)
    {
        var utc = now.UtcDateTime;
        if (!MatchesAny(_when.Days, day => utc.DayOfWeek.ToString().StartsWith(day, StringComparison.OrdinalIgnoreCase)))
            return false;
        var time = TimeOnly.FromDateTime(utc);
        return (_from, _to) switch
        {
            (null, null) => true,
            ({ } from, null) => time >= from,
            (null, { } to) => time < to,
            ({ } from, { } to) => from <= to ? time >= from && time < to : time >= from || time < to,
        };
    }

    private bool MatchesSize(JsonElement arguments)
    {
        if (_when.MinSize is null && _when.MaxSize is null)
            return true;
        var size = arguments.GetRawText().Length;
        return size >= (_when.MinSize ?? 0) && size <= (_when.MaxSize ?? int.MaxValue);
    }

    private bool MatchesPaths(ToolJudgement call)
    {
        if (_when.Paths is not { Count: > 0 } globs)
            return true;
        var allows = Effect == RuleEffect.Allow;
        var paths = ToolPaths.Of(call.Tool, call.Arguments).Select(WorkspacePath.Normalize).ToArray();
        // Case errs on the safe side: exact for what is allowed, ignored for what is not.
        bool Matches(string path) => globs.Any(glob => PathGlob.Matches(glob, path, ignoreCase: !allows));
        return paths.Length > 0 && (allows ? Array.TrueForAll(paths, Matches) : Array.Exists(paths, Matches));
    }

    private bool MatchesCommand(ToolJudgement call)
    {
        if (call.Tool.Name != "execute_command")
            return _commands.Length == 0;
        var line = call.Line;
        if (Effect == RuleEffect.Allow)
        {
            return line.IsOneLiteralCommand && (_commands.Length == 0 || Array.Exists(_commands, c => c.Allows(line.Commands[0].Words)));
        }
        return _commands.Length == 0 || line.All().Any(command => Array.Exists(_commands, c => c.Touches(command)));
    }

    private static TimeOnly? Time(string? text) => text is null ? null : TimeOnly.ParseExact(text, "HH:mm", CultureInfo.InvariantCulture);
}

/// <summary>What the rules of all levels together say.</summary>
internal static class PolicyRules
{
    /// <summary>
    /// The rule that decides: of each level the first that matches, and of those the strictest; between equals the higher level. Null when
    /// none matches.
    /// </summary>
    /// <param name="rules">In order of position.</param>
    /// <param name="call">The call.</param>
    public static PolicyRule? Decide(IReadOnlyList<PolicyRule> rules, ToolJudgement call)
    {
        if (rules.Count == 0)
            return null;
        PolicyRule? decides = null;
        foreach (var level in RuleLevel.All)
        {
            foreach (var rule in rules)
            {
                if (rule.Level != level || !rule.Matches(call))
                    continue;
                if (decides is null || RuleEffect.Strictness(rule.Effect) > RuleEffect.Strictness(decides.Effect))
                    decides = rule;
                break;
            }
        }
        return decides;
    }
}
