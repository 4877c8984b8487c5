using System.Text.Json;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Routing;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Protocol.Frames;

namespace CodeLab.UnitTests.Agent.Sessions;

/// <summary>Plays a session against the engine: keeps the log, can crash and go on from it.</summary>
internal sealed class EnginePlayer
{
    public static readonly SessionCaller Ada = new("ada", "hub", "c1");
    private static readonly JsonElement[] _allTools =
    [
        .. new[]
        {
            "read_file",
            "write_file",
            "apply_diff",
            "list_files",
            "search_in_code",
            "create_directory",
            "delete_file",
            "move_file",
            "execute_command",
            "git_status",
            "git_diff",
            "git_log",
            "git_commit",
        }.Select(name => JsonSerializer.SerializeToElement(name)),
    ];

    private readonly TurnEngine _engine;
    private int _ids;

    public EnginePlayer(EngineLimits? limits = null, string agent = "coder", bool attach = true, ContextBudget? context = null)
    {
        _engine = new(AgentCatalog.BuiltIn, new AgentRouter(AgentCatalog.BuiltIn), limits ?? new(), context);
        Do(new EngineInput.Create("ada", null, agent, null));
        if (attach)
            Attach();
    }

    public TurnEngine Engine => _engine;

    public SessionState State { get; private set; } = new() { Id = "s1" };
    public List<(SessionEvent Event, DateTimeOffset At)> Log { get; } = [];
    public DateTimeOffset Now { get; private set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    public Outcome Last { get; private set; } = new();

    public static ExecutorProfile Profile(string id = "exec1", bool oneAtATime = false) =>
        new(id, "test", "linux", _allTools, "demo", "main", []) { OneAtATime = oneAtATime ? true : null, Plans = true };

    /// <summary>Set to break a rule: changes the state, or the input, before the engine decides.</summary>
    public Func<SessionState, EngineInput, EngineInput>? Sabotage { get; set; }

    public Outcome Do(EngineInput input)
    {
        Now = Now.AddMilliseconds(10);
        input = Sabotage?.Invoke(State, input) ?? input;
        Last = _engine.Handle(State, input, Now, epoch: 1, prefix => $"{prefix}{++_ids}");
        Log.AddRange(Last.Events.Select(e => (e, Now)));
        return Last;
    }

    public Outcome Attach(string id = "exec1", bool oneAtATime = false) => Do(new EngineInput.Executor(Profile(id, oneAtATime)));

    public Outcome Detach() => Do(new EngineInput.Executor(null));

    public Outcome Say(SessionInput input, SessionCaller? caller = null) => Do(new EngineInput.Said(caller ?? Ada, input));

    public Outcome Message(string text, string? id = null, string? whenBusy = null, string? agent = null, string? partial = null) =>
        Do(new EngineInput.Said(Ada, new SessionInput.Message(id, text, agent, null, null) { WhenBusy = whenBusy }, partial));

    public ModelCallKey Key
    {
        get
        {
            var turn = State.Turn ?? throw new InvalidOperationException("No turn is open");
            return new(turn.TurnId, turn.Step, turn.Attempt, turn.Purpose);
        }
    }

    public Outcome Answer(string text, params (string Name, object Arguments)[] calls) => Answer(Key, text, calls);

    public Outcome Answer(ModelCallKey key, string text, params (string Name, object Arguments)[] calls) =>
        Do(
            new EngineInput.Answered(
                key,
                text,
                [.. calls.Select((c, i) => new ModelToolCall($"m{i}", c.Name, JsonSerializer.Serialize(c.Arguments)))],
                "fake",
                "openai",
                calls.Length > 0 ? "tool_calls" : "stop",
                new TokenUsage { InputTokens = 10, OutputTokens = 5 },
                128_000
            )
        );

    public Outcome Result(string callId, string text = "ok") =>
        Say(new SessionInput.ToolResult(callId, JsonSerializer.SerializeToElement(new { success = true, text }), null, null));

    public Outcome Decide(string callId, string verdict, object? modified = null, string? feedback = null, bool remember = false) =>
        Say(
            new SessionInput.Decision(
                callId,
                verdict,
                modified is null ? null : JsonSerializer.SerializeToElement(modified),
                feedback,
                remember
            )
        );

    public CallState Call(int index = 0) => State.Turn!.Calls[index];

    public T Single<T>()
        where T : SessionEvent => Last.Events.OfType<T>().Single();

    /// <summary>Forgets everything but the log, reads it again through its stored form, and recovers as a new process does.</summary>
    public void Crash()
    {
        State = Refold();
        Do(new EngineInput.Recover());
    }

    /// <summary>The state that the stored log gives.</summary>
    public SessionState Refold()
    {
        var state = new SessionState { Id = "s1" };
        foreach (var (happened, at) in Log)
        {
            var (type, payload) = EventCodec.Encode(happened);
            state.Apply(EventCodec.Decode(type, payload), at);
        }
        return state;
    }

    /// <summary>The state as a snapshot stores it.</summary>
    public static string Snapshot(SessionState state) => JsonSerializer.Serialize(state, LogJson.Default.SessionState);
}
