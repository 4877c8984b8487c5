using CodeLab.Client.Tools;

namespace CodeLab.Client.Sessions;

/// <summary>What runs the tools of a session.</summary>
public interface IToolExecutor
{
    /// <summary>Catalogue names of the tools it runs.</summary>
    IReadOnlyList<string> Names { get; }

    /// <summary>Runs a call, or answers it from the journal when it ran before. Limits on parallel work are its own.</summary>
    Task<ToolOutcome> ExecuteAsync(ToolInvocation invocation, CancellationToken cancellationToken);
}
