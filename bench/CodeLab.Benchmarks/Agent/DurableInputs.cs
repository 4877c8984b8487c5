using System.Diagnostics;
using System.Globalization;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Agent.Persistence;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace CodeLab.Benchmarks.Agent;

/// <summary>
/// How many inputs a second are acknowledged after they are durable on SQLite with synchronous=FULL, by sessions that each wait for the
/// acknowledgement before the next input; beside it the bare limit, a loop of minimal transactions on the same disk in the same run.
/// </summary>
internal static class DurableInputs
{
    private static readonly TimeSpan Warmup = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Measured = TimeSpan.FromSeconds(5);
    private static readonly byte[] Payload = Encoding.UTF8.GetBytes("{\"text\":\"" + new string('x', 400) + "\"}");

    public static async Task RunAsync(string? directory)
    {
        var folder = directory is null ? Directory.CreateTempSubdirectory("codelab-bench-").FullName : Path.GetFullPath(directory);
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(Options.Create(new DatabaseOptions { DataDirectory = folder }));
        builder.Services.AddSingleton<Database>();
        builder.AddAgentStore();
        var host = builder.Build();
        await using (var scope = host.Services.CreateAsyncScope())
            await scope.ServiceProvider.GetRequiredService<AgentDbContext>().Database.MigrateAsync();
        var store = host.Services.GetRequiredService<ISessionStore>();

        var limit = await BareLimitAsync(folder);
        Print("sessions", "inputs/s", "x bare", "p50 ms", "p99 ms", "max ms", "CPU us");
        Print("bare", Number(limit), "1.00", "", "", "", "");
        foreach (var sessions in new[] { 1, 16, 200 })
        {
            await MeasureAsync(store, sessions, Warmup);
            var before = Environment.CpuUsage.TotalTime;
            var (rate, waits) = await MeasureAsync(store, sessions, Measured);
            var cpu = Environment.CpuUsage.TotalTime - before;
            Array.Sort(waits);
            Print(
                sessions.ToString(CultureInfo.InvariantCulture),
                Number(rate),
                (rate / limit).ToString("F2", CultureInfo.InvariantCulture),
                Milliseconds(waits, 0.5),
                Milliseconds(waits, 0.99),
                Milliseconds(waits, 1),
                Number(cpu.TotalMicroseconds / waits.Length)
            );
        }
        await ((IAsyncDisposable)host).DisposeAsync();
        if (directory is null)
        {
            SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(double Rate, double[] Waits)> MeasureAsync(ISessionStore store, int sessions, TimeSpan duration)
    {
        var clock = Stopwatch.StartNew();
        var all = await Task.WhenAll(Enumerable.Range(0, sessions).Select(_ => Task.Run(() => RunSessionAsync(store, clock, duration))));
        var waits = all.SelectMany(w => w).ToArray();
        return (waits.Length / clock.Elapsed.TotalSeconds, waits);
    }

    private static async Task<List<double>> RunSessionAsync(ISessionStore store, Stopwatch clock, TimeSpan duration)
    {
        var id = Guid.NewGuid().ToString("N");
        var epoch = (await store.AcquireLeaseAsync(id, "bench", TimeSpan.FromMinutes(5), CancellationToken.None))!.Epoch;
        var waits = new List<double>();
        for (long seq = 1; clock.Elapsed < duration; seq++)
        {
            var now = TimeProvider.System.GetUtcNow();
            var request = new AppendRequest
            {
                SessionId = id,
                Epoch = epoch,
                FirstSeq = seq,
                Events = [new(seq, "user_message.v1", Payload, now)],
                InputId = Guid.NewGuid().ToString("N"),
                Session = new()
                {
                    Id = id,
                    Owner = "bench",
                    Agent = "coder",
                    Status = "active",
                    LastSeq = seq,
                    CreatedAt = now,
                    UpdatedAt = now,
                    LastActivity = now,
                },
            };
            var begun = Stopwatch.GetTimestamp();
            if (await store.AppendAsync(request, CancellationToken.None) is not AppendResult.Committed)
                throw new InvalidOperationException("An append was refused");
            waits.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }
        return waits;
    }

    // What a design with a transaction an input cannot exceed, however many sessions there are.
    private static async Task<double> BareLimitAsync(string folder)
    {
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(folder, "bare.db")};Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText =
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, x BLOB)";
        await command.ExecuteNonQueryAsync();
        command.CommandText = "INSERT INTO t (x) VALUES (1)";
        var count = 0;
        var clock = Stopwatch.StartNew();
        for (; clock.Elapsed < Measured; count++)
            await command.ExecuteNonQueryAsync();
        return count / clock.Elapsed.TotalSeconds;
    }

    private static string Milliseconds(double[] sorted, double part) =>
        sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * part))].ToString("F1", CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static void Print(params string[] cells) => Console.WriteLine(string.Concat(cells.Select(c => c.PadLeft(12))));
}
