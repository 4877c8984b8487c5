namespace CodeLab.Modules.Gateway.Limits;

/// <summary>
/// How many live connections each user has, counted before they open: a slot is taken or refused in one step, so a hundred upgrades in the
/// same moment get no more than one after the other would. A negotiation of the hub only promises a slot, which its connection claims.
/// </summary>
internal sealed class ConnectionSlots(TimeProvider time)
{
    // A negotiation nobody follows up is forgotten after this; the hub gives a handshake 10 s.
    private static readonly TimeSpan _promise = TimeSpan.FromSeconds(15);

    private readonly Dictionary<string, Holder> _holders = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    /// <summary>Takes a slot until it is disposed; null when the user has as many as allowed.</summary>
    public Slot? Take(string user, int most)
    {
        lock (_lock)
        {
            var holder = Of(user);
            if (holder.Open + holder.Promises.Count >= most)
                return null;
            holder.Open++;
            return new(this, user);
        }
    }

    /// <summary>Keeps a slot free for a connection that has been negotiated; false when the user has as many as allowed.</summary>
    public bool Promise(string user, int most)
    {
        lock (_lock)
        {
            var holder = Of(user);
            if (holder.Open + holder.Promises.Count >= most)
                return false;
            holder.Promises.Enqueue(time.GetTimestamp());
            return true;
        }
    }

    /// <summary>Takes the slot that a negotiation promised, or a free one if it took too long; null when there is none.</summary>
    public Slot? Claim(string user, int most)
    {
        lock (_lock)
        {
            if (!Of(user).Promises.TryDequeue(out _))
                return Take(user, most);
            Of(user).Open++;
            return new(this, user);
        }
    }

    private void GiveBack(string user)
    {
        lock (_lock)
        {
            var holder = Of(user);
            if (--holder.Open == 0 && holder.Promises.Count == 0)
                _holders.Remove(user);
        }
    }

    private Holder Of(string user)
    {
        if (!_holders.TryGetValue(user, out var holder))
            return _holders[user] = new();
        while (holder.Promises.TryPeek(out var since) && time.GetElapsedTime(since) >= _promise)
            holder.Promises.Dequeue();
        return holder;
    }

    /// <summary>A slot of a user.</summary>
    internal sealed class Slot(ConnectionSlots slots, string user) : IDisposable
    {
        private int _given;

        /// <summary>Gives it back; once.</summary>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref _given, 1) == 0)
                slots.GiveBack(user);
        }
    }

    private sealed class Holder
    {
        public int Open { get; set; }

        public Queue<long> Promises { get; } = new();
    }
}
