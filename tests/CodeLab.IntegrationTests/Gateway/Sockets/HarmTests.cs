using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using CodeLab.IntegrationTests.Gateway.Rest;
using CodeLab.IntegrationTests.Turns;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Sockets;

/// <summary>
/// One bad client cannot hurt others (security.md G7): while it does what it does, memory grows by at most 256 MB, others wait at most twice as
/// long at the 99th percentile, and nobody gets a failure of the server. 200 clients that do not read in full, 60 in between.
/// </summary>
public sealed class HarmTests(ITestOutputHelper output)
{
    private const long MostMegabytes = 256;

    private static readonly bool _full = Environment.GetEnvironmentVariable("CODELAB_TESTS_FULL") == "1";

    // Twice of next to nothing is next to nothing. And whoever does harm here shares two cores with the host, and with other test runs.
    private static readonly double _unnoticed = _full ? 25 : 150;
    private static readonly int _bad = _full ? 200 : 60;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public Task Clients_that_do_not_read_harm_nobody()
    {
        var sessions = Enumerable.Range(0, 10).Select(_ => Guid.NewGuid().ToString()).ToList();
        return HarmAsync(
            async (server, token, stop) =>
            {
                var silent = new List<TcpClient>();
                for (var i = 0; i < _bad; i++)
                    silent.Add(await OpenSilentAsync(server, token, sessions[i % sessions.Count]));
                await Task.Delay(Timeout.InfiniteTimeSpan, stop).ContinueWith(_ => { }, TaskScheduler.Default);
                foreach (var client in silent)
                    client.Dispose();
            },
            limited: false,
            // What they do not read is written before they come as well: its cost is not their doing.
            (server, token, stop) => Task.WhenAll(sessions.Select(session => TalkAsync(server, token, session, stop))),
            ("CodeLab__Gateway__SocketsPerSession", "1000")
        );
    }

    /// <summary>Turns of long texts, one after the other.</summary>
    private static async Task TalkAsync(TurnServer server, string token, string session, CancellationToken stop)
    {
        var text = string.Concat(Enumerable.Range(0, 8_000).Select(i => $"line {i}\n"));
        server.Fake.Script("long", s => s.Text(text).DeltaSize(1_000).Slow(betweenDeltas: TimeSpan.FromMilliseconds(10)).RepeatLast());
        await using var driver = await SocketClient.OpenAsync(server.Host, session, "stream=off", token, "", null, []);
        while (!stop.IsCancellationRequested)
        {
            await driver.SayAsync("long");
            await driver.ReadToEndAsync();
        }
    }

    [Fact]
    public Task A_client_that_floods_is_closed_and_harms_nobody() =>
        HarmAsync(
            async (server, token, stop) =>
            {
                var closed = 0;
                while (!stop.IsCancellationRequested)
                {
                    await using var flooder = await SocketClient.OpenAsync(server.Host, Guid.NewGuid().ToString(), "", token, "", null, []);
                    var sending = SendAsync(flooder, "{\"type\":\"ping\"}"u8.ToArray(), 20_000);
                    Assert.Equal(1008, await flooder.ReadToCloseAsync());
                    await sending;
                    closed++;
                }
                Assert.True(closed > 0);
            },
            limited: true,
            load: null,
            ("CodeLab__RateLimits__Enabled", "true"),
            ("CodeLab__RateLimits__ConnectsPerMinute", "100000"),
            ("CodeLab__RateLimits__ConnectionsPerUser", "1000"),
            ("CodeLab__RateLimits__RestPerMinute", "1000000"),
            ("CodeLab__Auth__RateLimits__Enabled", "false")
        );

    [Fact]
    public Task Clients_that_send_the_largest_frames_harm_nobody() =>
        HarmAsync(
            async (server, token, stop) =>
            {
                var frame = Encoding.ASCII.GetBytes("{\"type\":\"ping\",\"padding\":\"" + new string('x', 10 * 1024 * 1024 - 64) + "\"}");
                // Three at once are more than a user may have in flight.
                await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => SendOverAndOverAsync()));

                async Task SendOverAndOverAsync()
                {
                    while (!stop.IsCancellationRequested)
                    {
                        await using var client = await SocketClient.OpenAsync(
                            server.Host,
                            Guid.NewGuid().ToString(),
                            "",
                            token,
                            "",
                            null,
                            []
                        );
                        var sending = SendAsync(client, frame, 2);
                        // Answered, or told that too much of theirs is in flight.
                        Assert.Contains(await client.ReadToCloseOrAsync("pong"), (int[])[0, 1013]);
                        client.Socket.Abort();
                        await sending;
                    }
                }
            },
            limited: false,
            load: null
        );

    private static async Task SendAsync(SocketClient client, byte[] text, int times)
    {
        try
        {
            for (var i = 0; i < times; i++)
                await client.Socket.SendAsync(text, WebSocketMessageType.Text, true, Cancel);
        }
        catch (Exception closed) when (closed is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException)
        {
            // Turned away, as it should be.
        }
    }

    /// <summary>Measures what others see without and with somebody who does harm.</summary>
    private async Task HarmAsync(
        Func<TurnServer, string, CancellationToken, Task> harm,
        bool limited,
        Func<TurnServer, string, CancellationToken, Task>? load,
        params (string, string?)[] settings
    )
    {
        await using var server = await RestServer.StartAsync(settings: settings);
        server.Fake.Script("hello", s => s.Text("Hello there.").RepeatLast());
        var (client, _) = await RestServer.AddUserAsync(server.Host, await RestServer.SignInServiceAsync(server.Host), "victim");
        var victim = client.DefaultRequestHeaders.Authorization!.Parameter!;
        var bad = await server.Host.GetTokenAsync(cancellationToken: Cancel);
        var time = TimeSpan.FromSeconds(_full ? 20 : 5);
        using var stop = new CancellationTokenSource();
        var loading = load?.Invoke(server, bad, stop.Token) ?? Task.CompletedTask;
        await MeasureAsync(server, client, victim, TimeSpan.FromSeconds(2), limited);
        var before = await MeasureAsync(server, client, victim, time, limited);

        var harming = harm(server, bad, stop.Token);
        await MeasureAsync(server, client, victim, TimeSpan.FromSeconds(1), limited);
        var during = await MeasureAsync(server, client, victim, time, limited);
        await stop.CancelAsync();
        await Task.WhenAll(harming, loading).WaitAsync(HostProcess.Patience, Cancel);

        output.WriteLine(
            $"p99 of a ping {before.Ping:F1} -> {during.Ping:F1} ms, of a request {before.Rest:F1} -> {during.Rest:F1} ms; "
                + $"memory {before.Megabytes} -> {during.Megabytes} MB; {during.Count} measured"
        );
        Assert.InRange(during.Megabytes - before.Megabytes, long.MinValue, MostMegabytes);
        Assert.InRange(during.Ping, 0, Math.Max(2 * before.Ping, _unnoticed));
        Assert.InRange(during.Rest, 0, Math.Max(2 * before.Rest, _unnoticed));
        Assert.DoesNotContain("\"@l\":\"Error\"", server.Host.Process.Output, StringComparison.Ordinal);
    }

    /// <summary>What a user sees: 99th percentiles in ms, and the largest memory of the host.</summary>
    private static async Task<Figures> MeasureAsync(TurnServer server, HttpClient rest, string token, TimeSpan time, bool limited)
    {
        await using var socket = await SocketClient.OpenAsync(server.Host, Guid.NewGuid().ToString(), "", token, "", null, []);
        List<double> pings = [];
        List<double> requests = [];
        var most = 0L;
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < time; )
        {
            var began = Stopwatch.GetTimestamp();
            await socket.SendAsync(new { type = "ping" });
            while ((await socket.ReadAsync())!.Value.Type() != "pong") { }
            pings.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            began = Stopwatch.GetTimestamp();
            using var answer = await rest.GetAsync(new Uri("/api/v1/sessions", UriKind.Relative), Cancel);
            Assert.Equal(200, (int)answer.StatusCode);
            requests.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            most = Math.Max(most, MegabytesOf(server.Host.Process.Id));
            // A person's pace; without it the measuring itself would be the load. Below 100 pings a minute where they are counted.
            await Task.Delay(limited ? 700 : 20, Cancel);
        }
        return new(P99(pings), P99(requests), most, pings.Count);
    }

    private static double P99(List<double> values) => values.Order().ElementAt(Math.Min(values.Count - 1, (int)(values.Count * 0.99)));

    private static long MegabytesOf(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }

    /// <summary>A client that opens a socket and then reads nothing, not even the answer.</summary>
    private static async Task<TcpClient> OpenSilentAsync(TurnServer server, string token, string session)
    {
        var client = new TcpClient { ReceiveBufferSize = 4 * 1024 };
        await client.ConnectAsync(server.Host.BaseAddress.Host, server.Host.BaseAddress.Port, Cancel);
        var request =
            $"GET /ws/{session} HTTP/1.1\r\nHost: {server.Host.BaseAddress.Authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {Convert.ToBase64String(RandomNumberGenerator.GetBytes(16))}\r\n"
            + $"Authorization: Bearer {token}\r\n\r\n";
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), Cancel);
        return client;
    }

    private sealed record Figures(double Ping, double Rest, long Megabytes, int Count);
}
