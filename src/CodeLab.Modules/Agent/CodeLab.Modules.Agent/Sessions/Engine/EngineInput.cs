using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Protocol.Frames;

namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>What the engine is told. Everything that could differ from run to run (time, ids) comes in with it.</summary>
internal abstract record EngineInput
{
    private EngineInput() { }

    /// <summary>Make the session.</summary>
    public sealed record Create(string Owner, string? Title, string? Agent, string? Model) : EngineInput
    {
        /// <summary>What it is to do, when an agent of another session begins it.</summary>
        public TaskOrigin? Task { get; init; }
    }

    /// <summary>Change title, description or model.</summary>
    public sealed record Update(string? Title, string? Description, string? Model) : EngineInput;

    /// <summary>Delete it.</summary>
    public sealed record Delete(string By) : EngineInput;

    /// <summary>Begin the conversation anew.</summary>
    public sealed record Clear(string By) : EngineInput;

    /// <summary>A person or client said something.</summary>
    /// <param name="Caller">Who.</param>
    /// <param name="What">What.</param>
    /// <param name="PartialText">With cancel: what the model had written by then.</param>
    public sealed record Said(SessionCaller Caller, SessionInput What, string? PartialText = null) : EngineInput;

    /// <summary>A person chooses how much the session may do without asking.</summary>
    public sealed record ChooseAutonomy(string Level, string By) : EngineInput;

    /// <summary>A decision remembered for the session is to be forgotten.</summary>
    public sealed record Revoke(string RuleId, string By) : EngineInput;

    /// <summary>A client with tools attached; null profile = the executor left.</summary>
    public sealed record Executor(ExecutorProfile? Profile) : EngineInput;

    /// <summary>The routing call ended; null text = it failed.</summary>
    public sealed record Routed(ModelCallKey Key, string? Text, string? Model, TokenUsage? Usage) : EngineInput;

    /// <summary>The summary was written; null text = it failed.</summary>
    public sealed record Summed(ModelCallKey Key, string? Text, string? Model, TokenUsage? Usage) : EngineInput;

    /// <summary>The model answered.</summary>
    public sealed record Answered(
        ModelCallKey Key,
        string Text,
        IReadOnlyList<ModelToolCall> Calls,
        string Model,
        string Provider,
        string FinishReason,
        TokenUsage Usage,
        int? ContextWindow
    ) : EngineInput;

    /// <summary>The model call failed for good.</summary>
    public sealed record Failed(ModelCallKey Key, string Code, string Message, TokenUsage? Usage) : EngineInput;

    /// <summary>Time passed: seconds since the last tick, and whether anybody is attached.</summary>
    public sealed record Tick(double Seconds, bool Attached) : EngineInput;

    /// <summary>The log up to here is a copy of another: it becomes a session of its own, idle, with nothing left open.</summary>
    public sealed record Copied(string How, string? From, long FromSeq, string By) : EngineInput;

    /// <summary>A task that was delegated is over.</summary>
    public sealed record TaskEnded(string ChildId, string Status, string Text, int Steps, TokenUsage? Usage) : EngineInput;

    /// <summary>The session was loaded with a turn open: whoever was at work on it is gone.</summary>
    public sealed record Recover : EngineInput;
}

/// <summary>Names one model call; an answer with another key is stale and ignored.</summary>
internal readonly record struct ModelCallKey(string TurnId, int Step, int Attempt, ModelPurpose Purpose);

/// <summary>A call as the model wrote it.</summary>
internal sealed record ModelToolCall(string ModelCallId, string Name, string ArgumentsJson);

/// <summary>What the engine decided. Events are already applied to the state; effects may run only once they are committed.</summary>
internal sealed class Outcome
{
    /// <summary>To commit, in order.</summary>
    public List<SessionEvent> Events { get; } = [];

    /// <summary>Why the input was refused; then there are no events.</summary>
    public Error? Refused { get; set; }

    /// <summary>The input changed nothing because it was known: position at which it stands.</summary>
    public long? DuplicateOf { get; set; }

    /// <summary>Call the model.</summary>
    public ModelCallKey? CallModel { get; set; }

    /// <summary>Stop the running model call.</summary>
    public bool CancelModel { get; set; }
}
