using System.Text.Json;

namespace CodeLab.Protocol.Rest;

/// <summary>What a policy rule looks at; every condition that is given must hold, an absent one always does.</summary>
public sealed record RuleConditions
{
    /// <summary>Tool names, with <c>*</c> as a wildcard, or kinds: <c>kind:read</c>, <c>kind:write</c>, <c>kind:execute</c>. Any of them.</summary>
    public IReadOnlyList<string>? Tools { get; init; }

    /// <summary>
    /// Commands, as words: <c>git status</c>, <c>dotnet test **</c> (any plain words may follow), <c>npm run *</c> (one plain word). A rule
    /// that allows matches only a line that is this one command and nothing else; a rule that asks or forbids also matches it inside
    /// pipes, substitutions and launchers. Any of them.
    /// </summary>
    public IReadOnlyList<string>? Commands { get; init; }

    /// <summary>Options that may stand in an allowed command, exactly as written; <c>-#</c> is a dash and a number.</summary>
    public IReadOnlyList<string>? Options { get; init; }

    /// <summary>
    /// Globs over workspace paths (<c>*</c>, <c>?</c>, <c>**</c>). A rule that allows needs every path of the call to match, others need one.
    /// </summary>
    public IReadOnlyList<string>? Paths { get; init; }

    /// <summary>Least size of the arguments in characters.</summary>
    public int? MinSize { get; init; }

    /// <summary>Greatest size of the arguments in characters.</summary>
    public int? MaxSize { get; init; }

    /// <summary>Agents, e.g. <c>coder</c>. Any of them.</summary>
    public IReadOnlyList<string>? Agents { get; init; }

    /// <summary>Roles of the session's owner. Any of them.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    /// <summary>Days of the week, UTC: <c>mon tue wed thu fri sat sun</c>. Any of them.</summary>
    public IReadOnlyList<string>? Days { get; init; }

    /// <summary>Time of day from which it holds, UTC, <c>HH:mm</c>.</summary>
    public string? From { get; init; }

    /// <summary>Time of day until which it holds, UTC, <c>HH:mm</c>; before <see cref="From"/> = over midnight.</summary>
    public string? To { get; init; }
}

/// <summary>A policy rule as it is written (<c>POST</c> and <c>PUT /api/v1/admin/policies</c>).</summary>
public sealed record PolicyRuleBody
{
    /// <summary>
    /// <c>organisation</c>, <c>project</c> or <c>session</c>. Within a level the first rule that matches counts; of the levels the strictest
    /// answer counts, so that no level loosens the one above.
    /// </summary>
    public string? Level { get; init; }

    /// <summary>With <c>project</c>: glob over the workspace's name. With <c>session</c>: the session's id.</summary>
    public string? Target { get; init; }

    /// <summary>Place within the level, from 0; lower ones are looked at first. Absent = 100.</summary>
    public int? Position { get; init; }

    /// <summary><c>allow</c>, <c>ask</c>, <c>second_person</c> (somebody else than the author must approve) or <c>deny</c>.</summary>
    public string? Effect { get; init; }

    /// <summary>With <c>second_person</c>: the role the approver must have: <c>lead</c> or <c>admin</c>.</summary>
    public string? ApproverRole { get; init; }

    /// <summary>When it applies.</summary>
    public RuleConditions? When { get; init; }

    /// <summary>Sentence shown to whoever meets the rule.</summary>
    public string? Note { get; init; }

    /// <summary>False: kept, but not applied. Absent = true.</summary>
    public bool? Enabled { get; init; }

    /// <summary>When it ends, UTC; absent = never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}

/// <summary>A policy rule as it is stored.</summary>
public sealed record PolicyRuleInfo
{
    /// <summary>Id; named in the record of every call the rule decided.</summary>
    public required string Id { get; init; }

    /// <summary>The rule.</summary>
    public required PolicyRuleBody Rule { get; init; }

    /// <summary>User id of who wrote it last.</summary>
    public required string Author { get; init; }

    /// <summary>When it was made, UTC.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it was changed last, UTC.</summary>
    public DateTimeOffset UpdatedAt { get; init; }

    /// <summary>When it last decided a call, UTC; kept to the minute.</summary>
    public DateTimeOffset? LastUsedAt { get; init; }
}

/// <summary>Body of <c>GET /api/v1/admin/policies</c>, in the order the rules are looked at.</summary>
public sealed record PolicyRuleList
{
    /// <summary>The rules.</summary>
    public required IReadOnlyList<PolicyRuleInfo> Rules { get; init; }

    /// <summary>How many.</summary>
    public int Total { get; init; }
}

/// <summary>Body of <c>POST /api/v1/admin/policies/try</c>: what would this rule have changed?</summary>
public sealed record TryPolicyBody
{
    /// <summary>The rule to try.</summary>
    public PolicyRuleBody? Rule { get; init; }

    /// <summary>The stored rule it would replace; absent = it would be added.</summary>
    public string? Replaces { get; init; }

    /// <summary>Past calls to look at, newest first, 1 to 2,000. Absent = 500.</summary>
    public int? Limit { get; init; }
}

/// <summary>Answer of a try.</summary>
public sealed record TryPolicyAnswer
{
    /// <summary>Past calls looked at.</summary>
    public int Examined { get; init; }

    /// <summary>Calls the rule matches, whether or not it changes them.</summary>
    public int Matched { get; init; }

    /// <summary>Calls that would be judged otherwise, newest first.</summary>
    public required IReadOnlyList<TriedCall> Changed { get; init; }
}

/// <summary>A past call, judged with the rules as they are and as they would be.</summary>
public sealed record TriedCall
{
    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>The call.</summary>
    public required string CallId { get; init; }

    /// <summary>The tool.</summary>
    public required string ToolName { get; init; }

    /// <summary>The command or the paths of the call, at most 200 characters.</summary>
    public string? Summary { get; init; }

    /// <summary>The agent that made it.</summary>
    public required string Agent { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>With the rules as they are: <c>allow</c>, <c>ask</c>, <c>second_person</c> or <c>deny</c>.</summary>
    public required string Before { get; init; }

    /// <summary>Why.</summary>
    public required string BeforeWhy { get; init; }

    /// <summary>With the rule that is tried.</summary>
    public required string After { get; init; }

    /// <summary>Why.</summary>
    public required string AfterWhy { get; init; }
}

/// <summary>A decision a person asked to remember.</summary>
public sealed record RememberedDecision
{
    /// <summary>Id; named in the record of every call it allowed.</summary>
    public required string Id { get; init; }

    /// <summary><c>session</c>, <c>project</c> (workspaces of this name, of the same user) or <c>user</c> (all of the user's sessions).</summary>
    public required string Scope { get; init; }

    /// <summary>With <c>session</c>: the session.</summary>
    public string? SessionId { get; init; }

    /// <summary>With <c>project</c>: the workspace's name.</summary>
    public string? Project { get; init; }

    /// <summary>The tool it allows.</summary>
    public required string ToolName { get; init; }

    /// <summary>With <c>execute_command</c>: the one command it allows, character for character.</summary>
    public string? Command { get; init; }

    /// <summary>The user whose calls it allows.</summary>
    public required string Owner { get; init; }

    /// <summary>Who made it.</summary>
    public required string Author { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it ends, UTC; absent = never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When it last allowed a call, UTC; kept to the minute.</summary>
    public DateTimeOffset? LastUsedAt { get; init; }
}

/// <summary>Body of <c>GET /api/v1/approvals/rules</c>.</summary>
public sealed record RememberedDecisionList
{
    /// <summary>Newest first.</summary>
    public required IReadOnlyList<RememberedDecision> Rules { get; init; }
}

/// <summary>Body of <c>GET</c> and <c>PUT /api/v1/settings/autonomy</c>.</summary>
public sealed record AutonomySetting
{
    /// <summary><c>paranoid</c>, <c>cautious</c>, <c>balanced</c> or <c>autonomous</c>; <c>strict</c>, <c>medium</c> and <c>permissive</c> are understood.</summary>
    public string? Level { get; init; }

    /// <summary>The session it is about; absent = all of the user's sessions that say nothing else.</summary>
    public string? SessionId { get; init; }

    /// <summary>In answers: where the level comes from: <c>session</c>, <c>user</c> or <c>server</c>.</summary>
    public string? Source { get; init; }

    /// <summary>In answers: the loosest level the server permits; a looser wish counts as this one.</summary>
    public string? Ceiling { get; init; }
}

/// <summary>Body of <c>GET /api/v1/approvals</c>: what waits for a decision that the caller may make.</summary>
public sealed record ApprovalQueue
{
    /// <summary>Oldest first.</summary>
    public required IReadOnlyList<QueuedApproval> Approvals { get; init; }
}

/// <summary>A call that waits for a person.</summary>
public sealed record QueuedApproval
{
    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>The session's title.</summary>
    public string? SessionTitle { get; init; }

    /// <summary>User id of the session's owner.</summary>
    public required string Owner { get; init; }

    /// <summary>The call.</summary>
    public required string CallId { get; init; }

    /// <summary>The tool.</summary>
    public required string ToolName { get; init; }

    /// <summary>Its arguments.</summary>
    public required JsonElement Arguments { get; init; }

    /// <summary>Why a person is asked.</summary>
    public required string Reason { get; init; }

    /// <summary>When it was asked, UTC.</summary>
    public DateTimeOffset CreatedAt { get; init; }
}
