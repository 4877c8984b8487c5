using System.Diagnostics;
using System.Text.Json;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Routing;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Protocol.Frames;

namespace CodeLab.Benchmarks.Agent;

/// <summary>
/// The turn engine without I/O: how fast it folds a log, and how fast it decides. The limit beside it is the same number of events folded
/// by a loop that only counts them.
/// </summary>
internal static class EngineSpeed
{
    private const int _turns = 900;
    private const int _rounds = 200;

    public static void Run()
    {
        var (events, decided) = Play(_turns);
        Console.WriteLine($"log of {events.Count:N0} events from {_turns} turns (message, read, write with approval, answer)");

        var bare = Best(() =>
        {
            var count = 0L;
            for (var i = 0; i < _rounds; i++)
            {
                foreach (var (happened, at) in events)
                    count += happened is CallEnded ? 2 : at.Second & 1;
            }
            return count;
        });
        var fold = Best(() =>
        {
            var last = 0L;
            for (var i = 0; i < _rounds; i++)
                last += Fold(events).LastSeq;
            return last;
        });
        var perSecond = events.Count * _rounds / fold.TotalSeconds;
        Console.WriteLine($"fold      {perSecond, 14:N0} events/s   {fold.TotalMilliseconds / _rounds:N2} ms a log   (goal 1,000,000)");
        Console.WriteLine($"bare loop {events.Count * _rounds / bare.TotalSeconds, 14:N0} events/s   fold costs {fold / bare:N1} x of it");
        Console.WriteLine($"decide    {events.Count / decided.TotalSeconds, 14:N0} events/s   (with judging, hashing, ids)");
    }

    /// <summary>A log as a person's long session leaves it.</summary>
    internal static (List<(SessionEvent Event, DateTimeOffset At)> Events, TimeSpan Time) Play(int turns)
    {
        var agents = AgentCatalog.BuiltIn;
        var engine = new TurnEngine(agents, new AgentRouter(agents), new());
        var state = new SessionState { Id = "bench" };
        var log = new List<(SessionEvent, DateTimeOffset)>();
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var ids = 0;
        var caller = new SessionCaller("ada", "hub", "c1");
        var tools = new[] { "read_file", "write_file" }.Select(t => JsonSerializer.SerializeToElement(t)).ToArray();
        var started = Stopwatch.GetTimestamp();

        void Do(EngineInput input)
        {
            now = now.AddMilliseconds(5);
            foreach (var happened in engine.Handle(state, input, now, 1, prefix => prefix + ++ids).Events)
                log.Add((happened, now));
        }
        ModelCallKey Key() => new(state.Turn!.TurnId, state.Turn.Step, state.Turn.Attempt, state.Turn.Purpose);
        void Answer(string text, params ModelToolCall[] calls) =>
            Do(
                new EngineInput.Answered(
                    Key(),
                    text,
                    calls,
                    "fake",
                    "fake",
                    "stop",
                    new TokenUsage { InputTokens = 9, OutputTokens = 3 },
                    null
                )
            );

        Do(new EngineInput.Create("ada", null, "coder", null));
        Do(new EngineInput.Executor(new("exec", "bench", "linux", tools, "demo", "main", [])));
        for (var turn = 0; turn < turns; turn++)
        {
            Do(new EngineInput.Said(caller, new SessionInput.Message(null, $"Change number {turn}, please", null, null, null)));
            Answer("I look.", new ModelToolCall("a", "read_file", $$"""{"path":"src/file{{turn}}.cs"}"""));
            Do(new EngineInput.Said(caller, Result(state.Turn!.Calls[0].CallId)));
            Answer(
                "I write.",
                new ModelToolCall("b", "write_file", $$"""{"path":"src/file{{turn}}.cs","content":"class A { int x = {{turn}}; }"}""")
            );
            Do(new EngineInput.Said(caller, new SessionInput.Decision(state.Turn!.Calls[0].CallId, "approve", null, null, false)));
            Do(new EngineInput.Said(caller, Result(state.Turn!.Calls[0].CallId)));
            Answer("It is done, and this is what I changed.");
        }
        return (log, Stopwatch.GetElapsedTime(started));
    }

    private static SessionInput.ToolResult Result(string callId) =>
        new(callId, JsonSerializer.SerializeToElement(new { success = true, content = "some text that came back" }), null, null);

    private static SessionState Fold(List<(SessionEvent Event, DateTimeOffset At)> events)
    {
        var state = new SessionState { Id = "bench" };
        foreach (var (happened, at) in events)
            state.Apply(happened, at);
        return state;
    }

    /// <summary>The best of five: other work on the machine only ever adds.</summary>
    private static TimeSpan Best(Func<long> work)
    {
        var best = TimeSpan.MaxValue;
        for (var i = 0; i < 5; i++)
        {
            var started = Stopwatch.GetTimestamp();
            GC.KeepAlive(work());
            var took = Stopwatch.GetElapsedTime(started);
            best = took < best ? took : best;
        }
        return best;
    }
}
