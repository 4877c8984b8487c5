using System.Collections.Concurrent;
using System.Threading.Channels;

namespace CodeLab.Modules.Auth.Audit;

/// <summary>Lets one event a minute and key through, and counts the others.</summary>
internal sealed class AuditSampling(TimeProvider time)
{
    private const int Most = 10_000;
    private static readonly TimeSpan _interval = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>True when the event is to be written.</summary>
    /// <param name="key">What is sampled.</param>
    /// <param name="suppressed">How many were left out since the last one.</param>
    public bool MayTell(string key, out long suppressed)
    {
        suppressed = 0;
        // Full of keys: an attacker has many addresses. Forgetting all of them costs a few events more, not memory.
        if (_entries.Count >= Most)
            _entries.Clear();
        var entry = _entries.GetOrAdd(key, static _ => new Entry());
        lock (entry)
        {
            if (entry.ToldAt is { } told && time.GetElapsedTime(told) < _interval)
            {
                entry.Suppressed++;
                return false;
            }
            entry.ToldAt = time.GetTimestamp();
            (suppressed, entry.Suppressed) = (entry.Suppressed, 0);
            return true;
        }
    }

    private sealed class Entry
    {
        public long? ToldAt { get; set; }
        public long Suppressed { get; set; }
    }
}

/// <summary>Tells the sealer that there is something to seal.</summary>
internal sealed class AuditSignal
{
    // One is enough: the sealer takes all there is.
    private readonly Channel<bool> _set = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true }
    );

    public void Set() => _set.Writer.TryWrite(true);

    /// <summary>Waits until it is set, and takes it back.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken) => await _set.Reader.ReadAsync(cancellationToken);
}
