using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Usage;
using CodeLab.Testing.Databases;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Llm.Control;

public sealed class UsageDayTests
{
    private static readonly DateTimeOffset Day = new(2026, 3, 2, 0, 0, 0, TimeSpan.Zero);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task A_scripted_day_adds_up_to_the_cent_in_ledger_roll_ups_and_csv(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var fake = await LlmHost.FakeAsync();
        var clock = new FakeTimeProvider(Day);
        await using var llm = await LlmHost.StartAsync(
            services => services.AddSingleton<TimeProvider>(clock),
            new DirectoryInfo(database.DataDirectory),
            [.. Money.On(database), .. LlmHost.Settings("openai", fake)]
        );
        await llm.Sender.Send(new SetCurrenciesCommand(Money.Admin, new Dictionary<string, decimal> { ["EUR"] = 1.08m }), Cancelled);
        await SetAsync(
            llm,
            new PriceInfo
            {
                Model = "dear",
                Input = 3,
                Output = 15,
                CachedInput = 0.3m,
                CacheWrite = 3.75m,
                Reasoning = 20,
            }
        );
        await SetAsync(
            llm,
            new PriceInfo
            {
                Model = "euro",
                Currency = "EUR",
                Input = 0.0375m,
                Output = 0.15m,
            }
        );
        var script = new (int Hour, string User, string Model, CallUsage Usage, string Outcome, decimal? Cost)[]
        {
            // 800 at 3, 150 at 0.30, 50 at 3.75, 70 at 15, 30 at 20 dollars a million.
            (0, "ada", "dear", new(1000, 100, 150, 50, 30), "completed", 0.0024m + 0.000045m + 0.0001875m + 0.00105m + 0.0006m),
            (0, "ada", "euro", new(1000, 100), "completed", (0.0000375m + 0.000015m) * 1.08m),
            (9, "eve", "dear", new(123_457, 8_191), "completed", 0.370371m + 0.122865m),
            (9, "eve", "euro", new(3, 1), "PROVIDER_ERROR", (0.0000001125m + 0.00000015m) * 1.08m),
            (17, "ada", "unpriced", new(10, 10), "completed", null),
            (23, "eve", "dear", new(7, 0), "cancelled", 0.000021m),
        };

        foreach (var (hour, user, model, usage, outcome, _) in script)
        {
            clock.SetUtcNow(Day.AddHours(hour).AddMinutes(59).AddSeconds(59));
            var admission = (await llm.Gate().AdmitAsync(Money.Request(user, "openai/" + model), Cancelled)).Value!;
            await admission.SettleAsync(
                new CallOutcome
                {
                    Outcome = outcome,
                    Target = admission.Targets[0],
                    Usage = usage,
                    Attempts = 1,
                }
            );
        }
        // The next day is another one.
        clock.SetUtcNow(Day.AddDays(1));
        var late = (await llm.Gate().AdmitAsync(Money.Request("ada", "openai/dear"), Cancelled)).Value!;
        await late.SettleAsync(Money.Used(late, output: 1000));

        // Rounded once, to a billionth of a dollar, where a call ends.
        decimal Expected(Func<(int Hour, string User, string Model, CallUsage Usage, string Outcome, decimal? Cost), bool> which) =>
            script.Where(which).Sum(s => Math.Round(s.Cost ?? 0, 9, MidpointRounding.AwayFromZero));
        var ledger = (await llm.LedgerAsync()).Where(r => r.CreatedAt < Day.AddDays(1)).ToList();
        Assert.Equal(Expected(_ => true), ledger.Sum(r => r.CostNanos ?? 0) / 1_000_000_000m);
        var total = await UsageAsync(llm, null);
        Assert.Equal((Expected(_ => true), 6, 1, 1), (total.Total.Cost, total.Total.Calls, total.Total.Failed, total.Total.UnpricedCalls));
        Assert.Equal(
            (124_477 + 1000, 8_402, 150, 30),
            (total.Total.InputTokens, total.Total.OutputTokens, total.Total.CachedTokens, total.Total.ReasoningTokens)
        );
        foreach (var row in (await UsageAsync(llm, "user")).Rows)
            Assert.Equal(Expected(s => s.User == row.Key), row.Cost);
        foreach (var row in (await UsageAsync(llm, "model")).Rows)
            Assert.Equal(Expected(s => s.Model == row.Key), row.Cost);
        foreach (var row in (await UsageAsync(llm, null, "hour")).Rows)
            Assert.Equal(Expected(s => s.Hour == row.Start!.Value.Hour), row.Cost);
        var lines = (await CsvAsync(llm)).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(7, lines.Length);
        var cost = Array.IndexOf(lines[0].Split(','), "cost_usd");
        var sum = lines
            .Skip(1)
            .Select(l => l.Split(',')[cost])
            .Where(c => c.Length > 0)
            .Sum(c => decimal.Parse(c, CultureInfo.InvariantCulture));
        Assert.Equal(Expected(_ => true), sum);
    }

    private static async Task SetAsync(LlmHost llm, PriceInfo price) =>
        Assert.Null((await llm.Sender.Send(new SetPriceCommand(Money.Admin, price), Cancelled)).Error);

    private static async Task<UsageReport> UsageAsync(LlmHost llm, string? by, string? bucket = null)
    {
        var query = new GetUsageQuery
        {
            From = Day,
            To = Day.AddDays(1),
            By = by,
            Bucket = bucket,
        };
        return (await llm.Sender.Send(query, Cancelled)).Value!;
    }

    private static async Task<string> CsvAsync(LlmHost llm)
    {
        var pipe = new Pipe();
        var calls = llm.Sender.CreateStream(new StreamCallsQuery(Day, Day.AddDays(1)), Cancelled);
        await CallsCsv.WriteAsync(calls, pipe.Writer, Cancelled);
        await pipe.Writer.CompleteAsync();
        using var reader = new StreamReader(pipe.Reader.AsStream(), Encoding.UTF8);
        return await reader.ReadToEndAsync(Cancelled);
    }
}
