using System.Collections.Concurrent;
using CodeLab.Modules.Llm.Calls;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Routing;

/// <summary>One breaker a deployment, on this node (security.md §9.5).</summary>
internal sealed class CircuitBreakers(IOptions<LlmOptions> options, TimeProvider time)
{
    private const int Most = 5_000;
    private readonly ConcurrentDictionary<(string Provider, string Model), CircuitBreaker> _breakers = new();

    public CircuitBreaker Of(CallTarget target)
    {
        if (_breakers.TryGetValue((target.Provider.Name, target.Model), out var breaker))
            return breaker;
        if (_breakers.Count >= Most)
            _breakers.Clear();
        return _breakers.GetOrAdd(
            (target.Provider.Name, target.Model),
            static (_, self) => new CircuitBreaker(self.Options, self.Time),
            (Options: options.Value.Breaker, Time: time)
        );
    }

    /// <summary>State of all deployments that were asked, for administrators.</summary>
    public IEnumerable<(string Provider, string Model, CircuitState State)> States =>
        _breakers.Select(b => (b.Key.Provider, b.Key.Model, b.Value.State));

    /// <summary>A health check reached the provider: its open breakers let a call try at once.</summary>
    public void Recovered(string provider)
    {
        foreach (var (key, breaker) in _breakers)
        {
            if (key.Provider == provider)
                breaker.MayTry();
        }
    }

    public bool HasOpen(string provider) => _breakers.Any(b => b.Key.Provider == provider && b.Value.State == CircuitState.Open);
}

internal enum CircuitState
{
    Closed,
    Open,
    HalfOpen,
}

/// <summary>Stops asking a deployment that keeps failing, and lets one call at a time find out whether it is well again.</summary>
internal sealed class CircuitBreaker(BreakerOptions options, TimeProvider time)
{
    private readonly Lock _lock = new();
    private int _failures;
    private long _openedAt;
    private bool _isOpen;
    private bool _mayTry;
    private long _probeAt;

    public CircuitState State
    {
        get
        {
            // Read without the lock: the hot path only wants to know that nothing is wrong.
            if (!Volatile.Read(ref _isOpen))
                return CircuitState.Closed;
            lock (_lock)
            {
                if (!_isOpen)
                    return CircuitState.Closed;
                return _mayTry || time.GetElapsedTime(_openedAt).TotalSeconds >= options.OpenSeconds
                    ? CircuitState.HalfOpen
                    : CircuitState.Open;
            }
        }
    }

    /// <summary>True when a call may be made; of a half-open breaker one at a time.</summary>
    public bool TryPass()
    {
        if (!Volatile.Read(ref _isOpen))
            return true;
        lock (_lock)
        {
            if (!_isOpen)
                return true;
            if (!_mayTry && time.GetElapsedTime(_openedAt).TotalSeconds < options.OpenSeconds)
                return false;
            // A probe that never came back does not lock the deployment out for good.
            if (_probeAt != 0 && time.GetElapsedTime(_probeAt).TotalSeconds < options.OpenSeconds)
                return false;
            _probeAt = time.GetTimestamp();
            return true;
        }
    }

    public void Succeeded()
    {
        if (!Volatile.Read(ref _isOpen) && Volatile.Read(ref _failures) == 0)
            return;
        lock (_lock)
        {
            _failures = 0;
            _isOpen = false;
            _mayTry = false;
            _probeAt = 0;
        }
    }

    public void Failed()
    {
        lock (_lock)
        {
            _failures++;
            if (!_isOpen && _failures < options.Failures)
                return;
            _isOpen = true;
            _mayTry = false;
            _probeAt = 0;
            _openedAt = time.GetTimestamp();
        }
    }

    public void MayTry()
    {
        lock (_lock)
            _mayTry = _isOpen;
    }
}
