using CodeLab.Modules.Agent.Tools;
using CodeLab.Protocol.Rest;

namespace CodeLab.Modules.Agent.Agents;

/// <summary>An agent: who the model is, which tools it has and where they end. Data, read from Markdown with front matter.</summary>
internal sealed record AgentDefinition
{
    /// <summary>Id on the wire, lower case.</summary>
    public required string Type { get; init; }

    /// <summary>Display name.</summary>
    public required string Name { get; init; }

    /// <summary>One emoji.</summary>
    public required string Emoji { get; init; }

    /// <summary>One sentence, for people and for the router.</summary>
    public required string Description { get; init; }

    /// <summary>Canonical names of its tools, in the order the model sees them.</summary>
    public required IReadOnlyList<string> Tools { get; init; }

    /// <summary>True when it may also call tools that the attached client defines; they always need approval.</summary>
    public bool ClientTools { get; init; }

    /// <summary>Globs of the only files its tools may write, move or patch; empty = no limit beyond its tools.</summary>
    public IReadOnlyList<string> WritePatterns { get; init; } = [];

    /// <summary>Model or alias; null = the session's, else the default.</summary>
    public string? Model { get; init; }

    /// <summary>0 to 2; null = the provider's default.</summary>
    public float? Temperature { get; init; }

    /// <summary>Most model calls in one turn.</summary>
    public required int MaxSteps { get; init; }

    /// <summary>What it is good at, for clients.</summary>
    public IReadOnlyList<string> Capabilities { get; init; } = [];

    /// <summary>What it must not do, in words, for clients.</summary>
    public IReadOnlyList<string> Restrictions { get; init; } = [];

    /// <summary>Its instructions.</summary>
    public required string Prompt { get; init; }

    /// <summary>True when the tool is in the agent's list. Whether the client can run it is another question.</summary>
    public bool Allows(ToolDefinition tool)
    {
        if (tool.ClientDefined)
            return ClientTools;
        foreach (var name in Tools)
        {
            if (string.Equals(name, tool.Name, StringComparison.Ordinal))
                return true;
        }
        return false;
    }

    /// <summary>As clients see it.</summary>
    public AgentInfo ToProtocol() =>
        new()
        {
            Type = Type,
            Name = Name,
            Emoji = Emoji,
            Description = Description,
            AllowedTools = Tools,
            Tools = Tools,
            HasFileRestrictions = WritePatterns.Count > 0,
            FileRestrictions = WritePatterns,
            Capabilities = Capabilities,
            Restrictions = Restrictions,
        };
}
