namespace CodeLab.Modules.Llm.Providers.Http;

/// <summary>
/// Limits of one call and the token that ends it. SDKs do not pass the caller's token everywhere (OllamaSharp reads its stream without any),
/// so the HTTP layer takes it from here.
/// </summary>
internal sealed class ProviderCall : IDisposable
{
    private readonly CancellationTokenSource _total;
    private readonly CancellationTokenSource _either;

    public ProviderCall(ProviderSettings provider, CallLimits limits, TimeProvider time, CancellationToken caller)
    {
        (Provider, Limits, Time, Caller) = (provider, limits, time, caller);
        _total = new CancellationTokenSource(limits.Total, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(caller, _total.Token);
    }

    public ProviderSettings Provider { get; }

    public CallLimits Limits { get; }

    public TimeProvider Time { get; }

    /// <summary>Cancelled when who asked has left.</summary>
    public CancellationToken Caller { get; }

    /// <summary>Cancelled when the caller left or the whole time is over.</summary>
    public CancellationToken Token => _either.Token;

    public bool IsOverTime => _total.IsCancellationRequested;

    /// <summary>Requests sent, the first included.</summary>
    public int Attempts { get; set; }

    public ProviderException TimedOut(string what) =>
        new(FailureCodes.Timeout, $"{Provider.Name} {what}. Try again, or choose another model.");

    public ProviderException OverTime() => TimedOut($"took longer than {Limits.Total.TotalSeconds:0.#} s for the whole answer");

    public void Dispose()
    {
        _either.Dispose();
        _total.Dispose();
    }
}

/// <summary>Limits of a call (security.md §9.5).</summary>
internal sealed record CallLimits(TimeSpan FirstByte, TimeSpan Idle, TimeSpan Total, int Retries, TimeSpan RetryDelay)
{
    /// <summary>Longest line of an answer, in bytes.</summary>
    public const int LineBytes = 1024 * 1024;

    /// <summary>Longest request or answer, in bytes.</summary>
    public const int BodyBytes = 16 * 1024 * 1024;

    /// <summary>Longest wait a provider may ask for before we give up instead.</summary>
    public static readonly TimeSpan MostRetryAfter = TimeSpan.FromSeconds(30);

    public static CallLimits From(LlmOptions options, bool reasoning)
    {
        var timeouts = options.Timeouts;
        return new CallLimits(
            TimeSpan.FromSeconds(
                reasoning ? Math.Max(timeouts.ReasoningFirstByteSeconds, timeouts.FirstByteSeconds) : timeouts.FirstByteSeconds
            ),
            TimeSpan.FromSeconds(timeouts.IdleSeconds),
            TimeSpan.FromSeconds(timeouts.TotalSeconds),
            options.Retries.Most,
            TimeSpan.FromMilliseconds(options.Retries.DelayMilliseconds)
        );
    }
}
