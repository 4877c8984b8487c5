using System.Collections.Frozen;
using System.Text.Json;
using CodeLab.Modules.Agent.Agents;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Agent.Tools;

/// <summary>What the attached executor can run, as it said on attach (design.md §7).</summary>
/// <param name="Names">Canonical names of catalogue tools it runs.</param>
/// <param name="Definitions">Tools of its own, sorted by name.</param>
/// <param name="Problems">What was left out and why, for the client's log.</param>
internal sealed record ClientTools(FrozenSet<string> Names, IReadOnlyList<ToolDefinition> Definitions, IReadOnlyList<string> Problems)
{
    private const int _maxDefinitions = 64;

    /// <summary>A client that only watches.</summary>
    public static ClientTools None { get; } = new([], [], []);

    /// <summary>
    /// Reads the <c>tools</c> of an attach: strings name tools of the catalogue, objects define new ones. Entries that can not be used
    /// are left out and told in <see cref="Problems"/>, so that one bad tool does not keep a client away.
    /// </summary>
    public static ClientTools Read(IReadOnlyList<JsonElement>? tools)
    {
        if (tools is not { Count: > 0 })
            return None;
        var names = new HashSet<string>();
        var definitions = new SortedDictionary<string, ToolDefinition>(StringComparer.Ordinal);
        var problems = new List<string>();
        foreach (var entry in tools)
        {
            if (entry.ValueKind is JsonValueKind.String)
            {
                if (ToolCatalog.Find(entry.GetRawText().Trim('"')) is { } tool)
                    names.Add(tool.Name);
                else
                    problems.Add("Unknown tool; a client's own tool needs a definition with name, description and parameters.");
            }
            else if (ToolDefinition.FromClient(entry) is var read && !read.IsOk)
            {
                problems.Add(read.Error.Message);
            }
            else if (definitions.Count >= _maxDefinitions)
            {
                problems.Add($"More than {_maxDefinitions} tools; '{read.Value!.Name}' was left out.");
            }
            else if (!definitions.TryAdd(read.Value!.Name, read.Value))
            {
                problems.Add($"Tool '{read.Value.Name}' is defined twice.");
            }
        }
        return new([.. names], [.. definitions.Values], problems);
    }
}

/// <summary>
/// The tools a model is offered in one step: those of the agent that the attached client can run, those of the server, and the client's
/// own. The order depends on nothing but its inputs, because a changed order spoils the provider's prompt cache.
/// </summary>
internal sealed class ToolOffer
{
    private ToolOffer(AgentDefinition agent, IReadOnlyList<ToolDefinition> tools)
    {
        Agent = agent;
        Tools = tools;
        Declarations = [.. tools.Select(tool => tool.ToDeclaration())];
    }

    /// <summary>The agent it is made for.</summary>
    public AgentDefinition Agent { get; }

    /// <summary>The tools.</summary>
    public IReadOnlyList<ToolDefinition> Tools { get; }

    /// <summary>The same for the model client.</summary>
    public IReadOnlyList<AITool> Declarations { get; }

    /// <summary>Makes the offer; worth keeping as long as agent and client stay the same.</summary>
    /// <param name="agent">The agent.</param>
    /// <param name="client">What the client runs.</param>
    /// <param name="keep">What else must hold of a tool; null = nothing.</param>
    public static ToolOffer For(AgentDefinition agent, ClientTools client, Predicate<ToolDefinition>? keep = null)
    {
        var tools = new List<ToolDefinition>(agent.Tools.Count + client.Definitions.Count);
        foreach (var name in agent.Tools)
        {
            if (ToolCatalog.Find(name) is { } tool && (tool.Kind is ToolKind.Server || client.Names.Contains(tool.Name)))
                tools.Add(tool);
        }
        if (agent.ClientTools)
            tools.AddRange(client.Definitions);
        if (keep is not null)
            tools.RemoveAll(tool => !keep(tool));
        return new ToolOffer(agent, tools);
    }

    /// <summary>The offered tool of a name or alias; null when the model called something else.</summary>
    public ToolDefinition? Find(string name)
    {
        var bare = ToolCatalog.Bare(name);
        var canonical = ToolCatalog.Find(bare)?.Name ?? bare;
        foreach (var tool in Tools)
        {
            if (string.Equals(tool.Name, canonical, StringComparison.OrdinalIgnoreCase))
                return tool;
        }
        return null;
    }

    /// <summary>What the model is told when <see cref="Find"/> found nothing.</summary>
    /// <returns><c>TOOL_NOT_ALLOWED</c> or <c>TOOL_NOT_FOUND</c>, and a sentence.</returns>
    public (string Code, string Message) Refuse(string name)
    {
        var offered = Tools.Count == 0 ? "No tool is available now" : "Available tools: " + string.Join(", ", Tools.Select(t => t.Name));
        if (ToolCatalog.Find(name) is not { } known)
            return ("TOOL_NOT_FOUND", $"There is no tool '{(name.Length > 64 ? name[..64] : name)}'. {offered}.");
        return Agent.Allows(known)
            ? ("TOOL_NOT_FOUND", $"The attached client can not run '{known.Name}'. {offered}.")
            : ("TOOL_NOT_ALLOWED", $"Tool '{known.Name}' is not allowed for the {Agent.Type} agent. {offered}.");
    }
}
