using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Limits;
using CodeLab.Testing.Databases;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace CodeLab.UnitTests.BuildingBlocks;

/// <summary>Limits and messages over a real Redis, and without one.</summary>
public sealed class RedisTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private readonly string _name = "test-" + Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);

    public void Dispose() => _services.Dispose();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_nodes_share_one_window()
    {
        await using var first = await ConnectAsync();
        await using var second = await ConnectAsync();
        var (here, there) = (Counter(first), Counter(second));

        var decisions = await Task.WhenAll(
            Enumerable.Range(0, 40).Select(i => (i % 2 == 0 ? here : there).TakeAsync("k", 5, TimeSpan.FromMinutes(1), Stop).AsTask())
        );

        Assert.Equal(5, decisions.Count(d => d.Allowed));
        var refused = decisions.First(d => !d.Allowed);
        Assert.InRange(refused.RetryAfter, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        Assert.False((await here.PeekAsync("k", 5, TimeSpan.FromMinutes(1), Stop)).Allowed);
    }

    [Fact]
    public async Task A_window_ends()
    {
        await using var link = await ConnectAsync();
        var counter = Counter(link);
        var window = TimeSpan.FromMilliseconds(150);
        Assert.True((await counter.TakeAsync("k", 1, window, Stop)).Allowed);

        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var limit = new CancellationTokenSource(_patience);
        while (!(await counter.PeekAsync("k", 1, window, Stop)).Allowed)
            await timer.WaitForNextTickAsync(limit.Token);
    }

    [Fact]
    public async Task Without_an_answering_redis_a_node_counts_by_itself()
    {
        // A port nobody listens on.
        var port = PostgresServer.FreePort().ToString(CultureInfo.InvariantCulture);
        await using var link = Link("127.0.0.1:" + port);
        var counter = Counter(link);

        var taken = new List<bool>();
        for (var i = 0; i < 3; i++)
            taken.Add((await counter.TakeAsync("k", 2, TimeSpan.FromMinutes(1), Stop)).Allowed);

        Assert.Equal([true, true, false], taken);
    }

    [Fact]
    public async Task A_message_reaches_every_node_once()
    {
        await using var first = await ConnectAsync();
        await using var second = await ConnectAsync();
        var (here, there) = (Bus(first), Bus(second));
        var (heardHere, heardThere) = (new List<string>(), new List<string>());
        var last = new TaskCompletionSource();
        using var a = here.Subscribe("c", m => Hear(heardHere, m, null));
        using var b = there.Subscribe("c", m => Hear(heardThere, m, last));
        // Subscribing takes a round trip; probes tell when it is made.
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (heardThere.Count == 0)
        {
            await here.PublishAsync("c", "probe"u8.ToArray(), Stop);
            await timer.WaitForNextTickAsync(Stop);
        }

        for (var i = 0; i < 100; i++)
            await here.PublishAsync("c", Encoding.UTF8.GetBytes(i.ToString(CultureInfo.InvariantCulture)), Stop);
        await here.PublishAsync("c", "end"u8.ToArray(), Stop);

        await last.Task.WaitAsync(_patience, Stop);
        var numbers = Enumerable.Range(0, 100).Select(i => i.ToString(CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal(numbers, heardHere.Where(m => m is not ("probe" or "end")));
        Assert.Equal(numbers, heardThere.Where(m => m is not ("probe" or "end")));
    }

    [Fact]
    public async Task Without_redis_a_message_stays_in_the_node_and_a_failing_handler_hurts_nobody()
    {
        await using var link = Link(null);
        var bus = Bus(link);
        var heard = new List<string>();
        using var bad = bus.Subscribe("c", _ => throw new InvalidOperationException("bad handler"));
        var good = bus.Subscribe("c", m => Hear(heard, m, null));

        await bus.PublishAsync("c", "one"u8.ToArray(), Stop);
        good.Dispose();
        await bus.PublishAsync("c", "two"u8.ToArray(), Stop);

        Assert.Equal(["one"], heard);
    }

    private static ValueTask Hear(List<string> heard, ReadOnlyMemory<byte> message, TaskCompletionSource? last)
    {
        var text = Encoding.UTF8.GetString(message.Span);
        heard.Add(text);
        if (text == "end")
            last?.TrySetResult();
        return default;
    }

    private static RedisRateCounter Counter(RedisLink link) =>
        new(link, new MemoryRateCounter(TimeProvider.System), TimeProvider.System, NullLogger<RedisRateCounter>.Instance);

    private static ClusterBus Bus(RedisLink link) => new(link, NullLogger<ClusterBus>.Instance);

    private async Task<RedisLink> ConnectAsync()
    {
        var server = await RedisServer.Shared;
        Assert.SkipWhen(server is null, "redis-server is not installed; ./test installs it");
        var link = Link(server.ConnectionString);
        await link.StartAsync();
        return link;
    }

    private RedisLink Link(string? redis) =>
        new(
            new ConfigurationBuilder()
                .AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.Ordinal) { ["ConnectionStrings:Redis"] = redis })
                .Build(),
            Options.Create(new ClusterOptions { Name = _name }),
            new RedisMetrics(_services.GetRequiredService<IMeterFactory>()),
            NullLogger<RedisLink>.Instance
        );
}
