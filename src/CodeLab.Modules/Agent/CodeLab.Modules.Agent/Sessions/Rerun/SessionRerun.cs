using System.Text.Json;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Protocol.Rest;

namespace CodeLab.Modules.Agent.Sessions.Rerun;

/// <summary>An event of the log that is played again; null stands for a kind that this version does not know.</summary>
internal readonly record struct RecordedEvent(SessionEvent? Happened, DateTimeOffset At);

/// <summary>How a rerun went. <see cref="Compared"/> events came out as they had been.</summary>
internal sealed record RerunOutcome(long Compared, RerunDifference? Difference, long? PromptChangedAt);

/// <summary>
/// Plays a log against an engine: gives it what people, models and tools had given, and compares what it decides with what was decided. No
/// I/O, no clock, like the engine itself.
/// </summary>
/// <param name="engine">The engine that decides now.</param>
/// <param name="policy">Rules and rights by which it does.</param>
/// <param name="strictPrompt">Whether another prompt is a difference.</param>
internal sealed class SessionRerun(TurnEngine engine, PolicyContext policy, bool strictPrompt)
{
    private long? _promptChangedAt;

    /// <summary>Plays it to its end, or to the first difference.</summary>
    public RerunOutcome Run(string sessionId, IReadOnlyList<RecordedEvent> log)
    {
        var inputs = new RecordedInputs([.. log.Select(e => e.Happened)]);
        var state = Refold(sessionId, log, 0, online: false);
        var place = 0;
        while (place < log.Count)
        {
            if (log[place].Happened is null)
            {
                state.Apply(null, log[place].At);
                place++;
                continue;
            }
            var best = default(Attempt);
            var done = false;
            var online = state.ExecutorOnline;
            foreach (var (input, isOnline) in Tries(inputs.At(place, state, log[place].At), online))
            {
                if (best.Events is not null)
                    state = Refold(sessionId, log, place, online);
                state.ExecutorOnline = isOnline;
                var attempt = Try(state, log, place, input);
                done = attempt.Difference is null;
                if (best.Events is null || attempt.Same > best.Same || done)
                    best = attempt;
                if (done)
                    break;
            }
            if (!done)
                return new(place + best.Same, best.Difference ?? Unexplained(log, place), _promptChangedAt);
            place += best.Same;
        }
        return new(log.Count, null, _promptChangedAt);
    }

    // Whether the client was connected is not in the log; only what was dispatched is. So both are tried.
    private static IEnumerable<(RecordedInput Input, bool Online)> Tries(IReadOnlyList<RecordedInput> inputs, bool online)
    {
        foreach (var input in inputs)
            yield return (input, online);
        foreach (var input in inputs)
            yield return (input, !online);
    }

    private SessionState Refold(string sessionId, IReadOnlyList<RecordedEvent> log, int count, bool online)
    {
        var state = new SessionState { Id = sessionId, Policy = policy };
        for (var i = 0; i < count; i++)
            state.Apply(log[i].Happened, log[i].At);
        state.ExecutorOnline = online;
        return state;
    }

    private Attempt Try(SessionState state, IReadOnlyList<RecordedEvent> log, int place, RecordedInput input)
    {
        foreach (var overdue in input.Overdue)
        {
            if (state.FindCall(overdue) is { } call)
                call.WaitedSeconds = double.MaxValue / 2;
        }
        var ids = new RecordedIds(log, place, input.MakesMessageId);
        var outcome = engine.Handle(state, input.Input, log[place].At, epoch: 0, ids.Make);
        var events = outcome.Events;
        for (var i = 0; i < events.Count; i++)
        {
            var expected = place + i < log.Count ? log[place + i].Happened : null;
            if (!IsSame(expected, events[i], place + i + 1))
                return new(events, i, Difference(place + i + 1, expected, events[i], null));
        }
        if (events.Count == 0)
        {
            var note = outcome.Refused is { } refused ? $"{refused.Code}: {refused.Message}" : null;
            return new(events, 0, Difference(place + 1, log[place].Happened, null, note));
        }
        return new(events, events.Count, null);
    }

    private bool IsSame(SessionEvent? expected, SessionEvent actual, long seq)
    {
        if (expected is null || expected.GetType() != actual.GetType())
            return false;
        if (!EventCodec.Encode(Plain(expected)).Payload.AsSpan().SequenceEqual(EventCodec.Encode(Plain(actual)).Payload))
            return false;
        if (expected is not ModelRequested { Prompt: { } was } || actual is not ModelRequested { Prompt: { } now } || was == now)
            return true;
        _promptChangedAt ??= seq;
        return !strictPrompt;
    }

    /// <summary>Without what depends on who plays it.</summary>
    private static SessionEvent Plain(SessionEvent happened) =>
        happened switch
        {
            CallDispatched e => e with { Epoch = 0 },
            ModelRequested e => e with { Prompt = null },
            _ => happened,
        };

    private static RerunDifference Unexplained(IReadOnlyList<RecordedEvent> log, int place) =>
        Difference(place + 1, log[place].Happened, null, "Nothing brings this about any more.");

    private static RerunDifference Difference(long seq, SessionEvent? expected, SessionEvent? actual, string? note) =>
        new()
        {
            Seq = seq,
            Kind = Kind(expected ?? actual!),
            ActualKind = actual is null ? null : Kind(actual),
            Expected = Json(expected),
            Actual = Json(actual),
            Note = note,
        };

    private static string Kind(SessionEvent happened) => EventCodec.Encode(happened).Type;

    private static JsonElement? Json(SessionEvent? happened) =>
        happened is null ? null : JsonElement.Parse(EventCodec.Encode(happened).Payload);

    private readonly record struct Attempt(IReadOnlyList<SessionEvent>? Events, int Same, RerunDifference? Difference);

    /// <summary>Gives the ids that were made then, in their order, so that what names them is the same.</summary>
    private sealed class RecordedIds(IReadOnlyList<RecordedEvent> log, int from, bool messageToo)
    {
        private readonly Dictionary<string, int> _taken = new(StringComparer.Ordinal);
        private int _made;

        public string Make(string prefix)
        {
            var wanted = _taken.GetValueOrDefault(prefix);
            _taken[prefix] = wanted + 1;
            return Recorded(prefix).Skip(wanted).FirstOrDefault() ?? $"{prefix}rerun{++_made}";
        }

        private IEnumerable<string> Recorded(string prefix)
        {
            for (var i = from; i < log.Count; i++)
            {
                switch (log[i].Happened)
                {
                    case TurnStarted e when prefix == "turn_":
                        yield return e.TurnId;
                        break;
                    case UserWrote e when prefix == "msg_" && messageToo:
                        yield return e.MessageId;
                        break;
                    case ModelRequested e when prefix == "msg_":
                        yield return e.MessageId;
                        break;
                    case AssistantWrote { Model: null, Interrupted: not true } e when prefix == "msg_":
                        yield return e.MessageId;
                        break;
                    case AssistantWrote e when prefix == "call_":
                        foreach (var call in e.Calls)
                            yield return call.CallId;
                        break;
                    case TaskDelegated e when prefix == "task_":
                        yield return e.ChildId;
                        break;
                    case ApprovalResolved { Remembered.Id: { } id } when prefix == "rem_":
                        yield return id;
                        break;
                }
            }
        }
    }
}
