using System.Collections.Concurrent;
using System.Globalization;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Providers.Http;

namespace CodeLab.Modules.Llm.Budgets;

/// <summary>A reservation in one budget.</summary>
internal readonly record struct Reserved(BudgetPool Pool, long Amount);

/// <summary>What a settled call does to a budget's row.</summary>
/// <param name="Key">Which.</param>
/// <param name="Spent">Added to what is spent.</param>
/// <param name="Released">Taken from what this node holds.</param>
internal readonly record struct BudgetPosting(PoolKey Key, long Spent, long Released);

/// <summary>Reserves before calls and settles after them (security.md §9.4), in all budgets of a call or in none.</summary>
internal sealed class Reservations(BudgetStore store, TimeProvider time)
{
    private const int MostPools = 100_000;
    private static readonly TimeSpan ExhaustedFor = TimeSpan.FromMilliseconds(250);
    private readonly ConcurrentDictionary<PoolKey, BudgetPool> _pools = new();

    /// <summary>Id of this node in holds and open calls.</summary>
    public string NodeId { get; } = Guid.NewGuid().ToString();

    public IEnumerable<BudgetPool> Pools => _pools.Values;

    /// <summary>Reserves an amount in every budget; an error when one of them has not that much.</summary>
    /// <exception cref="DatabaseBusyException">The database does not answer: the call must not be made.</exception>
    public async ValueTask<Result<Reserved[]>> ReserveAsync(List<BudgetCharge> charges, long amount, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var reserved = new Reserved[charges.Count];
        for (var i = 0; i < charges.Count; i++)
        {
            var (limit, subject) = charges[i];
            var pool = PoolOf(new PoolKey(limit.Id, subject, limit.Period.StartOf(now)));
            var taken = false;
            try
            {
                taken = pool.TryReserve(amount, limit.Amount) || await GrowAsync(pool, limit.Amount, amount, cancellationToken);
            }
            finally
            {
                if (!taken)
                    Undo(reserved.AsSpan(0, i));
            }
            if (!taken)
                return BudgetErrors.Exceeded(limit, now);
            reserved[i] = new Reserved(pool, amount);
        }
        return reserved;
    }

    /// <summary>Ends reservations of a call that was not made: the money stays in the shares of this node.</summary>
    public static void Undo(ReadOnlySpan<Reserved> reserved)
    {
        foreach (var (pool, amount) in reserved)
            pool.Unreserve(amount);
    }

    /// <summary>Ends the reservations of a call with what it cost; the postings go into the ledger's transaction.</summary>
    public static BudgetPosting[] Settle(Reserved[] reserved, long cost)
    {
        if (reserved.Length == 0)
            return [];
        var postings = new BudgetPosting[reserved.Length];
        for (var i = 0; i < reserved.Length; i++)
            postings[i] = new BudgetPosting(reserved[i].Pool.Key, cost, reserved[i].Pool.Settle(reserved[i].Amount, cost));
        return postings;
    }

    /// <summary>Gives back what no call needs, and forgets pools of periods that are over.</summary>
    public async Task TrimAsync(bool giveBack, CancellationToken cancellationToken)
    {
        var idle = new List<(PoolKey, long)>();
        var taken = new List<(BudgetPool Pool, long Amount)>();
        var old = time.GetUtcNow().AddDays(-32).ToUnixTimeMilliseconds();
        foreach (var pool in _pools.Values)
        {
            var isOver = pool.Key.PeriodStart > 0 && pool.Key.PeriodStart < old;
            if (!(giveBack && pool.ShouldGiveBack) && !(isOver && pool.IsUnused))
                continue;
            if (pool.TakeIdle() is > 0 and var amount)
            {
                idle.Add((pool.Key, amount));
                taken.Add((pool, amount));
            }
            if (isOver && pool.IsUnused)
                _pools.TryRemove(pool.Key, out _);
        }
        if (idle.Count == 0)
            return;
        try
        {
            await store.GiveBackAsync(idle, NodeId, cancellationToken);
        }
        catch
        {
            foreach (var (pool, amount) in taken)
                pool.Grow(amount, tight: true);
            throw;
        }
    }

    private BudgetPool PoolOf(PoolKey key)
    {
        if (_pools.TryGetValue(key, out var pool))
            return pool;
        // Session ids come from clients: pools that nobody uses make room.
        if (_pools.Count > MostPools)
        {
            foreach (var unused in _pools.Values.Where(p => p.IsUnused && p.Idle == 0))
                _pools.TryRemove(unused.Key, out _);
        }
        return _pools.GetOrAdd(key, static k => new BudgetPool(k));
    }

    private async Task<bool> GrowAsync(BudgetPool pool, long limit, long amount, CancellationToken cancellationToken)
    {
        if (IsKnownToBeExhausted(pool, amount))
            return false;
        Interlocked.Add(ref pool.Waiting, 1);
        await pool.Growing.WaitAsync(cancellationToken);
        try
        {
            // While we waited, the one before us may have asked for all, or learned that there is nothing.
            if (pool.TryReserve(amount, limit))
                return true;
            if (pool.ChangeLimit(limit) && pool.TakeIdle() is > 0 and var old)
                await store.GiveBackAsync([(pool.Key, old)], NodeId, cancellationToken);
            if (IsKnownToBeExhausted(pool, amount))
                return false;
            var wanted = amount * Math.Max(1, pool.Waiting);
            var grant = await store.GrowAsync(pool.Key, limit, amount, Math.Max(amount, wanted), NodeId, cancellationToken);
            if (grant.Amount > 0)
                pool.Grow(grant.Amount, grant.IsTight);
            if (pool.TryReserve(amount, limit))
                return true;
            pool.Exhausted = new(time.GetTimestamp(), grant.Free);
            return false;
        }
        finally
        {
            Interlocked.Add(ref pool.Waiting, -1);
            pool.Growing.Release();
        }
    }

    // A crowd of callers over their budget must not ask the database each.
    private bool IsKnownToBeExhausted(BudgetPool pool, long amount) =>
        pool.Exhausted is { } last && last.Free < amount && time.GetElapsedTime(last.At) < ExhaustedFor;
}

internal static class BudgetErrors
{
    public static Error Exceeded(BudgetLimit limit, DateTimeOffset now)
    {
        var whose = limit.Scope switch
        {
            BudgetScopes.Everyone => "The budget of this installation",
            BudgetScopes.Team => "The budget of your team",
            BudgetScopes.Key => "The budget of this key",
            BudgetScopes.Session => "The budget of this session",
            _ => "Your budget",
        };
        var what = limit.Period.EndOf(now) is { } end
            ? string.Create(CultureInfo.InvariantCulture, $"it is renewed on {end:yyyy-MM-dd} (UTC); until then")
            : "so";
        return new Error(
            FailureCodes.InsufficientQuota,
            $"{whose} does not cover this request: {what} ask for fewer output tokens (max_tokens), choose a cheaper model, or ask an administrator for more.",
            402
        );
    }

    public static Error Unpriced(string model) =>
        new(
            FailureCodes.InsufficientQuota,
            $"The model '{model}' has no price, so that a budget can not cover it. An administrator has to add one: PUT /api/v1/admin/prices/{model}.",
            402
        );
}
