using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Benchmarks.Gateway;

/// <summary>
/// What the doors cost beside a bare Kestrel WebSocket and a bare hub in the same run: text fan-out, latency, memory of idle connections, and
/// coming back after missed frames. Servers run in a process of their own, clients in this one.
/// </summary>
internal static class GatewaySpeed
{
    private static readonly string[] _kinds = ["bare-ws", "ws", "bare-hub", "hub"];

    public static async Task RunAsync(string? only)
    {
        if (only is null or "fanout")
            await FanoutAsync();
        if (only is null or "latency")
            await LatencyAsync();
        if (only is null or "reattach")
            await ReattachAsync();
        if (only is null or "idle")
            await IdleAsync();
    }

    private static async Task FanoutAsync()
    {
        const int watchers = 20;
        const int deltas = 6_000;
        const int rounds = 5;
        await using var server = await ServerProcess.StartAsync();
        foreach (
            var pair in (string[][])
                [
                    ["bare-ws", "ws"],
                    ["bare-hub", "hub"],
                ]
        )
        {
            var speeds = new Dictionary<string, List<double>> { [pair[0]] = [], [pair[1]] = [] };
            for (var round = 0; round <= rounds; round++)
            {
                foreach (var kind in pair)
                {
                    var left = watchers * deltas;
                    var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    void Count(ReadOnlySpan<byte> _)
                    {
                        if (Interlocked.Decrement(ref left) == 0)
                            done.TrySetResult();
                    }
                    var clients = await ConnectAsync(server, kind, watchers, _ => "fan", Count);
                    var began = Stopwatch.GetTimestamp();
                    await server.PostAsync($"/publish/{kind}?count={deltas}&sessions=1");
                    await done.Task.WaitAsync(TimeSpan.FromMinutes(2));
                    if (round > 0)
                        speeds[kind].Add(watchers * deltas / Stopwatch.GetElapsedTime(began).TotalSeconds);
                    await CloseAsync(clients);
                }
            }
            var (bare, ours) = (Median(speeds[pair[0]]), Median(speeds[pair[1]]));
            Console.WriteLine(
                $"fan-out {pair[1], -4} {ours, 9:N0} deltas/s, {pair[0], -8} {bare, 9:N0}: ratio {ours / bare:N2}   (goal 0.60; {watchers} watchers, median of {rounds})"
            );
        }
    }

    private static async Task LatencyAsync()
    {
        const int sessions = 200;
        const int perSecond = sessions * 50;
        const int count = perSecond * 8;
        foreach (var kind in _kinds)
        {
            await using var server = await ServerProcess.StartAsync();
            var samples = new double[count];
            var taken = 0;
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            void Take(ReadOnlySpan<byte> message)
            {
                var now = Stopwatch.GetTimestamp();
                var at = message.IndexOf("\"token\":\""u8) + 9;
                if (
                    at < 9
                    || !long.TryParse(message.Slice(at, message[at..].IndexOf((byte)'"')), CultureInfo.InvariantCulture, out var sent)
                )
                    return;
                var index = Interlocked.Increment(ref taken) - 1;
                samples[index] = Stopwatch.GetElapsedTime(sent, now).TotalMilliseconds;
                if (index == count - 1)
                    done.TrySetResult();
            }
            var clients = await ConnectAsync(server, kind, sessions, i => "s-" + i.ToString(CultureInfo.InvariantCulture), Take);
            await server.PostAsync($"/publish/{kind}?count={count}&sessions={sessions}&perSecond={perSecond}");
            await done.Task.WaitAsync(TimeSpan.FromMinutes(2));
            await CloseAsync(clients);
            // The first second warms up.
            var steady = samples.Skip(perSecond).Order().ToArray();
            Console.WriteLine(
                $"latency {kind, -8} p50 {steady[steady.Length / 2], 6:N3} ms, p99 {steady[(int)(steady.Length * 0.99)], 6:N3} ms   (goal for what the door adds: 0.5 and 5; {sessions} sessions x 50 deltas/s)"
            );
        }
    }

    private static async Task ReattachAsync()
    {
        const int clients = 200;
        await using var server = await ServerProcess.StartAsync();
        for (var round = 0; round < 3; round++)
        {
            var times = await Task.WhenAll(Enumerable.Range(0, clients).Select(i => ReattachOneAsync(server, $"r-{round}-{i}")));
            Array.Sort(times);
            Console.WriteLine(
                $"re-attach round {round + 1}: p50 {times[clients / 2]:N0} ms, p99 {times[(int)(clients * 0.99)]:N0} ms   (goal 500; {clients} sockets at once, {GatewayServer.MissedFrames} frames each, connecting included, log reads not)"
            );
        }
    }

    private static async Task<double> ReattachOneAsync(ServerProcess server, string session)
    {
        await Task.Yield();
        var began = Stopwatch.GetTimestamp();
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer x");
        socket.Options.AddSubProtocol("codelab.v2");
        await socket.ConnectAsync(new Uri($"{server.SocketUrl}/ws/{session}?resume=1"), default);
        await socket.SendAsync(Encoding.UTF8.GetBytes("""{"type":"attach","last_seq":0}"""), WebSocketMessageType.Text, true, default);
        var buffer = new byte[16 * 1024];
        for (var frames = 0; frames <= GatewayServer.MissedFrames; )
        {
            if ((await socket.ReceiveAsync(buffer.AsMemory(), default)).EndOfMessage)
                frames++;
        }
        var elapsed = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        socket.Abort();
        return elapsed;
    }

    private static async Task IdleAsync()
    {
        const int count = 5_000;
        foreach (var kind in _kinds)
        {
            await using var server = await ServerProcess.StartAsync();
            // What is loaded once is not what a connection costs.
            await CloseAsync(await ConnectAsync(server, kind, 50, i => "w-" + i.ToString(CultureInfo.InvariantCulture), static _ => { }));
            await server.PostAsync("/collect");
            await Task.Delay(500);
            var before = server.ResidentKiB();
            var clients = await ConnectAsync(server, kind, count, i => "i-" + i.ToString(CultureInfo.InvariantCulture), static _ => { });
            await server.PostAsync("/collect");
            await Task.Delay(1_000);
            var each = (server.ResidentKiB() - before) / (double)count;
            var cpu = double.Parse(await server.PostAsync("/collect"), CultureInfo.InvariantCulture);
            await Task.Delay(10_000);
            var after = double.Parse(await server.PostAsync("/collect"), CultureInfo.InvariantCulture);
            Console.WriteLine(
                $"idle {kind, -8} {each, 6:N1} KiB a connection, CPU {(after - cpu) / 100:N1} % of a core with two collections   (goal ws 25, hub 35, 5 %; {count} connections)"
            );
            await CloseAsync(clients);
        }
    }

    private static async Task<List<IAsyncDisposable>> ConnectAsync(
        ServerProcess server,
        string kind,
        int count,
        Func<int, string> sessionOf,
        Received received
    )
    {
        var clients = new List<IAsyncDisposable>(count);
        foreach (var batch in Enumerable.Range(0, count).Chunk(50))
        {
            clients.AddRange(
                await Task.WhenAll(
                    batch.Select(i =>
                        kind is "ws" or "bare-ws"
                            ? SocketAsync(server, kind, sessionOf(i), received)
                            : HubAsync(server, kind, sessionOf(i), received)
                    )
                )
            );
        }
        return clients;
    }

    private static async Task<IAsyncDisposable> SocketAsync(ServerProcess server, string kind, string session, Received received)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer x");
        socket.Options.KeepAliveInterval = TimeSpan.Zero;
        await socket.ConnectAsync(new Uri($"{server.SocketUrl}/{kind}/{session}"), default);
        if (kind == "ws")
        {
            // Its answer says that the attach is through.
            await socket.SendAsync("{\"type\":\"ping\"}"u8.ToArray(), WebSocketMessageType.Text, true, default);
            await socket.ReceiveAsync(new byte[1024].AsMemory(), default);
        }
        return new SocketReader(socket, received);
    }

    private static async Task<IAsyncDisposable> HubAsync(ServerProcess server, string kind, string session, Received received)
    {
        var hub = new HubConnectionBuilder()
            .WithUrl(
                server.Url + (kind == "hub" ? SessionHubNames.Path : "/bare-hub"),
                o =>
                {
                    o.SkipNegotiation = true;
                    o.Transports = HttpTransportType.WebSockets;
                    o.Headers["Authorization"] = "Bearer x";
                }
            )
            .AddJsonProtocol(json => json.PayloadSerializerOptions.TypeInfoResolverChain.Insert(0, ProtocolJson.Default))
            .Build();
        hub.On<System.Text.Json.JsonElement>(
            SessionHubNames.Receive,
            frame => received(System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(frame))
        );
        await hub.StartAsync();
        await hub.InvokeAsync(SessionHubNames.Attach, new AttachRequest { SessionId = session });
        return hub;
    }

    private static async Task CloseAsync(List<IAsyncDisposable> clients)
    {
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private delegate void Received(ReadOnlySpan<byte> message);

    private sealed class SocketReader : IAsyncDisposable
    {
        private readonly ClientWebSocket _socket;
        private readonly Task _reading;

        public SocketReader(ClientWebSocket socket, Received received)
        {
            _socket = socket;
            _reading = ReadAsync(received);
        }

        public async ValueTask DisposeAsync()
        {
            _socket.Abort();
            await _reading;
            _socket.Dispose();
        }

        private async Task ReadAsync(Received received)
        {
            var buffer = new byte[2 * 1024];
            try
            {
                while (true)
                {
                    var read = await _socket.ReceiveAsync(buffer.AsMemory(), default);
                    received(buffer.AsSpan(0, read.Count));
                }
            }
            catch (Exception ended) when (ended is WebSocketException or OperationCanceledException)
            {
                // The benchmark ended the connection.
            }
        }
    }

    private sealed class ServerProcess : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly HttpClient _http = new() { Timeout = TimeSpan.FromMinutes(5) };

        private ServerProcess(Process process, string url) => (_process, Url) = (process, url);

        public string Url { get; }

        public string SocketUrl => "ws" + Url["http".Length..];

        public static async Task<ServerProcess> StartAsync()
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!, "gateway-server")
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            };
            var process = Process.Start(start)!;
            var url = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The server did not start");
            return new(process, url);
        }

        public async Task<string> PostAsync(string path)
        {
            using var answer = await _http.PostAsync(new Uri(Url + path), null);
            return await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync();
        }

        public double ResidentKiB()
        {
            _process.Refresh();
            return _process.WorkingSet64 / 1024.0;
        }

        public async ValueTask DisposeAsync()
        {
            _http.Dispose();
            _process.StandardInput.Close();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }
    }
}
