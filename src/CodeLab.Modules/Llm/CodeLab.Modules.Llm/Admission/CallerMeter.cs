namespace CodeLab.Modules.Llm.Admission;

/// <summary>Calls under way and tokens of the last minute of one user or key, on this node.</summary>
internal sealed class CallerMeter
{
    private const int Seconds = 60;
    private readonly Lock _lock = new();
    private readonly long[] _tokens = new long[Seconds];
    private long _newest;
    private long _sum;
    private int _running;

    public bool IsIdle => Volatile.Read(ref _running) == 0;

    /// <summary>Enters unless <paramref name="most"/> calls are under way.</summary>
    public bool TryEnter(int most)
    {
        if (Interlocked.Increment(ref _running) <= most)
            return true;
        Interlocked.Decrement(ref _running);
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _running);

    /// <summary>Adds an estimate unless the minute is full.</summary>
    /// <param name="second">Now, in seconds.</param>
    /// <param name="tokens">Estimate of the request.</param>
    /// <param name="most">Tokens a minute.</param>
    /// <param name="wait">Seconds until there is room, when there is none.</param>
    public bool TryTake(long second, long tokens, int most, out int wait)
    {
        lock (_lock)
        {
            Advance(second);
            wait = 0;
            // The first request of a minute passes whatever its size: a limit lower than one request would stop everything for good.
            if (_sum == 0 || _sum + tokens <= most)
            {
                Add(second, tokens);
                return true;
            }
            var left = _sum + tokens - most;
            for (var age = Seconds - 1; age >= 0 && left > 0; age--)
            {
                left -= _tokens[Index(second - age)];
                wait = Seconds - age;
            }
            return false;
        }
    }

    /// <summary>Corrects an estimate by what was really used.</summary>
    public void Correct(long second, long tokens)
    {
        lock (_lock)
        {
            Advance(second);
            Add(second, tokens);
        }
    }

    private void Add(long second, long tokens)
    {
        var index = Index(second);
        var corrected = Math.Max(0, _tokens[index] + tokens);
        _sum += corrected - _tokens[index];
        _tokens[index] = corrected;
    }

    private void Advance(long second)
    {
        for (var at = Math.Max(_newest + 1, second - Seconds + 1); at <= second; at++)
        {
            _sum -= _tokens[Index(at)];
            _tokens[Index(at)] = 0;
        }
        _newest = Math.Max(_newest, second);
    }

    private static int Index(long second) => (int)(second % Seconds);
}
