namespace CodeLab.Modules.Llm.Budgets;

/// <summary>Names one budget of one subject in one period.</summary>
internal readonly record struct PoolKey(string BudgetId, string Subject, long PeriodStart);

/// <summary>
/// This node's share of a budget: what the database granted it (a hold), and what of that is reserved by calls under way. A call is admitted
/// from the share without a word to the database; the share grows by a conditional update there, which is the truth for all nodes.
/// </summary>
internal sealed class BudgetPool(PoolKey key)
{
    private readonly Lock _lock = new();
    private long _granted;
    private long _busy;
    private long _limit = -1;
    private bool _isTight;
    private volatile Exhaustion? _exhausted;

    public PoolKey Key => key;

    /// <summary>One growth at a time: what the others of this node need is asked for together.</summary>
    public SemaphoreSlim Growing { get; } = new(1);

    /// <summary>Callers who wait for a growth.</summary>
    public int Waiting;

    /// <summary>The database's last refusal; null when money came back since.</summary>
    public Exhaustion? Exhausted
    {
        get => _exhausted;
        set => _exhausted = value;
    }

    /// <summary>Granted and reserved by nobody.</summary>
    public long Idle
    {
        get
        {
            lock (_lock)
                return Math.Max(0, _granted - _busy);
        }
    }

    public bool IsUnused
    {
        get
        {
            lock (_lock)
                return _busy == 0 && Waiting == 0;
        }
    }

    /// <summary>
    /// True when idle money should go back to the database: nobody here uses the budget, or so little is left of it that another node may be
    /// waiting for it.
    /// </summary>
    public bool ShouldGiveBack
    {
        get
        {
            lock (_lock)
                return Waiting == 0 && (_busy == 0 || _isTight);
        }
    }

    /// <summary>Reserves from the share; never when the budget was changed since the share was granted.</summary>
    public bool TryReserve(long amount, long limit)
    {
        lock (_lock)
        {
            if (_limit != limit || _granted - _busy < amount)
                return false;
            _busy += amount;
            return true;
        }
    }

    /// <summary>Ends a reservation of a call that was not made.</summary>
    public void Unreserve(long amount)
    {
        lock (_lock)
            _busy -= amount;
    }

    /// <summary>Notes the amount of the budget; true when it changed, so that what was granted of the old one has to go back.</summary>
    public bool ChangeLimit(long limit)
    {
        lock (_lock)
        {
            var changed = _limit != limit && _limit != -1;
            _limit = limit;
            return changed;
        }
    }

    /// <summary>The database granted more.</summary>
    public void Grow(long amount, bool tight)
    {
        lock (_lock)
        {
            _granted += amount;
            _isTight = tight;
            _exhausted = null;
        }
    }

    /// <summary>
    /// Ends a reservation. The answer is by how much the hold shrinks in the database, where <paramref name="cost"/> is added to what is
    /// spent in the same transaction.
    /// </summary>
    public long Settle(long reserved, long cost)
    {
        lock (_lock)
        {
            _busy -= reserved;
            // A call that cost more than was reserved takes from the share of the others; what even that does not cover is spent without a hold.
            var drawn = Math.Min(cost, _granted);
            _granted -= drawn;
            _exhausted = null;
            return drawn;
        }
    }

    /// <summary>Takes idle money out of the share, to be given back.</summary>
    public long TakeIdle()
    {
        lock (_lock)
        {
            var idle = Math.Max(0, _granted - _busy);
            _granted -= idle;
            return idle;
        }
    }

    /// <summary>The database holds nothing for this node any more (it was taken for dead): the share is gone, calls under way go on.</summary>
    public void Forfeit()
    {
        lock (_lock)
            _granted = 0;
    }
}

/// <summary>A refusal by the database.</summary>
/// <param name="At">Timestamp.</param>
/// <param name="Free">Nanos that were free.</param>
internal sealed record Exhaustion(long At, long Free);
