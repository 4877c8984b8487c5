using CodeLab.Protocol.Hub;

namespace CodeLab.Modules.Agent.Prompts;

/// <summary>What a system prompt is made of besides the agent. Equal contexts give equal bytes.</summary>
internal sealed record PromptContext
{
    /// <summary>Nothing is known: no client is attached.</summary>
    public static PromptContext Empty { get; } = new();

    /// <summary>Operating system and shell of the client.</summary>
    public string? Platform { get; init; }

    /// <summary>Name of the workspace folder.</summary>
    public string? WorkspaceName { get; init; }

    /// <summary>Current Git branch.</summary>
    public string? Branch { get; init; }

    /// <summary>Project rules of the workspace, in the client's order.</summary>
    public IReadOnlyList<WorkspaceRule> Rules { get; init; } = [];

    /// <summary>Files kept in context (protocol.md §8.4), in the order they were added.</summary>
    public IReadOnlyList<ContextFile> Files { get; init; } = [];

    /// <summary>Makes a context of what a client said on attach.</summary>
    public static PromptContext From(ClientInfo? client, WorkspaceInfo? workspace, IReadOnlyList<ContextFile>? files = null) =>
        new()
        {
            Platform = client?.Platform,
            WorkspaceName = workspace?.Name,
            Branch = workspace?.Branch,
            Rules = workspace?.Rules ?? [],
            Files = files ?? [],
        };
}
