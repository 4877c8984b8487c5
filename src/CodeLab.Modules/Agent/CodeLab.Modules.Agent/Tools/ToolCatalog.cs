using System.Collections.Frozen;

namespace CodeLab.Modules.Agent.Tools;

/// <summary>The tools every CodeLab server knows (protocol.md §6). Which of them a session has is said by <see cref="ToolOffer"/>.</summary>
internal static class ToolCatalog
{
    private static readonly FrozenDictionary<string, ToolDefinition> _byName = BuiltInTools
        .All.SelectMany(tool => tool.Aliases.Prepend(tool.Name).Select(name => KeyValuePair.Create(name, tool)))
        .ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>All tools, in the order models are shown them.</summary>
    public static IReadOnlyList<ToolDefinition> All => BuiltInTools.All;

    /// <summary>The tool of a name or alias, ignoring case; null when there is none.</summary>
    public static ToolDefinition? Find(string name) => _byName.GetValueOrDefault(Bare(name));

    /// <summary>Some models put the namespace of the wire format in front of the name.</summary>
    internal static string Bare(string name)
    {
        name = name.Trim();
        return name.StartsWith("functions.", StringComparison.OrdinalIgnoreCase) ? name["functions.".Length..] : name;
    }
}
