using CodeLab.Modules.Llm.Providers.Http;

namespace CodeLab.Modules.Llm.Calls;

/// <summary>
/// The clocks of a call by a door (security.md §9.5): the whole time, and the time of the phase it is in: to the first byte, or between two
/// pieces. Knows which of them ran out, or whether the caller has left.
/// </summary>
internal sealed class CallClock : IDisposable
{
    private readonly TimeProvider _time;
    private readonly CancellationToken _caller;
    private readonly CancellationTokenRegistration _leaving;
    private readonly CancellationTokenSource _whole;
    private readonly TimeSpan _total;
    private CancellationTokenSource _phase;
    private CancellationTokenRegistration _ending;
    private bool _gone;

    public CallClock(TimeSpan total, TimeProvider time, CancellationToken caller)
    {
        (_time, _caller, _total) = (time, caller, total);
        _whole = new CancellationTokenSource(total, time);
        _leaving = caller.UnsafeRegister(static whole => ((CancellationTokenSource)whole!).Cancel(), _whole);
        (_phase, _ending) = NewPhase();
    }

    /// <summary>Cancelled when the caller has left or the whole time is over.</summary>
    public CancellationToken Whole => _whole.Token;

    /// <summary>Cancelled when the phase is over, too.</summary>
    public CancellationToken Token => _phase.Token;

    /// <summary>The caller has left, or takes no more of the answer.</summary>
    public bool IsCallerGone => _gone || _caller.IsCancellationRequested;

    /// <summary>Starts the clock of a phase.</summary>
    public void Start(TimeSpan limit)
    {
        // A phase that ran out before stays cancelled: the next try needs a new one.
        if (_phase.IsCancellationRequested && !_whole.IsCancellationRequested)
        {
            _ending.Dispose();
            _phase.Dispose();
            (_phase, _ending) = NewPhase();
        }
        _phase.CancelAfter(limit);
    }

    /// <summary>Stops the clock of the phase: what follows is not the provider's time.</summary>
    public void Stop() => _phase.CancelAfter(Timeout.InfiniteTimeSpan);

    /// <summary>Ends everything at once: the caller takes no more.</summary>
    public void Leave()
    {
        _gone = true;
        _whole.Cancel();
    }

    /// <summary>The failure behind a cancelled wait for a provider.</summary>
    /// <param name="target">Who was waited for.</param>
    /// <param name="begun">Some of the answer was there.</param>
    /// <exception cref="OperationCanceledException">It is none: the caller has left.</exception>
    public ProviderException Explain(CallTarget target, bool begun)
    {
        if (IsCallerGone)
            throw new OperationCanceledException(_caller);
        var name = target.Provider.Name;
        var limits = target.Limits;
        var what =
            _whole.IsCancellationRequested ? $"took longer than {_total.TotalSeconds:0.#} s for the whole answer"
            : begun ? $"fell silent for {limits.Idle.TotalSeconds:0.#} s in the middle of its answer"
            : $"sent nothing within {limits.FirstByte.TotalSeconds:0.#} s";
        return new ProviderException(FailureCodes.Timeout, $"{name} {what}. Try again, or choose another model.");
    }

    public void Dispose()
    {
        _leaving.Dispose();
        _ending.Dispose();
        _phase.Dispose();
        _whole.Dispose();
    }

    private (CancellationTokenSource, CancellationTokenRegistration) NewPhase()
    {
        var phase = new CancellationTokenSource(Timeout.InfiniteTimeSpan, _time);
        return (phase, _whole.Token.UnsafeRegister(static phase => ((CancellationTokenSource)phase!).Cancel(), phase));
    }
}
