using System.Collections.Frozen;
using CodeLab.Protocol.Rest;

namespace CodeLab.Modules.Agent.Agents;

/// <summary>The agents of this server.</summary>
internal sealed class AgentCatalog
{
    /// <summary>The agent a session starts with, and the one that routes (protocol.md §5.2).</summary>
    public const string Orchestrator = "orchestrator";

    /// <summary>The agent that gets what nobody else fits.</summary>
    public const string Coder = "coder";

    private static readonly string[] _builtIn = [Orchestrator, Coder, "architect", "debug", "ask"];
    private static readonly Lazy<AgentCatalog> _default = new(() => new AgentCatalog(_builtIn.Select(ReadEmbedded)));

    private readonly FrozenDictionary<string, AgentDefinition> _byName;
    private readonly AgentList _protocol;

    /// <summary>Makes a catalogue.</summary>
    /// <exception cref="FormatException">Two agents have one type, or orchestrator or coder is missing.</exception>
    public AgentCatalog(IEnumerable<AgentDefinition> agents)
    {
        All = [.. agents];
        if (All.GroupBy(a => a.Type, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new FormatException($"Agent '{twice.Key}' is defined twice.");
        var byName = All.ToDictionary(a => a.Type, StringComparer.OrdinalIgnoreCase);
        if (!byName.ContainsKey(Orchestrator) || !byName.TryGetValue(Coder, out var coder))
            throw new FormatException("Routing needs the agents 'orchestrator' and 'coder'.");
        byName.TryAdd("code", coder); // The name released clients use (protocol.md §13, 24).
        _byName = byName.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
        _protocol = new AgentList { Agents = [.. All.Select(a => a.ToProtocol())], Total = All.Count };
    }

    /// <summary>The five agents that come with the server; read once, on first use.</summary>
    public static AgentCatalog BuiltIn => _default.Value;

    /// <summary>All agents, the orchestrator first.</summary>
    public IReadOnlyList<AgentDefinition> All { get; }

    /// <summary>The agent of a name, ignoring case; <c>code</c> is <c>coder</c>. Null when there is none.</summary>
    public AgentDefinition? Find(string name) => _byName.GetValueOrDefault(name.Trim());

    /// <summary>As clients see them.</summary>
    public AgentList ToProtocol() => _protocol;

    private static AgentDefinition ReadEmbedded(string type)
    {
        var name = $"agents/{type}.md";
        using var stream =
            typeof(AgentCatalog).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"Resource '{name}' is missing.");
        using var reader = new StreamReader(stream);
        return AgentFile.Parse(name, reader.ReadToEnd());
    }
}
