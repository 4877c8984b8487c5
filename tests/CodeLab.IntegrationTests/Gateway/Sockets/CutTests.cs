using System.Diagnostics;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Sockets;

/// <summary>
/// Cuts connections at every frame of long turns, and inside their streaming text, and resumes: each durable frame is seen once and in order,
/// and the text on the screen is at every moment a beginning of the text there is (security.md G6).
/// </summary>
public sealed class CutTests(SocketServer server, ITestOutputHelper output) : IClassFixture<SocketServer>
{
    private const string Story =
        "Once upon a time a gateway lost its connection at every single frame, and each time it came back it knew exactly where it was.";

    // 10,000 cuts in full; in between a number that a build waits for.
    private static readonly bool _full = Environment.GetEnvironmentVariable("CODELAB_TESTS_FULL") == "1";
    private static readonly int _cuts = _full ? 10_000 : 130;
    private static readonly int _atOnce = _full ? 12 : 3;

    [Theory]
    [InlineData(Door.Socket)]
    [InlineData(Door.Hub)]
    [InlineData(Door.Events)]
    public async Task A_connection_that_is_cut_at_every_frame_misses_and_repeats_nothing(Door door)
    {
        server.Turns.Fake.Script(
            "story",
            s =>
                s.Text(Story)
                    .DeltaSize(6)
                    .Slow(betweenDeltas: TimeSpan.FromMilliseconds(1))
                    .ToolCall("list_files", new { path = "." })
                    .Then()
                    .Text(Story)
                    .DeltaSize(6)
                    .Slow(betweenDeltas: TimeSpan.FromMilliseconds(1))
        );
        var (cuts, sessions, began) = (0, 0, Stopwatch.GetTimestamp());
        await Task.WhenAll(Enumerable.Range(0, _atOnce).Select(_ => CutUntilEnoughAsync()));

        output.WriteLine(
            $"{door}: {cuts} cuts in {sessions} turns, no gap, repeat or reorder; {Stopwatch.GetElapsedTime(began).TotalSeconds:F0} s"
        );

        async Task CutUntilEnoughAsync()
        {
            while (Volatile.Read(ref cuts) < _cuts)
            {
                Interlocked.Add(ref cuts, await CutOneTurnAsync(door));
                Interlocked.Increment(ref sessions);
            }
        }
    }

    private async Task<int> CutOneTurnAsync(Door door)
    {
        var session = Guid.NewGuid().ToString();
        await using var driver = await server.OpenAsync(session, "stream=off");
        await driver.SendAsync(new { type = "switch_agent", agent_type = "coder" });
        await driver.ReadToAsync("agent_switched");
        using var reader = Screen.Of(door, server.Host, server.Token, session, text => Story.StartsWith(text, StringComparison.Ordinal));
        // The k-th connection is cut after k frames: over a turn this meets every boundary.
        var reading = ReadWithCutsAsync(reader);
        await driver.SayAsync("story");
        var call = await driver.ReadToAsync("tool_call");
        await driver.SendAsync(
            new
            {
                type = "tool_result",
                call_id = call.Text("call_id"),
                result = "seen",
            }
        );
        await driver.ReadToEndAsync();
        var cuts = await reading;
        Assert.Equal(await Log.SeqsAsync(server.Host, server.Token, session), reader.Durable);
        Assert.Equal(2, reader.Texts.Count);
        Assert.All(reader.Texts, t => Assert.Equal(Story, t));
        Assert.Equal(0, reader.TimesClosed);
        return cuts;
    }

    private static async Task<int> ReadWithCutsAsync(Screen reader)
    {
        for (var cuts = 0; ; cuts++)
        {
            await reader.ReadAsync(frames: 1 + (cuts % 7));
            if (reader.Turns == 1)
                return cuts;
        }
    }
}
