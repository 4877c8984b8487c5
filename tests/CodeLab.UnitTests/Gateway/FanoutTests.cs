using System.Diagnostics.Metrics;
using System.Text.Json;
using CodeLab.Modules.Gateway;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CodeLab.Protocol.Rest;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Gateway;

public sealed class FanoutTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly Delivery _delivery;
    private readonly SessionFanout _fanout = new();
    private readonly FakeTimeProvider _time = new();

    public FanoutTests()
    {
        var metrics = new GatewayMetrics(_services.GetRequiredService<IMeterFactory>());
        _delivery = new Delivery(Options.Create(new GatewayOptions()), _time, metrics);
    }

    public void Dispose() => _services.Dispose();

    [Fact]
    public async Task Everybody_attached_gets_every_frame_in_order()
    {
        var (first, second) = (Reader(), Reader());
        Attach(first);
        Attach(second);

        for (var seq = 1; seq <= 200; seq++)
            _fanout.Publish(Durable(seq));

        var expected = Enumerable.Range(1, 200).Select(s => (long?)s).ToList();
        Assert.Equal(expected, (await first.ReadAsync(200)).Select(f => f.Seq));
        Assert.Equal(expected, (await second.ReadAsync(200)).Select(f => f.Seq));
    }

    [Fact]
    public async Task A_frame_on_the_wire_names_its_type()
    {
        var reader = Reader();
        Attach(reader);

        _fanout.Publish(Token("m", 0, "Привет"));

        await reader.ReadAsync(1);
        var text = JsonSerializer.Serialize(reader.Payloads[0], FrameJson.Options);
        Assert.Contains("\"type\":\"assistant_message\"", text, StringComparison.Ordinal);
        Assert.Contains("Привет", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Frames_of_other_sessions_are_not_delivered()
    {
        var reader = Reader();
        Attach(reader);

        _fanout.Publish(Durable(1) with { SessionId = "other" });
        _fanout.Publish(Durable(2));

        Assert.Equal(2, (await reader.ReadAsync(1))[0].Seq);
    }

    [Fact]
    public async Task Frames_told_while_attaching_are_sent_once_and_only_if_the_answer_lacks_them()
    {
        var reader = Reader();
        var subscription = _fanout.BeginAttach(reader.Connection, "s");

        _fanout.Publish(Durable(4));
        _fanout.Publish(Token("old", 0, "covered by the frame after it"));
        _fanout.Publish(Durable(5));
        _fanout.Publish(Token("new", 0, "Hel"));
        _fanout.Publish(Token("new", 3, "lo wor"));
        _fanout.Publish(Token("new", 9, "ld"));
        _fanout.Publish(Durable(6));
        Assert.Empty(reader.Payloads);
        reader.Connection.GoLive("s", subscription, Answer(5, new StreamingMessage { MessageId = "new", Text = "Hello" }), []);
        _fanout.Publish(Durable(5));
        _fanout.Publish(Durable(7));

        var frames = await reader.ReadAsync(4);
        Assert.Collection(
            frames,
            f => Assert.Equal((" wor", 5), Piece(f)),
            f => Assert.Equal(("ld", 9), Piece(f)),
            f => Assert.Equal(6, f.Seq),
            f => Assert.Equal(7, f.Seq)
        );
    }

    [Fact]
    public async Task Attaching_twice_replaces_the_first_attach()
    {
        var reader = Reader();
        var first = _fanout.BeginAttach(reader.Connection, "s");
        var second = _fanout.BeginAttach(reader.Connection, "s");
        _fanout.Publish(Durable(1));

        reader.Connection.GoLive("s", first, Answer(0), []);
        Assert.Empty(reader.Payloads);
        reader.Connection.GoLive("s", second, Answer(0), []);
        _fanout.Publish(Durable(2));

        Assert.Equal([1, 2], (await reader.ReadAsync(2)).Select(f => f.Seq!.Value));
    }

    [Fact]
    public async Task A_refused_attach_gets_nothing()
    {
        var (refused, other) = (Reader(), Reader());
        Attach(other);
        var subscription = _fanout.BeginAttach(refused.Connection, "s");

        _fanout.CancelAttach(refused.Connection, "s", subscription);
        _fanout.Publish(Durable(1));

        await other.ReadAsync(1);
        Assert.Empty(refused.Payloads);
        Assert.Empty(refused.Connection.Sessions);
    }

    [Fact]
    public async Task A_reader_that_stops_reading_is_closed_and_others_go_on()
    {
        var (stuck, well) = (Reader(stuck: true), Reader());
        Attach(stuck);
        Attach(well);

        for (var seq = 1; seq <= 1_100; seq++)
        {
            _fanout.Publish(Durable(seq));
            await well.ReadAsync(seq);
        }

        Assert.True(stuck.Aborted);
        Assert.False(well.Aborted);
        Assert.Equal(1_100, well.Payloads.Count);
    }

    [Fact]
    public void The_queue_is_bounded_in_bytes()
    {
        var stuck = Reader(stuck: true);
        Attach(stuck);

        for (var seq = 1; seq <= 12 && !stuck.Aborted; seq++)
            _fanout.Publish(
                new UserMessageFrame
                {
                    SessionId = "s",
                    Seq = seq,
                    MessageId = "m",
                    Content = new string('x', 900_000),
                }
            );

        Assert.True(stuck.Aborted);
    }

    [Fact]
    public void The_queue_is_bounded_in_age()
    {
        var stuck = Reader(stuck: true);
        Attach(stuck);
        _fanout.Publish(Durable(1));
        _fanout.Publish(Durable(2));
        _fanout.Publish(Durable(3));
        Assert.False(stuck.Aborted);

        _time.Advance(TimeSpan.FromSeconds(31));
        _fanout.Publish(Durable(4));

        Assert.True(stuck.Aborted);
    }

    [Fact]
    public async Task A_write_that_takes_too_long_ends_the_connection()
    {
        var stuck = Reader(stuck: true);
        Attach(stuck);
        _fanout.Publish(Durable(1));
        await stuck.Sending.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

        _time.Advance(TimeSpan.FromSeconds(11));
        stuck.Connection.Tick(_time.GetUtcNow());

        Assert.True(stuck.Aborted);
    }

    [Fact]
    public async Task A_slow_reader_gets_the_same_text_in_fewer_frames()
    {
        var slow = Reader(stuck: true);
        Attach(slow);
        var expected = "";
        for (var i = 0; i < 5_000; i++)
        {
            var piece = i + " ";
            _fanout.Publish(Token("m", expected.Length, piece));
            expected += piece;
        }
        Assert.False(slow.Aborted);

        slow.Release();
        var text = "";
        var frames = 0;
        while (text.Length < expected.Length)
        {
            var frame = (await slow.ReadAsync(++frames))[frames - 1];
            var (token, offset) = Piece(frame);
            Assert.Equal(text.Length, offset);
            text += token;
        }

        Assert.Equal(expected, text);
        Assert.InRange(frames, 2, 100);
    }

    [Fact]
    public void A_closed_session_lets_go_of_everybody()
    {
        var reader = Reader();
        Attach(reader);

        _fanout.CloseSession("s");

        Assert.Empty(reader.Connection.Sessions);
        Assert.False(reader.Aborted);
    }

    [Fact]
    public void A_removed_connection_is_in_no_audience()
    {
        var reader = Reader();
        Attach(reader);

        Assert.True(_fanout.Remove(reader.Connection.Id));
        Assert.False(_fanout.Remove(reader.Connection.Id));
        _fanout.Publish(Durable(1));

        Assert.Empty(reader.Payloads);
        Assert.Equal(0, _fanout.Count);
    }

    [Fact]
    public async Task A_stop_says_goodbye_with_a_retry_hint_and_then_closes()
    {
        var reader = Reader();
        Attach(reader);

        await new CloseConnections(_fanout, TimeProvider.System).RunAsync(TestContext.Current.CancellationToken);

        var goodbye = Assert.IsType<ErrorFrame>((await reader.ReadAsync(1))[0]);
        Assert.Equal("SERVER_SHUTTING_DOWN", goodbye.ErrorCode);
        Assert.InRange(goodbye.RetryAfter!.Value, 0, 5);
        Assert.True(reader.Aborted);
    }

    private TestReader Reader(bool stuck = false)
    {
        var reader = new TestReader(stuck, _delivery);
        _fanout.Add(reader.Connection);
        return reader;
    }

    private void Attach(TestReader reader) => reader.Connection.GoLive("s", _fanout.BeginAttach(reader.Connection, "s"), Answer(0), []);

    private static AttachResponse Answer(long lastSeq, StreamingMessage? streaming = null) =>
        new()
        {
            Session = new SessionInfo
            {
                Id = "s",
                SessionId = "s",
                CurrentAgent = "coder",
            },
            LastSeq = lastSeq,
            Frames = [],
            Streaming = streaming,
        };

    private static UserMessageFrame Durable(long seq) =>
        new()
        {
            SessionId = "s",
            Seq = seq,
            MessageId = "u" + seq,
            Content = "hello",
        };

    private static AssistantMessageFrame Token(string message, int offset, string text) =>
        new()
        {
            SessionId = "s",
            MessageId = message,
            Token = text,
            Offset = offset,
        };

    private static (string? Token, int? Offset) Piece(SessionFrame frame)
    {
        var message = Assert.IsType<AssistantMessageFrame>(frame);
        return (message.Token, message.Offset);
    }

    /// <summary>A connection whose transport is a list.</summary>
    private sealed class TestReader
    {
        private readonly Lock _lock = new();
        private readonly SemaphoreSlim _arrived = new(0);
        private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _sending = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly List<WireFrame> _payloads = [];
        private volatile bool _aborted;

        public TestReader(bool stuck, Delivery delivery)
        {
            if (!stuck)
                _gate.SetResult();
            Connection = new ListConnection(this, delivery);
        }

        public LiveConnection Connection { get; }

        /// <summary>True once the connection is given up, whether or not its reader was told.</summary>
        public bool Aborted => _aborted || Connection.IsClosing;

        public Task Sending => _sending.Task;

        public IReadOnlyList<WireFrame> Payloads
        {
            get
            {
                lock (_lock)
                    return [.. _payloads];
            }
        }

        public void Release() => _gate.TrySetResult();

        public async Task<IReadOnlyList<SessionFrame>> ReadAsync(int count)
        {
            while (Payloads.Count < count)
                Assert.True(await _arrived.WaitAsync(TimeSpan.FromSeconds(60)), $"Only {Payloads.Count} of {count} frames came");
            return [.. Payloads.Select(p => JsonSerializer.Deserialize(p.Json, ProtocolJson.Default.SessionFrame)!)];
        }

        private sealed class ListConnection(TestReader reader, Delivery delivery)
            : LiveConnection(Guid.NewGuid().ToString(), new LiveUser("ada", null), delivery)
        {
            protected override async ValueTask SendAsync(WireFrame frame)
            {
                reader._sending.TrySetResult();
                await reader._gate.Task;
                lock (reader._lock)
                    reader._payloads.Add(frame);
                reader._arrived.Release();
            }

            protected override async ValueTask SayGoodbyeAsync(CloseReason reason)
            {
                await reader._gate.Task;
                reader._aborted = true;
            }

            protected override void Abort() => reader._aborted = true;
        }
    }
}
