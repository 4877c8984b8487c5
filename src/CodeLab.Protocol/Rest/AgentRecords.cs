namespace CodeLab.Protocol.Rest;

/// <summary>Body of <c>GET /api/v1/agents</c> (protocol.md §3.3).</summary>
public sealed record AgentList
{
    /// <summary>The agents.</summary>
    public required IReadOnlyList<AgentInfo> Agents { get; init; }

    /// <summary>How many.</summary>
    public int Total { get; init; }
}

/// <summary>An agent as clients see it.</summary>
public sealed record AgentInfo
{
    /// <summary>Id, e.g. <c>coder</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Display name.</summary>
    public required string Name { get; init; }

    /// <summary>One emoji.</summary>
    public required string Emoji { get; init; }

    /// <summary>One sentence.</summary>
    public required string Description { get; init; }

    /// <summary>Tools it may call.</summary>
    public required IReadOnlyList<string> AllowedTools { get; init; }

    /// <summary>The same list under the other published name.</summary>
    public required IReadOnlyList<string> Tools { get; init; }

    /// <summary>True when it may write only some files.</summary>
    public bool HasFileRestrictions { get; init; }

    /// <summary>Globs of the files it may write.</summary>
    public required IReadOnlyList<string> FileRestrictions { get; init; }

    /// <summary>What it is good at.</summary>
    public required IReadOnlyList<string> Capabilities { get; init; }

    /// <summary>What it must not do, in words.</summary>
    public required IReadOnlyList<string> Restrictions { get; init; }
}

/// <summary>Body of <c>GET /api/v1/agents/{session_id}/current</c>.</summary>
public sealed record CurrentAgentInfo
{
    /// <summary>Id of the session.</summary>
    public required string SessionId { get; init; }

    /// <summary>The agent that answers next.</summary>
    public required string CurrentAgent { get; init; }

    /// <summary>The agent before the last switch.</summary>
    public string? PreviousAgent { get; init; }

    /// <summary>Switches so far.</summary>
    public int SwitchCount { get; init; }

    /// <summary>Display data of the current agent.</summary>
    [System.Text.Json.Serialization.JsonPropertyName("current_agent_info")]
    public AgentBadge? CurrentBadge { get; init; }

    /// <summary>Switches in order.</summary>
    public required IReadOnlyList<AgentSwitchInfo> AgentHistory { get; init; }

    /// <summary>The same under the other published name.</summary>
    public required IReadOnlyList<AgentSwitchInfo> SwitchHistory { get; init; }

    /// <summary>The same once more, nested as older servers sent it.</summary>
    public required AgentContextInfo Context { get; init; }
}

/// <summary>Agent of a session in the nested form.</summary>
public sealed record AgentContextInfo
{
    /// <summary>Id of the session: there is one context a session.</summary>
    public required string Id { get; init; }

    /// <summary>Id of the session.</summary>
    public required string SessionId { get; init; }

    /// <summary>The agent that answers next.</summary>
    public required string CurrentAgent { get; init; }

    /// <summary>Switches so far.</summary>
    public int SwitchCount { get; init; }

    /// <summary>Switches in order.</summary>
    public required IReadOnlyList<AgentSwitchInfo> SwitchHistory { get; init; }

    /// <summary>When the last switch was, UTC; absent before the first.</summary>
    public DateTimeOffset? LastSwitchAt { get; init; }

    /// <summary>When the session was created, UTC.</summary>
    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Display data of an agent.</summary>
public sealed record AgentBadge
{
    /// <summary>Id.</summary>
    public required string Type { get; init; }

    /// <summary>Display name.</summary>
    public required string Name { get; init; }

    /// <summary>One emoji.</summary>
    public required string Emoji { get; init; }

    /// <summary>When it took over, UTC.</summary>
    public DateTimeOffset? SwitchedAt { get; init; }
}

/// <summary>Body of <c>POST /api/v1/agents/{session_id}/switch</c>.</summary>
public sealed record SwitchAgentBody
{
    /// <summary>The agent.</summary>
    public string? AgentType { get; init; }

    /// <summary>Alias of <see cref="AgentType"/>.</summary>
    public string? TargetAgent { get; init; }

    /// <summary>Why.</summary>
    public string? Reason { get; init; }

    /// <summary>Taken for compatibility; a person's switch has no confidence.</summary>
    public string? Confidence { get; init; }
}

/// <summary>Answer to a switch, under both pairs of names.</summary>
public sealed record AgentSwitchAnswer
{
    /// <summary>Id of the session.</summary>
    public required string SessionId { get; init; }

    /// <summary>Agent before.</summary>
    public required string SwitchedFrom { get; init; }

    /// <summary>Agent after.</summary>
    public required string SwitchedTo { get; init; }

    /// <summary>Agent before.</summary>
    public required string FromAgent { get; init; }

    /// <summary>Agent after.</summary>
    public required string ToAgent { get; init; }

    /// <summary>Why.</summary>
    public string? Reason { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset Timestamp { get; init; }
}
