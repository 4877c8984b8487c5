using System.Text.Json;
using CodeLab.Client.Processes;

namespace CodeLab.Client.Tools;

/// <summary>What a tool has to work with.</summary>
internal sealed record ToolContext(WorkspaceFiles Files, ProcessRunner Processes, TimeProvider Time, Action<CommandOutput> Output)
{
    public string CallId { get; init; } = "";

    public WorkspaceRoot Root => Files.Root;

    public LocalToolOptions Options => Files.Options;
}

/// <summary>A tool: what it does, and whether it may run beside others.</summary>
internal sealed record LocalTool(bool Reads, Func<ToolContext, ToolArguments, CancellationToken, Task<JsonElement>> Execute)
{
    /// <summary>What it would change; null for tools whose changes cannot be shown beforehand.</summary>
    public Func<ToolContext, ToolArguments, CancellationToken, Task<FileChangePreview?>>? Preview { get; init; }

    /// <summary>What a preview that failed was about.</summary>
    public FileChangeKind Change { get; init; }
}
