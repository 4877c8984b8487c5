using System.Diagnostics;
using CodeLab.Protocol;
using CodeLab.Testing.Databases;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Turns;

/// <summary>Two hosts on one PostgreSQL: what one was doing when it died, the other finishes (security.md G10, §11.8).</summary>
public sealed class TakeOverTests(ITestOutputHelper output)
{
    private static readonly bool _full = Environment.GetEnvironmentVariable("CODELAB_TESTS_FULL") == "1";

    [Fact]
    public async Task A_dead_nodes_turns_are_finished_by_another_within_twenty_seconds()
    {
        // The full run keeps the lease of the default settings; 5 s show the same in a third of the time.
        var lease = _full ? "15" : "5";
        await using var one = await TurnServer.StartAsync(DatabaseKind.PostgreSql, settings: ("CodeLab__Agent__LeaseSeconds", lease));
        await using var two = await one.StartSecondAsync(("CodeLab__Agent__LeaseSeconds", lease));
        one.Fake.Script("poem", s => s.Text("Roses are red, violets are blue").DeltaSize(5).Hold("poem", after: 2));
        await using var ada = await Developer.SitDownAsync(one.Host, watchOnly: true);
        await ada.SayAsync("A poem [[script:poem]]", "poem-1");
        await one.Fake.WaitForGateAsync("poem", cancellationToken: TestContext.Current.CancellationToken);

        var clock = Stopwatch.StartNew();
        await one.Host.KillAsync();
        one.Fake.Release("poem");
        using var rest = await two.SignInAsync(cancellationToken: TestContext.Current.CancellationToken);
        var history = await HistoryAsync();
        while (history.Messages[^1].Role != "assistant" && clock.Elapsed < TimeSpan.FromSeconds(60))
        {
            await Task.Delay(200, TestContext.Current.CancellationToken);
            history = await HistoryAsync();
        }
        var took = clock.Elapsed;

        output.WriteLine($"lease {lease} s: taken over and finished after {took.TotalSeconds:F1} s");
        Assert.InRange(took.TotalSeconds, 0, 20);
        Assert.Equal(["poem-1"], history.Messages.Where(m => m.Role == "user").Select(m => m.Id));
        Assert.Equal("Roses are red, violets are blue", history.Messages[^1].Content);
        // The model was asked twice: before the kill, and once more after it (§11.6).
        Assert.Equal(2, one.Fake.ChatRequests.Count(r => !r.IsRouting));

        Task<Protocol.Rest.SessionHistory> HistoryAsync() =>
            rest.GetAsync(
                $"/api/v1/sessions/{ada.SessionId}/history",
                ProtocolJson.Default.SessionHistory,
                TestContext.Current.CancellationToken
            );
    }
}
