using System.Runtime.CompilerServices;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Llm.Persistence;
using CodeLab.Modules.Llm.Providers;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>Why a host outside is called.</summary>
internal static class EgressReasons
{
    public const string Call = "call";
    public const string Models = "models";
    public const string Test = "test";

    public static readonly string[] All = [Call, Models, Test];
}

/// <summary>
/// Remembers every host this installation calls, when and why: the page an administrator checks before trusting it with a network. Counted in
/// memory and written every few seconds.
/// </summary>
internal sealed partial class EgressBook(Database database, TimeProvider time, ILogger<EgressBook> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);
    private readonly Lock _lock = new();
    private readonly ConditionalWeakTable<ProviderSettings, Counter[]> _counters = [];
    private readonly List<Counter> _all = [];

    /// <summary>Counts a call to a provider.</summary>
    public void Note(ProviderSettings provider, string reason)
    {
        if (provider.BaseUrl is null)
            return;
        if (!_counters.TryGetValue(provider, out var counters))
            counters = _counters.GetValue(provider, Make);
        counters[Array.IndexOf(EgressReasons.All, reason)].Add(time.Milliseconds());
    }

    /// <summary>Writes what was counted since the last time.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        List<Counter> counters;
        lock (_lock)
            counters = [.. _all];
        var due = counters.Select(c => (Counter: c, Taken: c.Take())).Where(c => c.Taken.Calls > 0).ToList();
        if (due.Count == 0)
            return;
        try
        {
            await database.TransactAsync(
                async (connection, transaction) =>
                {
                    foreach (var (counter, (calls, last)) in due.OrderBy(d => d.Counter.Host, StringComparer.Ordinal))
                    {
                        await connection.ExecuteAsync(
                            "INSERT INTO llm_egress (host, reason, provider, calls, first_call_at, last_call_at) VALUES (@h, @r, @p, @c, @l, @l) "
                                + "ON CONFLICT (host, reason) DO UPDATE SET provider = excluded.provider, calls = llm_egress.calls + excluded.calls, "
                                + "last_call_at = CASE WHEN excluded.last_call_at > llm_egress.last_call_at THEN excluded.last_call_at ELSE llm_egress.last_call_at END",
                            transaction,
                            ("@h", counter.Host),
                            ("@r", counter.Reason),
                            ("@p", counter.Provider),
                            ("@c", calls),
                            ("@l", last)
                        );
                    }
                    return true;
                },
                cancellationToken
            );
        }
        catch
        {
            foreach (var (counter, (calls, last)) in due)
                counter.Return(calls, last);
            throw;
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await TryFlushAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await TryFlushAsync(stoppingToken);
    }

    private async Task TryFlushAsync(CancellationToken cancellationToken)
    {
        try
        {
            await FlushAsync(cancellationToken);
        }
        catch (Exception e) when (e is System.Data.Common.DbException or DatabaseBusyException)
        {
            // Counted on, and written when the database is back.
            NotWritten(e.GetType().Name);
        }
    }

    private Counter[] Make(ProviderSettings provider)
    {
        var made = EgressReasons.All.Select(reason => new Counter(provider.BaseUrl!.Authority, reason, provider.Name)).ToArray();
        lock (_lock)
        {
            // Counters of providers that are gone have been written by now.
            _all.RemoveAll(c => c.Provider == provider.Name && c.IsEmpty);
            _all.AddRange(made);
        }
        return made;
    }

    private sealed class Counter(string host, string reason, string provider)
    {
        private long _calls;
        private long _last;

        public string Host => host;

        public string Reason => reason;

        public string Provider => provider;

        public bool IsEmpty => Interlocked.Read(ref _calls) == 0;

        public void Add(long at)
        {
            Interlocked.Increment(ref _calls);
            Interlocked.Exchange(ref _last, at);
        }

        public (long Calls, long Last) Take() => (Interlocked.Exchange(ref _calls, 0), Interlocked.Read(ref _last));

        public void Return(long calls, long last)
        {
            Interlocked.Add(ref _calls, calls);
            Interlocked.CompareExchange(ref _last, last, 0);
        }
    }

    [LoggerMessage(4026, LogLevel.Warning, "Outbound hosts could not be noted ({Failure})")]
    private partial void NotWritten(string failure);
}
