using System.Text.Json;
using CodeLab.Client.Sessions;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CsCheck;
using Xunit;

namespace CodeLab.UnitTests.Client.Sessions;

public sealed class SessionFoldTests
{
    // A recorded turn: routing, a read, an edit after an approval, an answer.
    private const string Log = """
        {"type":"user_message","session_id":"s","seq":1,"message_id":"u1","content":"add a line to README"}
        {"type":"agent_switched","session_id":"s","seq":2,"content":"Switched to coder agent","from_agent":"orchestrator","to_agent":"coder","reason":"Coding task"}
        {"type":"tool_call","session_id":"s","seq":4,"call_id":"c1","tool_name":"read_file","arguments":{"path":"README.md"},"requires_approval":false,"executor":"me"}
        {"type":"tool_result","session_id":"s","seq":5,"call_id":"c1","tool_name":"read_file","status":"result","result":{"lines_read":1}}
        {"type":"usage","session_id":"s","seq":6,"model":"m","call":{"input_tokens":10,"output_tokens":5},"session":{"input_tokens":10,"output_tokens":5}}
        {"type":"assistant_message","session_id":"s","seq":7,"message_id":"a1","content":"I will add it.","is_final":false}
        {"type":"tool_call","session_id":"s","seq":8,"call_id":"c2","tool_name":"write_file","arguments":{"path":"README.md","content":"x"},"requires_approval":true,"reason":"File modification requires approval"}
        {"type":"approval_resolved","session_id":"s","seq":9,"call_id":"c2","decision":"edit","door":"rest"}
        {"type":"tool_call","session_id":"s","seq":10,"call_id":"c2","tool_name":"write_file","arguments":{"path":"README.md","content":"y"},"requires_approval":false,"executor":"me"}
        {"type":"tool_result","session_id":"s","seq":11,"call_id":"c2","tool_name":"write_file","status":"result","result":{"lines_added":1,"lines_removed":0}}
        {"type":"something_new","session_id":"s","seq":12,"whatever":true}
        {"type":"assistant_message","session_id":"s","seq":13,"message_id":"a2","content":"Done.","is_final":true,"agent":"coder"}
        {"type":"turn_completed","session_id":"s","seq":14,"turn_id":"t","steps":3,"usage":{"input_tokens":30,"output_tokens":9,"cost":0.0012}}
        """;

    private static readonly SessionFrame[] Frames =
    [
        .. Log.Split('\n').Select(line => JsonSerializer.Deserialize(line, ProtocolJson.Default.SessionFrame)!),
    ];

    [Fact]
    public void A_recorded_turn_folds_to_what_happened()
    {
        var state = Fold(Frames);

        Assert.Equal(14, state.LastSeq);
        Assert.Equal("coder", state.Agent);
        Assert.Equal(TurnPhase.Completed, state.Turn.Phase);
        Assert.Equal(0.0012m, state.Turn.Usage!.Cost);
        Assert.Empty(state.WaitingApprovals);
        Assert.Equal(["I will add it.", "Done."], state.Items.OfType<AgentText>().Select(text => text.Content));
        Assert.Equal(["c1", "c2"], state.Items.OfType<ToolCallItem>().Select(item => item.CallId));
        Assert.Equal(ToolCallPhase.Succeeded, state.Calls["c2"].Phase);
        Assert.Equal("edit", state.Calls["c2"].Decision);
        Assert.Equal("y", state.Calls["c2"].Arguments.GetProperty("content").GetString());
    }

    [Fact]
    public void A_call_waits_until_it_is_decided()
    {
        Assert.Equal(["c2"], Fold(Frames.TakeWhile(frame => frame.Seq <= 8)).WaitingApprovals);
        Assert.Empty(Fold(Frames.TakeWhile(frame => frame.Seq <= 9)).WaitingApprovals);
        Assert.Equal(TurnPhase.Running, Fold(Frames.TakeWhile(frame => frame.Seq <= 13)).Turn.Phase);
    }

    [Fact]
    public void Frames_that_come_again_change_nothing() =>
        Gen.Int[0, Frames.Length - 1]
            .Array[0, 30]
            .Sample(repeats =>
            {
                var state = SessionState.Empty("s");
                foreach (var frame in Frames)
                {
                    state = SessionFold.Apply(state, frame).State;
                    foreach (var repeat in repeats.Where(index => Frames[index].Seq <= frame.Seq))
                    {
                        var again = SessionFold.Apply(state, Frames[repeat]);
                        Assert.Equal(FoldEffect.Duplicate, again.Effect);
                        Assert.Same(state, again.State);
                    }
                }
            });

    [Fact]
    public void Text_in_pieces_that_overlap_is_whole_without_a_repeat() =>
        Gen.Select(Gen.String[Gen.Char.AlphaNumeric, 1, 60], Gen.Int[0, 59].Array[1, 30])
            .Sample(
                (text, cuts) =>
                {
                    var state = SessionState.Empty("s");
                    foreach (var cut in cuts)
                    {
                        // Each piece begins somewhere in what is known and ends a few characters on.
                        var known = state.Streaming?.Length ?? 0;
                        var from = known == 0 ? 0 : Math.Min(cut, known);
                        var to = Math.Min(text.Length, from + 1 + (cut % 7));
                        var piece = new AssistantMessageFrame
                        {
                            MessageId = "m",
                            Offset = from,
                            Token = text[from..to],
                        };
                        state = SessionFold.Apply(state, piece).State;
                        Assert.Equal(text[..state.Streaming!.Length], state.Streaming.ToString());
                    }
                }
            );

    [Fact]
    public void A_token_beyond_what_is_known_is_a_gap()
    {
        var state = SessionFold.Apply(SessionState.Empty("s"), Token("m", 0, "abc")).State;

        Assert.Equal(FoldEffect.Gap, SessionFold.Apply(state, Token("m", 4, "e")).Effect);
        Assert.Equal(FoldEffect.Gap, SessionFold.Apply(state, Token("other", 1, "x")).Effect);
    }

    [Fact]
    public void A_late_token_of_a_finished_text_is_dropped()
    {
        var state = SessionFold
            .Apply(
                SessionState.Empty("s"),
                new AssistantMessageFrame
                {
                    Seq = 1,
                    MessageId = "m",
                    Content = "abc",
                }
            )
            .State;

        var late = SessionFold.Apply(state, Token("m", 2, "c"));

        Assert.Equal(FoldEffect.Duplicate, late.Effect);
        Assert.Null(late.State.Streaming);
    }

    [Fact]
    public void Attaching_in_the_middle_of_a_text_goes_on_from_what_the_server_has()
    {
        var answer = FakeSessionServer.Empty("s") with
        {
            Streaming = new StreamingMessage { MessageId = "m", Text = "ab" },
        };

        var state = SessionFold.ApplyAttached(SessionState.Empty("s"), answer);
        state = SessionFold.Apply(state, Token("m", 1, "bcd")).State;

        Assert.Equal("abcd", state.Streaming!.ToString());
    }

    [Fact]
    public void Two_values_that_go_on_from_one_text_do_not_disturb_each_other()
    {
        var begin = StreamingText.Begin("m", null, "a");

        var one = begin.Append("b");
        var two = begin.Append("c");

        Assert.Equal(("a", "ab", "ac"), (begin.ToString(), one.ToString(), two.ToString()));
    }

    [Fact]
    public void A_queued_message_keeps_the_turn_running_when_the_one_before_ends()
    {
        var state = Fold([
            new UserMessageFrame
            {
                Seq = 1,
                MessageId = "a",
                Content = "a",
            },
            new UserMessageFrame
            {
                Seq = 2,
                MessageId = "b",
                Content = "b",
                Queued = true,
            },
            new TurnCompletedFrame { Seq = 3, TurnId = "1" },
        ]);

        Assert.Equal(TurnPhase.Running, state.Turn.Phase);
        Assert.Equal(TurnPhase.Completed, SessionFold.Apply(state, new TurnCompletedFrame { Seq = 4, TurnId = "2" }).State.Turn.Phase);
    }

    [Fact]
    public void A_failed_turn_takes_back_what_waits_and_says_why()
    {
        var state = Fold([
            .. Frames.Take(7),
            new TurnFailedFrame
            {
                Seq = 20,
                TurnId = "t",
                ErrorCode = "LLM_ERROR",
                Content = "No model.",
            },
        ]);

        Assert.Equal((TurnPhase.Failed, "LLM_ERROR"), (state.Turn.Phase, state.Turn.ErrorCode));
        Assert.Empty(state.WaitingApprovals);
        Assert.Equal(ToolCallPhase.Cancelled, state.Calls["c2"].Phase);
    }

    private static SessionState Fold(IEnumerable<SessionFrame> frames) =>
        frames.Aggregate(SessionState.Empty("s"), (state, frame) => SessionFold.Apply(state, frame).State);

    private static AssistantMessageFrame Token(string id, int offset, string text) =>
        new()
        {
            MessageId = id,
            Offset = offset,
            Token = text,
        };
}
