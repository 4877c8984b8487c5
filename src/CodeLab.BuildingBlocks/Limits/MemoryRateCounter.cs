using System.Collections.Concurrent;

namespace CodeLab.BuildingBlocks.Limits;

/// <summary>Exact windows: limits are small, so each key keeps the times of its events.</summary>
public sealed class MemoryRateCounter(TimeProvider time) : IRateCounter
{
    private const int SweepEvery = 4096;
    private readonly ConcurrentDictionary<string, Window> _windows = new(StringComparer.Ordinal);
    private int _operations;

    /// <inheritdoc/>
    public ValueTask<RateDecision> TakeAsync(string key, int limit, TimeSpan window, CancellationToken cancellationToken) =>
        new(Decide(key, limit, window, count: true));

    /// <inheritdoc/>
    public ValueTask<RateDecision> PeekAsync(string key, int limit, TimeSpan window, CancellationToken cancellationToken) =>
        new(Decide(key, limit, window, count: false));

    private RateDecision Decide(string key, int limit, TimeSpan length, bool count)
    {
        Sweep();
        var now = time.GetUtcNow();
        while (true)
        {
            var window = _windows.GetOrAdd(key, static _ => new Window());
            lock (window)
            {
                // Swept between our look-up and our lock: it counts for nobody any more.
                if (window.IsDead)
                    continue;
                window.Forget(now - length);
                window.Length = length;
                if (window.Times.Count >= limit)
                    return new(false, limit, 0, window.Times.Peek() + length - now);
                if (count)
                    window.Times.Enqueue(now);
                return new(true, limit, limit - window.Times.Count, TimeSpan.Zero);
            }
        }
    }

    /// <summary>Drops keys whose window is empty, so that memory does not grow with every address ever seen.</summary>
    private void Sweep()
    {
        if (Interlocked.Increment(ref _operations) % SweepEvery != 0)
            return;
        var now = time.GetUtcNow();
        foreach (var (key, window) in _windows)
        {
            lock (window)
            {
                window.Forget(now - window.Length);
                if (window.Times.Count > 0)
                    continue;
                window.IsDead = true;
                _windows.TryRemove(key, out _);
            }
        }
    }

    private sealed class Window
    {
        public Queue<DateTimeOffset> Times { get; } = new();

        public TimeSpan Length { get; set; }

        public bool IsDead { get; set; }

        public void Forget(DateTimeOffset before)
        {
            while (Times.TryPeek(out var oldest) && oldest <= before)
                Times.Dequeue();
        }
    }
}
