namespace CodeLab.Client.Processes;

/// <summary>
/// Runs programs for the agent so that nothing they start outlives them (client reference §4, "Ending a command").
/// </summary>
internal sealed class ProcessRunner(TimeProvider time)
{
    /// <summary>How long the group may take to end politely.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(300);

    /// <summary>How long the output is waited for after the program's end.</summary>
    private static readonly TimeSpan OutputGrace = TimeSpan.FromMilliseconds(500);

    /// <summary>Runs a program to its end, its time-out or the cancellation; in every case its whole tree is ended before this returns.</summary>
    /// <exception cref="ProcessStartException">It could not be started.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled; the tree is ended.</exception>
    public async Task<ProcessEnd> RunAsync(ProcessSpec spec, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var started = time.GetTimestamp();
        using IRunningProcess process = OperatingSystem.IsWindows() ? WindowsProcess.Start(spec) : PosixProcess.Start(spec);

        var timedOut = false;
        using (var timeout = new CancellationTokenSource(spec.Timeout, time))
        using (var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken))
        {
            try
            {
                await process.Exited.WaitAsync(either.Token);
            }
            catch (OperationCanceledException)
            {
                timedOut = !cancellationToken.IsCancellationRequested;
            }
        }

        // Also after a normal exit: what the command left in the background would go on unseen.
        await process.EndTreeAsync(Grace, time);
        var complete = true;
        try
        {
            await process.OutputRead.WaitAsync(OutputGrace, time, CancellationToken.None); // the tree is gone; only a short rest is waited for
        }
        catch (TimeoutException)
        {
            // The reading task keeps the pipe and closes it when the last writer is gone: disposing it here would hang.
            complete = false;
        }

        cancellationToken.ThrowIfCancellationRequested();
        int? exitCode = !timedOut && process.Exited.IsCompletedSuccessfully ? await process.Exited : null;
        return new ProcessEnd(exitCode, timedOut, complete, time.GetElapsedTime(started));
    }
}

/// <summary>A started program.</summary>
internal interface IRunningProcess : IDisposable
{
    /// <summary>Its exit code once it has ended; null when the system does not tell.</summary>
    Task<int?> Exited { get; }

    /// <summary>Completes when both outputs are closed.</summary>
    Task OutputRead { get; }

    /// <summary>Ends the program and everything it has started.</summary>
    Task EndTreeAsync(TimeSpan grace, TimeProvider time);
}
