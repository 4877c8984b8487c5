using System.Text;
using System.Text.Json;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Sessions.Transfer;
using CodeLab.UnitTests.Agent.Sessions;
using Xunit;

namespace CodeLab.UnitTests.Agent.Transfer;

/// <summary>A log that somebody else wrote is taken only when the engine could have written it.</summary>
public sealed class LogCheckTests
{
    [Fact]
    public void Whatever_is_left_out_repeated_or_moved_is_refused_or_leaves_a_session_that_is_whole()
    {
        var log = Lived();
        Assert.Null(FirstProblem(log));
        var (refused, taken) = (0, 0);
        for (var i = 0; i < log.Count; i++)
        {
            List<List<SessionEvent>> broken =
            [
                [.. log[..i], .. log[(i + 1)..]],
                [.. log[..(i + 1)], .. log[i..]],
            ];
            for (var to = 0; to < log.Count; to++)
            {
                List<SessionEvent> moved = [.. log[..i], .. log[(i + 1)..]];
                moved.Insert(Math.Min(to, moved.Count), log[i]);
                broken.Add(moved);
            }
            foreach (var other in broken)
            {
                if (FirstProblem(other) is null)
                    taken++;
                else
                    refused++;
            }
        }

        // Some can be taken: a switch of the agent, say, or an approval that changed nothing. Most can not.
        Assert.True(refused > 3 * taken, $"{refused} refused, {taken} taken");
    }

    [Fact]
    public void What_the_conversation_hangs_on_is_never_missed()
    {
        var log = Lived();
        foreach (var happened in log.Where(e => e is SessionCreated or UserWrote or TurnStarted or CallEnded or TurnCompleted))
        {
            var without = log.Where(e => !ReferenceEquals(e, happened)).ToList();
            Assert.True(FirstProblem(without) is not null, $"Nobody missed {happened}");
        }
        foreach (
            var happened in log.Where(e =>
                e is SessionCreated or TurnStarted or MessageJoined or CallEnded or TurnCompleted or TurnCancelled
            )
        )
        {
            var twice = log.SelectMany(e => ReferenceEquals(e, happened) ? [e, e] : new[] { e }).ToList();
            Assert.True(FirstProblem(twice) is not null, $"Twice was taken: {happened}");
        }
    }

    [Theory]
    [InlineData("user.message", """{"by":"ada","content":"x","queued":false}""")]
    [InlineData("user.message", """{"message_id":null,"by":"ada","content":"x","queued":false}""")]
    [InlineData("user.message", """{"message_id":"m","by":"ada","queued":false}""")]
    [InlineData("turn.started", """{"turn_id":"t"}""")]
    [InlineData("model.requested", """{"turn_id":"t","step":1,"attempt":1,"purpose":"Dance","message_id":"m"}""")]
    [InlineData("assistant.message", """{"turn_id":"t","message_id":"m","agent":"coder","content":"x","is_final":true}""")]
    [InlineData(
        "assistant.message",
        """{"turn_id":"t","message_id":"m","agent":"coder","content":"x","calls":[{"call_id":"c","model_call_id":"c","tool_name":"t","hash":"h"}],"is_final":true}"""
    )]
    [InlineData("session.created", """{"owner":7,"agent":"coder"}""")]
    [InlineData("tool.result", """{"call_id":"c","tool_name":"t"}""")]
    public void A_member_that_is_missing_or_null_is_no_event(string type, string data) =>
        Assert.ThrowsAny<JsonException>(() => EventCodec.DecodeStrictly(type, Encoding.UTF8.GetBytes(data)));

    [Fact]
    public void Members_that_may_be_absent_may_be_absent()
    {
        foreach (var happened in Lived())
        {
            var (type, payload) = EventCodec.Encode(happened);
            Assert.Equal(payload, EventCodec.Encode(EventCodec.DecodeStrictly(type, payload)!).Payload);
        }
    }

    [Theory]
    [InlineData("""{"seq":1,"type":"session.created","at":"2026-01-01T00:00:00Z","data":{}} {}""")]
    [InlineData("""{"seq":"1","type":"session.created","at":"2026-01-01T00:00:00Z","data":{}}""")]
    [InlineData("""{"seq":1,"type":"session.created","at":"yesterday","data":{}}""")]
    [InlineData("""{"seq":1,"type":"session.created","at":"2026-01-01T00:00:00Z","data":[]}""")]
    [InlineData("""{"seq":1,"type":7,"at":"2026-01-01T00:00:00Z","data":{}}""")]
    [InlineData("[]")]
    [InlineData("\"\\ud800\"")]
    public void A_line_that_is_no_event_is_named(string line) =>
        Assert.Equal(7, Assert.Throws<ImportFault>(() => ExportFormat.ReadLine(Encoding.UTF8.GetBytes(line), 7)).Line);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4096)]
    public async Task Lines_are_read_whatever_the_pieces_they_come_in(int piece)
    {
        var text = "\uFEFF{\"a\":1}\r\n\n{\"b\":\"ä\"}\n{\"c\":3}";
        await using var stream = new Pieces(Encoding.UTF8.GetBytes(text), piece);
        var lines = new List<(long, string)>();

        await foreach (var (number, line) in new LineReader(stream, 100, 1000).ReadAsync(TestContext.Current.CancellationToken))
            lines.Add((number, Encoding.UTF8.GetString(line.Span)));

        Assert.Equal([(1, "{\"a\":1}"), (3, "{\"b\":\"ä\"}"), (4, "{\"c\":3}")], lines);
    }

    private static string? FirstProblem(List<SessionEvent> log)
    {
        var state = new SessionState { Id = "x" };
        foreach (var happened in log)
        {
            if (LogCheck.Problem(state, happened) is { } problem)
                return problem;
            state.Apply(happened, DateTimeOffset.UnixEpoch);
        }
        // Taken: then it must be a session that a provider takes and a person goes on with.
        var engine = new EnginePlayer().Engine;
        var ids = 0;
        engine.Handle(
            state,
            new EngineInput.Copied(Origins.Import, "x", state.LastSeq, "bob"),
            DateTimeOffset.UnixEpoch,
            1,
            p => p + ++ids
        );
        var calls = state.Transcript.OfType<AssistantEntry>().SelectMany(e => e.Calls).Select(c => c.CallId);
        var results = state.Transcript.OfType<ToolEntry>().Select(e => e.CallId);
        Assert.Equal(calls.Order(StringComparer.Ordinal), results.Order(StringComparer.Ordinal));
        Assert.Null(state.Turn);
        Assert.Empty(state.Queue);
        return null;
    }

    /// <summary>Something of everything the check looks at.</summary>
    private static List<SessionEvent> Lived()
    {
        var session = new EnginePlayer(agent: "orchestrator");
        session.Message("Do it", id: "m1");
        session.Do(new EngineInput.Routed(session.Key, """{"agent":"coder"}""", "fake", null));
        session.Answer("", ("read_file", new { path = "a.txt" }), ("write_file", new { path = "b.txt", content = "b" }));
        var (read, write) = (session.Call(0).CallId, session.Call(1).CallId);
        session.Message("and that", id: "m2", whenBusy: "steer");
        session.Result(read);
        session.Decide(write, "approve");
        session.Result(write);
        session.Answer("Done.");
        session.Message("once more", id: "m3");
        session.Answer("", ("read_file", new { path = "c.txt" }));
        var late = session.Call().CallId;
        session.Say(new CodeLab.Modules.Agent.Sessions.SessionInput.Cancel());
        session.Result(late);
        session.Do(new EngineInput.Copied(Origins.Fork, "s1", session.State.LastSeq, "bob"));
        return [.. session.Log.Select(e => e.Event)];
    }

    private sealed class Pieces(byte[] bytes, int piece) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(piece, buffer.Length)], cancellationToken);
    }
}
