using System.Diagnostics;
using System.Globalization;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Usage;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Benchmarks.Llm;

/// <summary>
/// What stands around a call: the ledger alone (rows a second on SQLite with synchronous=FULL, each caller waiting until its row is durable,
/// roll-ups included), and the whole gate (rights, limits, budgets, route, settling) with its processor time a call.
/// </summary>
internal static class LedgerSpeed
{
    private const int Users = 100;
    private static readonly TimeSpan Warmup = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Measured = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(string? directory)
    {
        Print("what", "callers", "calls/s", "CPU us/call", "p50 ms", "p99 ms", "KiB/call");
        await using var host = await ControlHost.StartAsync(directory);
        var ledger = host.Services.GetRequiredService<UsageLedger>();
        foreach (var callers in new[] { 1, 50, 500 })
            await MeasureAsync("ledger", callers, i => ledger.RecordAsync(Entry(i)));
        var gate = host.Services.GetRequiredService<ICallGate>();
        foreach (var callers in new[] { 1, 50, 500 })
            await MeasureAsync("gate, no budget", callers, i => CallAsync(gate, i));
        var sender = host.Services.GetRequiredService<ISender>();
        foreach (var (scope, subject) in new[] { ("everyone", ""), ("user", "*") })
        {
            var draft = new BudgetDraft
            {
                Scope = scope,
                Subject = subject,
                Period = "month",
                Amount = 1_000_000,
            };
            await sender.Send(new SaveBudgetCommand(new AdminActor("bench"), null, draft));
        }
        var price = new PriceInfo
        {
            Model = "codelab-demo",
            Input = 1,
            Output = 4,
        };
        await sender.Send(new SetPriceCommand(new AdminActor("bench"), price));
        foreach (var callers in new[] { 1, 50, 500 })
            await MeasureAsync("gate, 2 budgets", callers, i => CallAsync(gate, i));
    }

    private static async Task CallAsync(ICallGate gate, int number)
    {
        var request = new CallRequest
        {
            Caller = new CallCaller("user" + (number % Users).ToString(CultureInfo.InvariantCulture)),
            Dialect = CallDialect.OpenAiChat,
            Model = "codelab-demo",
            EstimatedInputTokens = 200,
            MaxOutputTokens = 100,
            StartedAt = Stopwatch.GetTimestamp(),
        };
        var admitted = await gate.AdmitAsync(request, CancellationToken.None);
        if (admitted.Error is { } error)
            throw new InvalidOperationException(error.Message);
        await admitted.Value!.SettleAsync(
            new CallOutcome
            {
                Outcome = CallOutcome.Completed,
                Target = admitted.Value.Targets[0],
                Usage = new CallUsage(200, 100),
                Attempts = 1,
                FirstToken = TimeSpan.FromMilliseconds(1),
                Overhead = TimeSpan.FromMicroseconds(50),
            }
        );
    }

    private static UsageEntry Entry(int number)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new UsageEntry
        {
            Id = Guid.CreateVersion7(now),
            CreatedAt = now,
            UserId = "user" + (number % Users).ToString(CultureInfo.InvariantCulture),
            TeamId = "team" + (number % 7).ToString(CultureInfo.InvariantCulture),
            KeyId = "0196b1f0-0000-7000-8000-000000000000",
            SessionId = Guid.NewGuid().ToString(),
            Agent = "coder",
            Provider = "openai",
            Model = "gpt-4o",
            Alias = "smart",
            Door = "openai",
            InputTokens = 1000,
            OutputTokens = 200,
            CostNanos = 4_500_000,
            DurationMs = 900,
            FirstTokenMs = 300,
            OverheadUs = 80,
            Attempts = 1,
            Outcome = "completed",
        };
    }

    private static async Task MeasureAsync(string what, int callers, Func<int, Task> call)
    {
        await RunCallersAsync(callers, Warmup, call);
        GC.Collect();
        var cpu = Environment.CpuUsage.TotalTime;
        var allocated = GC.GetTotalAllocatedBytes();
        var (rate, waits) = await RunCallersAsync(callers, Measured, call);
        cpu = Environment.CpuUsage.TotalTime - cpu;
        allocated = GC.GetTotalAllocatedBytes() - allocated;
        Array.Sort(waits);
        Print(
            what,
            callers.ToString(CultureInfo.InvariantCulture),
            rate.ToString("N0", CultureInfo.InvariantCulture),
            (cpu.TotalMicroseconds / waits.Length).ToString("F1", CultureInfo.InvariantCulture),
            waits[waits.Length / 2].ToString("F2", CultureInfo.InvariantCulture),
            waits[(int)(waits.Length * 0.99)].ToString("F2", CultureInfo.InvariantCulture),
            (allocated / 1024.0 / waits.Length).ToString("F2", CultureInfo.InvariantCulture)
        );
    }

    private static async Task<(double Rate, double[] Waits)> RunCallersAsync(int callers, TimeSpan duration, Func<int, Task> call)
    {
        var clock = Stopwatch.StartNew();
        var all = await Task.WhenAll(Enumerable.Range(0, callers).Select(c => Task.Run(() => RunCallerAsync(c, clock, duration, call))));
        var waits = all.SelectMany(w => w).ToArray();
        return (waits.Length / clock.Elapsed.TotalSeconds, waits);
    }

    private static async Task<List<double>> RunCallerAsync(int caller, Stopwatch clock, TimeSpan duration, Func<int, Task> call)
    {
        var waits = new List<double>();
        for (var i = caller; clock.Elapsed < duration; i++)
        {
            var begun = Stopwatch.GetTimestamp();
            await call(i);
            waits.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }
        return waits;
    }

    private static void Print(params string[] cells) =>
        Console.WriteLine(string.Concat(cells.Select((c, i) => i == 0 ? c.PadRight(18) : c.PadLeft(13))));
}
