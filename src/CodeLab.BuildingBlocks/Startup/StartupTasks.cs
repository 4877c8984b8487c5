namespace CodeLab.BuildingBlocks.Startup;

/// <summary>
/// Work that must be done before requests are served but not before the listener opens: migrations, seeds, keys, recovery. Tasks run one
/// after the other by <see cref="Order"/>; a failing task stops the host with its message.
/// </summary>
public interface IStartupTask
{
    /// <summary>Smaller runs earlier: 0 database, 100 keys and accounts, 200 models, 300 sessions.</summary>
    int Order { get; }

    /// <summary>Does the work.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}

/// <summary>Opens once, when every <see cref="IStartupTask"/> has run.</summary>
public sealed class StartupGate
{
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>True once requests may be served.</summary>
    public bool IsOpen => _opened.Task.IsCompletedSuccessfully;

    /// <summary>Completes when requests may be served.</summary>
    public Task Opened => _opened.Task;

    /// <summary>Lets requests in.</summary>
    public void Open() => _opened.TrySetResult();
}

/// <summary>True from the moment the host was asked to stop: readiness is off and no new work is taken (security.md §12).</summary>
public sealed class DrainState : IDisposable
{
    private readonly CancellationTokenSource _draining = new();

    /// <summary>Cancelled when draining begins.</summary>
    public CancellationToken Draining => _draining.Token;

    /// <summary>True while draining.</summary>
    public bool IsDraining => _draining.IsCancellationRequested;

    /// <summary>Begins to drain.</summary>
    public void Begin() => _draining.Cancel();

    /// <inheritdoc/>
    public void Dispose() => _draining.Dispose();
}

/// <summary>
/// Work between the moment the host was asked to stop and the moment it closes connections: reach a commit point, flush, say goodbye. Tasks
/// run one after the other by <see cref="Order"/>, all together at most 15 s (security.md §12).
/// </summary>
public interface IDrainTask
{
    /// <summary>Smaller runs earlier: 100 turns reach a commit point, 200 connections are told and closed.</summary>
    int Order { get; }

    /// <summary>Does the work; the token is cancelled when time is up.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}
