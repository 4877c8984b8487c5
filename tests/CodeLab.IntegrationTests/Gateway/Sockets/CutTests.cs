using System.Text;
using System.Text.Json;
using CodeLab.Protocol.Hub;
using CodeLab.Testing.Servers;
using Microsoft.AspNetCore.SignalR.Client;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Sockets;

/// <summary>
/// Cuts connections at every frame of long turns, and inside their streaming text, and resumes: each durable frame is seen once and in order,
/// and the text on the screen is at every moment a beginning of the text there is (security.md G6).
/// </summary>
public sealed class CutTests(SocketServer server) : IClassFixture<SocketServer>
{
    private const string Story =
        "Once upon a time a gateway lost its connection at every single frame, and each time it came back it knew exactly where it was.";

    // 10,000 cuts in full; in between a number that a build waits for.
    private static readonly int _cuts = Environment.GetEnvironmentVariable("CODELAB_TESTS_FULL") == "1" ? 5_000 : 130;

    [Fact]
    public Task A_socket_that_is_cut_at_every_frame_misses_and_repeats_nothing() => CutAsync(id => new SocketReaderUnderTest(server, id));

    [Fact]
    public Task A_hub_connection_that_is_cut_at_every_frame_misses_and_repeats_nothing() =>
        CutAsync(id => new HubReaderUnderTest(server, id));

    private async Task CutAsync(Func<string, IReaderUnderTest> make)
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
        var cuts = 0;
        while (cuts < _cuts)
        {
            var session = Guid.NewGuid().ToString();
            await using var driver = await server.OpenAsync(session, "stream=off");
            await driver.SendAsync(new { type = "switch_agent", agent_type = "coder" });
            await driver.ReadToAsync("agent_switched");
            var reader = make(session);
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
            cuts += await reading;
            await using var log = await server.OpenAsync(session, protocol: "codelab.v2");
            await log.SendAsync(new { type = "attach" });
            var attached = await log.ReadToAsync("attached");
            var expected = new List<long>();
            for (var left = attached.GetProperty("missed").GetInt32(); left > 0; left--)
                expected.Add((await log.ReadAsync())!.Value.GetProperty("seq").GetInt64());
            Assert.Equal(expected, reader.Durable);
            Assert.Equal(2, reader.Texts.Count);
            Assert.All(reader.Texts, t => Assert.Equal(Story, t));
        }
    }

    private static async Task<int> ReadWithCutsAsync(IReaderUnderTest reader)
    {
        for (var cuts = 0; ; cuts++)
        {
            if (await reader.ReadAsync(frames: 1 + (cuts % 7)))
                return cuts;
        }
    }

    private interface IReaderUnderTest
    {
        List<long> Durable { get; }

        List<string> Texts { get; }

        /// <summary>Connects, reads so many frames, and cuts the connection; true when the turn has ended.</summary>
        Task<bool> ReadAsync(int frames);
    }

    /// <summary>What a screen shows: durable frames once, and text that only grows or begins anew.</summary>
    private abstract class Screen : IReaderUnderTest
    {
        private string? _message;
        private readonly StringBuilder _text = new();

        public List<long> Durable { get; } = [];

        public List<string> Texts { get; } = [];

        protected long LastSeq => Durable.Count == 0 ? 0 : Durable[^1];

        public abstract Task<bool> ReadAsync(int frames);

        /// <summary>Shows a frame; true when the turn has ended.</summary>
        protected bool Show(string type, long? seq, string? messageId, string? token, int? offset, string? content)
        {
            if (seq is { } at)
            {
                Assert.True(at > LastSeq, $"Frame {at} came after {LastSeq}");
                Durable.Add(at);
                if (type == "assistant_message")
                {
                    Texts.Add(content!);
                    if (_message == messageId)
                        Assert.StartsWith(_text.ToString(), content, StringComparison.Ordinal);
                }
                return type == "turn_completed";
            }
            if (type != "assistant_message" || token is null)
                return false;
            if (offset == 0)
                _text.Clear();
            else
                Assert.Equal((_message, _text.Length), (messageId, offset));
            _message = messageId;
            _text.Append(token);
            Assert.StartsWith(_text.ToString(), Story, StringComparison.Ordinal);
            return false;
        }
    }

    private sealed class SocketReaderUnderTest(SocketServer server, string session) : Screen
    {
        public override async Task<bool> ReadAsync(int frames)
        {
            await using var client = await server.OpenAsync(session, protocol: "codelab.v2");
            await client.SendAsync(new { type = "attach", last_seq = LastSeq });
            await client.ReadToAsync("attached");
            for (var read = 0; read < frames; read++)
            {
                var message = (await client.ReadAsync())!.Value;
                if (
                    Show(
                        message.Type()!,
                        message.TryGetProperty("seq", out var seq) ? seq.GetInt64() : null,
                        message.Text("message_id"),
                        message.Text("token"),
                        message.TryGetProperty("offset", out var offset) ? offset.GetInt32() : null,
                        message.Text("content")
                    )
                )
                    return true;
            }
            client.Socket.Abort();
            return false;
        }
    }

    private sealed class HubReaderUnderTest(SocketServer server, string session) : Screen
    {
        public override async Task<bool> ReadAsync(int frames)
        {
            var left = frames;
            var ended = false;
            var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var hub = new HubConnectionBuilder()
                .WithUrl(
                    new Uri(server.Host.BaseAddress, SessionHubNames.Path),
                    o =>
                    {
                        o.AccessTokenProvider = () => Task.FromResult<string?>(server.Token);
                        o.Transports = Microsoft.AspNetCore.Http.Connections.HttpTransportType.WebSockets;
                        o.SkipNegotiation = true;
                    }
                )
                .Build();
            void Read(JsonElement frame)
            {
                if (over.Task.IsCompleted)
                    return;
                try
                {
                    ended = Show(
                        frame.Type()!,
                        frame.TryGetProperty("seq", out var seq) ? seq.GetInt64() : null,
                        frame.Text("message_id"),
                        frame.Text("token"),
                        frame.TryGetProperty("offset", out var offset) ? offset.GetInt32() : null,
                        frame.Text("content")
                    );
                }
                catch (Exception wrong)
                {
                    over.TrySetException(wrong);
                }
                if (ended || --left <= 0)
                    over.TrySetResult();
            }
            var early = new List<JsonElement>();
            var live = false;
            hub.On<JsonElement>(
                SessionHubNames.Receive,
                frame =>
                {
                    lock (early)
                    {
                        if (live)
                            Read(frame);
                        else
                            early.Add(frame);
                    }
                }
            );
            await hub.StartAsync(TestContext.Current.CancellationToken);
            var answer = await hub.InvokeAsync<JsonElement>(
                SessionHubNames.Attach,
                new { session_id = session, last_seq = LastSeq },
                TestContext.Current.CancellationToken
            );
            lock (early)
            {
                foreach (var missed in answer.GetProperty("frames").EnumerateArray())
                    Read(missed);
                if (answer.TryGetProperty("streaming", out var text))
                    Read(
                        JsonSerializer.SerializeToElement(
                            new
                            {
                                type = "assistant_message",
                                message_id = text.Text("message_id"),
                                token = text.Text("text"),
                                offset = 0,
                            }
                        )
                    );
                live = true;
                foreach (var frame in early)
                    Read(frame);
            }
            await over.Task.WaitAsync(HostProcess.Patience, TestContext.Current.CancellationToken);
            return ended;
        }
    }
}
