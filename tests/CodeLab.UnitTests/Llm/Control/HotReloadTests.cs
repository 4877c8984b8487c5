using System.Diagnostics;
using CodeLab.FakeLlm;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Chat;
using CodeLab.Modules.Llm.Routing;
using CodeLab.Testing.Databases;
using Xunit;

namespace CodeLab.UnitTests.Llm.Control;

public sealed class HotReloadTests(ITestOutputHelper output)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    // Without Redis the nodes find a change by looking; with it they are told.
    [Theory, InlineData(false), InlineData(true)]
    public async Task A_route_changed_under_load_is_followed_by_both_nodes_within_two_seconds_without_a_failed_call(bool withRedis)
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.PostgreSql);
        await using var old = await FakeAsync("old");
        await using var next = await FakeAsync("new");
        (string, string)[] settings = [];
        if (withRedis)
        {
            var redis = await RedisServer.Shared ?? throw new InvalidOperationException("$XunitDynamicSkip$No Redis on this machine");
            settings = [("ConnectionStrings:Redis", redis.ConnectionString), ("CodeLab:Cluster:Name", "t" + Guid.NewGuid().ToString("N"))];
        }
        var kek = ("CodeLab:KeyEncryptionKey", Convert.ToBase64String(new byte[32]));
        await using var first = await Money.HostAsync(database, [.. settings, kek]);
        await using var second = await Money.HostAsync(database, [.. settings, kek]);
        await Money.ProviderAsync(first, "old", old);
        var route = await Money.RouteAsync(first, "smart", Route.Ordered, ("old/m", 1));
        await WaitForAsync(second, "old");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        var answers = new List<(int Node, long At, string Text)>();
        var load = Task.WhenAll(Enumerable.Range(0, 8).Select(i => LoadAsync(i % 2 == 0 ? first : second, i % 2)));

        await Money.ProviderAsync(first, "new", next);
        var changed = Stopwatch.GetTimestamp();
        await first.Sender.Send(
            new SaveRouteCommand(Money.Admin, route.Id, new RouteDraft { Targets = [new RouteTargetInfo { Model = "new/m" }] }),
            Cancelled
        );
        await WaitForAsync(first, "new");
        await WaitForAsync(second, "new");
        await Task.Delay(TimeSpan.FromMilliseconds(300), Cancelled);
        await stop.CancelAsync();
        await load;

        var lastOld = answers.Where(a => a.Text == "old").Max(a => a.At);
        var took = Stopwatch.GetElapsedTime(changed, lastOld);
        output.WriteLine($"{answers.Count} calls, none failed; the last old answer {took.TotalMilliseconds:F0} ms after the change");
        Assert.All(answers, a => Assert.True(a.Text is "old" or "new", a.Text));
        Assert.InRange(took.TotalSeconds, -60, 2);
        Assert.Contains(answers, a => a is { Node: 0, Text: "new" });
        Assert.Contains(answers, a => a is { Node: 1, Text: "new" });

        async Task LoadAsync(LlmHost llm, int node)
        {
            while (!stop.IsCancellationRequested)
            {
                var began = Stopwatch.GetTimestamp();
                var updates = await llm.AskAsync("Hi", model: "smart");
                var text = updates[^1] is ChatUpdate.Failed failed ? failed.Code + failed.Message : LlmHost.TextOf(updates);
                lock (answers)
                    answers.Add((node, began, text));
            }
        }
    }

    private static async Task<FakeLlmServer> FakeAsync(string text)
    {
        var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text(text));
        return fake;
    }

    private static async Task WaitForAsync(LlmHost llm, string text)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (LlmHost.TextOf(await llm.AskAsync("Hi", model: "smart")) != text)
            limit.Token.ThrowIfCancellationRequested();
    }
}
