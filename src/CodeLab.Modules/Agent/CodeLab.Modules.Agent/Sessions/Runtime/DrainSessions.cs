using CodeLab.BuildingBlocks.Startup;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>
/// Before connections close: lets model calls that are under way finish, so that a planned restart repeats as few as possible. No new ones
/// are started (security.md §12). What does not finish in time is repeated after the restart.
/// </summary>
internal sealed class DrainSessions(SessionDirectory directory) : IDrainTask
{
    public int Order => 100;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var answers = directory.Loaded.Select(a => a.ModelAnswer).ToArray();
        try
        {
            await Task.WhenAll(answers).WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Time is up: the log has the intent of every call, which is all that recovery needs.
        }
    }
}
