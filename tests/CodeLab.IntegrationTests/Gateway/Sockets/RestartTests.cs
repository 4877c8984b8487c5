using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using CodeLab.IntegrationTests.Turns;
using CodeLab.Protocol.Hub;
using CodeLab.Testing.Databases;
using CodeLab.Testing.Servers;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Sockets;

/// <summary>
/// Stops and kills the host while many sessions stream to clients of all doors: every client comes back by itself and has in the end each
/// durable frame once and in order, and each text whole (security.md G10, G6). 500 sessions in full, 45 in between.
/// </summary>
public sealed class RestartTests(ITestOutputHelper output)
{
    private const string Story =
        "Once upon a time a gateway was stopped in the middle of five hundred stories, and each of them went on as if nothing had been.";

    private static readonly bool _full = Environment.GetEnvironmentVariable("CODELAB_TESTS_FULL") == "1";
    private static readonly int _sessions = _full ? 500 : 45;
    private static readonly TimeSpan _pace = TimeSpan.FromMilliseconds(_full ? 400 : 150);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task All_sessions_go_on_after_a_restart_and_after_a_kill(DatabaseKind database)
    {
        // The full run keeps the time that balancers get.
        await using var server = await TurnServer.StartAsync(
            database,
            settings: _full ? [("CodeLab__Shutdown__BalancerSeconds", null)] : []
        );
        server.Fake.Script("story", s => s.Text(Story).DeltaSize(4).Slow(betweenDeltas: _pace).RepeatLast());
        var token = await server.Host.GetTokenAsync(cancellationToken: Cancel);
        var screens = Enumerable
            .Range(0, _sessions)
            .Select(i => Screen.Of((Door)(i % 3), server.Host, token, Guid.NewGuid().ToString(), IsBeginning))
            .ToList();
        await SayAsync(server.Host, token, screens, turn: 1);
        var reading = screens.Select(s => FollowAsync(s, turns: 2)).ToList();
        await WhenAllAsync(reading, screens, s => s.Pieces > 0);

        var (ready, exit) = await StopAsync(server.Host);
        var resumed = await RestartAsync(server.Host, reading, screens);
        output.WriteLine(
            $"{database}, {_sessions} sessions, SIGTERM: ready off after {ready.TotalMilliseconds:F0} ms, exit after {exit.TotalSeconds:F1} s, "
                + $"all attached {resumed.Attached.TotalSeconds:F1} s after the start of the new process "
                + $"({resumed.Ready.TotalSeconds:F1} s until it served)"
        );
        await WhenAllAsync(reading, screens, s => s.Turns >= 1);

        await SayAsync(server.Host, token, screens, turn: 2);
        var pieces = screens.ToDictionary(s => s, s => s.Pieces);
        await WhenAllAsync(reading, screens, s => s.Pieces > pieces[s] + 1);
        await server.Host.KillAsync();
        var again = await RestartAsync(server.Host, reading, screens);
        output.WriteLine(
            $"{database}, {_sessions} sessions, SIGKILL: all attached {again.Attached.TotalSeconds:F1} s after the start of the new process "
                + $"({again.Ready.TotalSeconds:F1} s until it served)"
        );
        await Task.WhenAll(reading);

        Assert.InRange(ready, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.InRange(exit, TimeSpan.Zero, TimeSpan.FromSeconds(30));
        Assert.All([resumed, again], r => Assert.InRange(r.Attached - r.Ready, TimeSpan.Zero, TimeSpan.FromSeconds(10)));
        foreach (var screen in screens)
        {
            Assert.Equal(await Log.SeqsAsync(server.Host, token, screen.Session), screen.Durable);
            Assert.Equal([Story, Story], screen.Texts);
            screen.Dispose();
        }
    }

    private static bool IsBeginning(string text) => Story.StartsWith(text, StringComparison.Ordinal);

    /// <summary>Begins a turn in every session.</summary>
    private static async Task SayAsync(CodeLabServer server, string token, List<Screen> screens, int turn)
    {
        await using var hub = new HubConnectionBuilder()
            .WithUrl(new Uri(server.BaseAddress, SessionHubNames.Path), o => o.AccessTokenProvider = () => Task.FromResult<string?>(token))
            .Build();
        await hub.StartAsync(Cancel);
        foreach (var screen in screens)
            await hub.InvokeAsync<object>(
                SessionHubNames.SendMessage,
                new
                {
                    session_id = screen.Session,
                    message_id = $"{screen.Session}-{turn}",
                    content = "Tell it [[script:story]]",
                    agent_type = "coder",
                },
                Cancel
            );
    }

    /// <summary>Reads, and comes back whenever the connection ends, as a client does.</summary>
    private static async Task FollowAsync(Screen screen, int turns)
    {
        while (screen.Turns < turns)
        {
            try
            {
                await screen.ReadAsync(int.MaxValue);
            }
            catch (Exception gone)
                when (gone
                        is WebSocketException
                            or IOException
                            or HttpRequestException
                            or HubException
                            or RefusedException
                            or SocketException
                    || gone is InvalidOperationException or OperationCanceledException && !Cancel.IsCancellationRequested
                )
            {
                // The host is away: this is the pause of a client that tries again, not a wait for something to be true.
                await Task.Delay(Random.Shared.Next(50, 200), Cancel);
            }
        }
    }

    /// <summary>Asks the host to stop; how long until it is not ready, and until it is gone.</summary>
    private static async Task<(TimeSpan Ready, TimeSpan Exit)> StopAsync(CodeLabServer server)
    {
        using var client = new HttpClient { BaseAddress = server.BaseAddress };
        var clock = Stopwatch.StartNew();
        var exit = server.StopAsync(Cancel);
        while (await IsReadyAsync(client)) { }
        var ready = clock.Elapsed;
        Assert.Equal(0, await exit);
        return (ready, clock.Elapsed);
    }

    private static async Task<bool> IsReadyAsync(HttpClient client)
    {
        try
        {
            using var answer = await client.GetAsync(new Uri("/health/ready", UriKind.Relative), Cancel);
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Starts the host again; how long until it serves, and until every client is attached again.</summary>
    private static async Task<(TimeSpan Ready, TimeSpan Attached)> RestartAsync(
        CodeLabServer server,
        List<Task> reading,
        List<Screen> screens
    )
    {
        var before = screens.ToDictionary(s => s, s => s.TimesAttached);
        var clock = Stopwatch.StartNew();
        await server.RestartAsync(Cancel);
        var ready = clock.Elapsed;
        await WhenAllAsync(reading, screens, s => s.TimesAttached > before[s] || s.Turns == 2);
        return (ready, clock.Elapsed);
    }

    /// <summary>Waits until it holds for every screen.</summary>
    private static async Task WhenAllAsync(List<Task> reading, List<Screen> screens, Func<Screen, bool> holds)
    {
        var clock = Stopwatch.StartNew();
        while (screens.Find(s => !holds(s)) is { } late)
        {
            if (reading.Find(r => r.IsFaulted) is { } failed)
                await failed;
            Assert.True(
                clock.Elapsed < HostProcess.Patience,
                $"{screens.Count(s => !holds(s))} sessions do not go on, {late.Session} is one"
            );
            await Task.Delay(20, Cancel);
        }
    }
}
