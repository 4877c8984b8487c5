using System.Diagnostics;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Runtime;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace CodeLab.Benchmarks.Agent;

/// <summary>
/// How long a session of 10,000 events takes to open from SQLite: snapshot, tail and fold. Beside it the same without a snapshot, which is
/// what reading the whole log costs.
/// </summary>
internal static class SessionOpen
{
    private const int _events = 10_000;
    private const int _rounds = 20;

    public static async Task RunAsync()
    {
        var folder = Directory.CreateTempSubdirectory("codelab-bench-").FullName;
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(Options.Create(new DatabaseOptions { DataDirectory = folder }));
        builder.Services.AddSingleton<Database>();
        builder.AddAgentStore();
        var host = builder.Build();
        await using (var scope = host.Services.CreateAsyncScope())
            await scope.ServiceProvider.GetRequiredService<AgentDbContext>().Database.MigrateAsync();
        var store = host.Services.GetRequiredService<ISessionStore>();

        await FillAsync(store, "with", snapshots: true);
        await FillAsync(store, "without", snapshots: false);
        var whole = await OpenAsync(store, "without");
        var open = await OpenAsync(store, "with");
        Console.WriteLine($"session of {_events:N0} events: opens in {open[0]:N1} ms best, {open[_rounds / 2]:N1} ms median   (goal 50)");
        Console.WriteLine(
            $"whole log read and folded:   {whole[0]:N1} ms best, {whole[_rounds / 2]:N1} ms median   ratio {open[0] / whole[0]:N2}"
        );

        await ((IAsyncDisposable)host).DisposeAsync();
        SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    private static async Task FillAsync(ISessionStore store, string id, bool snapshots)
    {
        var epoch = (await store.AcquireLeaseAsync(id, "bench", TimeSpan.FromMinutes(5), CancellationToken.None))!.Epoch;
        var (events, _) = EngineSpeed.Play(_events / 17 + 1);
        var state = new SessionState { Id = id };
        var snapshotSeq = 0L;
        for (var i = 0; i < _events; )
        {
            var at = events[i].At;
            var firstSeq = state.LastSeq + 1;
            var batch = events.Skip(i).TakeWhile(e => e.At == at).Select(e => e.Event).ToList();
            foreach (var happened in batch)
                state.Apply(happened, at);
            i += batch.Count;
            var snapshot = snapshots ? Snapshots.IfDue(state, snapshotSeq) : null;
            snapshotSeq = snapshot?.Seq ?? snapshotSeq;
            await store.AppendAsync(
                new()
                {
                    SessionId = id,
                    Epoch = epoch,
                    FirstSeq = firstSeq,
                    Events = LogRows.Events(batch, firstSeq, at),
                    Session = state.ToRow(),
                    Snapshot = snapshot,
                },
                CancellationToken.None
            );
        }
    }

    private static async Task<double[]> OpenAsync(ISessionStore store, string id)
    {
        var times = new double[_rounds];
        for (var i = 0; i < _rounds; i++)
        {
            var started = Stopwatch.GetTimestamp();
            var state = Snapshots.Fold((await store.LoadAsync(id, CancellationToken.None))!);
            times[i] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            if (state.LastSeq < _events)
                throw new InvalidOperationException("The session lost events");
        }
        Array.Sort(times);
        return times;
    }
}
