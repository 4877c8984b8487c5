using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Tools;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;

namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>
/// A session as its log tells it. Changed only by <c>Apply</c>, which is a pure fold: the same events give the same state, on any
/// node, at any time. It is also what a snapshot stores.
/// </summary>
internal sealed partial class SessionState
{
    public string Id { get; set; } = "";
    public string Owner { get; set; } = "";
    public string? Title { get; set; }
    public string? Description { get; set; }
    public string Agent { get; set; } = "";
    public string? PreviousAgent { get; set; }
    public string? Model { get; set; }
    public long LastSeq { get; set; }

    /// <summary>The session this one was copied from, up to which event, and how (see <see cref="Origins"/>).</summary>
    public string? ParentId { get; set; }
    public long? ParentSeq { get; set; }
    public string? ParentKind { get; set; }
    public bool Deleted { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public DateTimeOffset UpdatedAt { get; set; }
    public DateTimeOffset LastActivity { get; set; }
    public int SwitchCount { get; set; }
    public int MessageCount { get; set; }
    public TokenUsage Usage { get; set; } = new();

    /// <summary>What each agent spent of <see cref="Usage"/>.</summary>
    public SortedDictionary<string, TokenUsage> AgentUsage { get; set; } = new(StringComparer.Ordinal);
    public int? ContextWindow { get; set; }

    /// <summary>Where the conversation was cleared last: what was before is not shown any more.</summary>
    public long ClearedSeq { get; set; }
    public ExecutorProfile? Executor { get; set; }

    /// <summary>What the session is to do, when an agent of another one began it.</summary>
    public TaskOrigin? Task { get; set; }

    /// <summary>In a session with a <see cref="Task"/>: how its turn ended.</summary>
    public TaskOutcome? TaskOutcome { get; set; }

    /// <summary>The conversation the model is shown: every call has exactly one result before the next model call.</summary>
    public List<TranscriptEntry> Transcript { get; set; } = [];

    /// <summary>Tool outputs of entries before this one are shortened.</summary>
    public int ShrunkTo { get; set; }

    /// <summary>Entries before this one are replaced by <see cref="Summary"/>; what people said in them stays.</summary>
    public int SummarisedTo { get; set; }

    /// <summary>What a model wrote about the entries before <see cref="SummarisedTo"/>.</summary>
    public string? Summary { get; set; }

    /// <summary>Messages that wait for a turn.</summary>
    public List<WaitingMessage> Queue { get; set; } = [];

    /// <summary>The running turn, if any.</summary>
    public TurnState? Turn { get; set; }

    /// <summary>The call of <c>ask_followup_question</c> that the next message answers.</summary>
    public string? OpenQuestion { get; set; }

    /// <summary>Decisions remembered for this session.</summary>
    public List<RememberedRule> Rules { get; set; } = [];

    /// <summary>Files kept in context; content may be absent.</summary>
    public SortedDictionary<string, string?> ContextFiles { get; set; } = new(StringComparer.Ordinal);

    /// <summary>How calls ended: what a repeated result is compared with.</summary>
    public Dictionary<string, EndedCall> Ended { get; set; } = [];

    /// <summary>Hashes of calls whose outcome nobody knows: a person is asked before the like is tried again (security.md §11.4).</summary>
    public HashSet<string> UnknownOutcomes { get; set; } = [];

    /// <summary>Level a person chose for this session; null = the owner's.</summary>
    public string? Autonomy { get; set; }

    /// <summary>Not from the log: rules and rights as they are now.</summary>
    [JsonIgnore]
    public PolicyContext? Policy { get; set; }

    /// <summary>Not from the log: whether the executor is connected now.</summary>
    [JsonIgnore]
    public bool ExecutorOnline { get; set; }

    /// <summary>Not from the log: the tools offered to the model, kept while agent and executor stay the same.</summary>
    [JsonIgnore]
    public ToolOffer? Offer { get; set; }

    /// <summary>Not from the log: tokens of the system prompt and the tools, kept while they stay the same.</summary>
    [JsonIgnore]
    public int? FixedTokens { get; set; }

    /// <summary>Not from the log: digest of the system prompt and the tools, kept while they stay the same.</summary>
    [JsonIgnore]
    public string? PromptDigest { get; set; }

    /// <summary>True before the first event.</summary>
    [JsonIgnore]
    public bool IsNew => LastSeq == 0;

    /// <summary>What the session is doing, in the words of the <c>agent_status</c> frame.</summary>
    [JsonIgnore]
    public string Status =>
        Turn is null ? "idle"
        : Turn.Phase == TurnPhase.CallingModel ? "thinking"
        : Turn.Calls.Exists(c => c.Stage == CallStage.AwaitingApproval) ? "waiting_approval"
        : Turn.Calls.Exists(c => c is { Stage: CallStage.Dispatched, Delegated: true }) ? "executing_tool"
        : Turn.Calls.Exists(c => c.Stage == CallStage.Dispatched) ? (ExecutorOnline ? "executing_tool" : "waiting_client")
        : "waiting_client";
}

/// <summary>A message that waits for a turn.</summary>
internal sealed record WaitingMessage(string MessageId, string Content, IReadOnlyList<MessageAttachment>? Attachments, DateTimeOffset At)
{
    /// <summary>Agent that must answer it.</summary>
    public string? Agent { get; init; }

    /// <summary>True when the running turn is to read it.</summary>
    public bool Steers { get; init; }

    /// <summary>Who wrote it.</summary>
    public string? By { get; init; }
}

/// <summary>How a call ended, for comparing repeats.</summary>
internal sealed record EndedCall(long Seq, string Status, string? ResultHash);

/// <summary>An entry of the conversation.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(UserEntry), "user")]
[JsonDerivedType(typeof(AssistantEntry), "assistant")]
[JsonDerivedType(typeof(ToolEntry), "tool")]
internal abstract record TranscriptEntry
{
    /// <summary>Not from the log: its tokens, once counted.</summary>
    [JsonIgnore]
    public int? Tokens { get; set; }
}

/// <summary>A person's words.</summary>
internal sealed record UserEntry(string MessageId, string Content, IReadOnlyList<MessageAttachment>? Attachments) : TranscriptEntry;

/// <summary>The model's words and calls.</summary>
internal sealed record AssistantEntry(string MessageId, string Agent, string Content, IReadOnlyList<TranscriptCall> Calls)
    : TranscriptEntry;

/// <summary>A call within the conversation; <see cref="Arguments"/> are those that were last approved.</summary>
internal sealed class TranscriptCall
{
    public required string CallId { get; init; }
    public required string ToolName { get; init; }
    public required JsonElement Arguments { get; set; }

    /// <summary>What the model asked for, when a person changed it.</summary>
    public JsonElement? OriginalArguments { get; set; }
}

/// <summary>What a call brought, in the parts the model's text is made of.</summary>
internal sealed record ToolEntry(string CallId, string ToolName, string Status, JsonElement? Result, string? Error, string? ErrorCode)
    : TranscriptEntry
{
    /// <summary>Not from the log: its tokens when shortened, once counted.</summary>
    [JsonIgnore]
    public int? ShrunkTokens { get; set; }
}

/// <summary>A running turn.</summary>
internal sealed class TurnState
{
    public required string TurnId { get; init; }
    public required string MessageId { get; init; }
    public TurnPhase Phase { get; set; }

    /// <summary>Who said what the turn works on: none of them can be the second person that approves its calls.</summary>
    public List<string> Authors { get; set; } = [];
    public ModelPurpose Purpose { get; set; }

    /// <summary>Answers asked of the model so far; routing is not counted.</summary>
    public int Step { get; set; }
    public int Attempt { get; set; }
    public string ModelMessageId { get; set; } = "";

    /// <summary>While a summary is written: the first entry that stays.</summary>
    public int? SummariseTo { get; set; }
    public DateTimeOffset ModelRequestedAt { get; set; }
    public int Switches { get; set; }

    /// <summary>Seconds the model and the tools have worked; waiting for people and down-time do not count against the limit.</summary>
    public double ActiveSeconds { get; set; }
    public string? LastCallKey { get; set; }
    public int IdenticalCalls { get; set; }

    /// <summary>The newest calls, oldest first: what loops are found in.</summary>
    public List<RecentCall> Recent { get; set; } = [];

    /// <summary>Model steps in a row in which every call was denied.</summary>
    public int DeniedSteps { get; set; }
    public TokenUsage Usage { get; set; } = new();

    /// <summary>Calls of the current step.</summary>
    public List<CallState> Calls { get; set; } = [];

    /// <summary>Tasks the turn gave to sessions of their own, in order.</summary>
    public List<TaskState> Tasks { get; set; } = [];

    /// <summary>The plan that is carried out.</summary>
    public PlanState? Plan { get; set; }

    /// <summary><see cref="DeniedSteps"/>, the current step included.</summary>
    public int CountDeniedSteps() => Calls.Count > 0 && Calls.TrueForAll(c => c.EndStatus == CallStatus.Denied) ? DeniedSteps + 1 : 0;
}

/// <summary>A call of this turn and what came back, as hashes.</summary>
internal sealed record RecentCall(string CallId, string Key, string? Result);

/// <summary>A task that a session of its own does.</summary>
internal sealed class TaskState
{
    public required TaskDelegated Order { get; init; }

    /// <summary>Its call ended before it did: nobody waits for it any more.</summary>
    public const string Abandoned = "abandoned";

    /// <summary>Null while it is done.</summary>
    public string? Status { get; set; }

    /// <summary>What came of it, for the tasks that build on it.</summary>
    public string? Text { get; set; }
}

/// <summary>A plan that is carried out.</summary>
internal sealed class PlanState
{
    public required string CallId { get; init; }
    public required IReadOnlyList<PlanSubtask> Subtasks { get; init; }
}

/// <summary>How the turn of a task ended.</summary>
internal sealed record TaskOutcome(string Status, string Text, int Steps, TokenUsage Usage);

/// <summary>What a turn waits for.</summary>
internal enum TurnPhase
{
    CallingModel,
    RunningTools,
}

/// <summary>A call of the current step.</summary>
internal sealed class CallState
{
    public required string CallId { get; init; }
    public required string ToolName { get; init; }
    public required JsonElement Arguments { get; set; }
    public required string Hash { get; set; }
    public CallStage Stage { get; set; }
    public string? Reason { get; set; }

    /// <summary>What allowed it, as in <see cref="CallAllowed.By"/>.</summary>
    public string? AllowedBy { get; set; }

    /// <summary>The policy rule that asks about it.</summary>
    public string? RuleId { get; set; }

    /// <summary>The role that another person than the owner must have to approve it.</summary>
    public string? ApproverRole { get; set; }
    public string? Executor { get; set; }

    /// <summary>True when sessions of their own answer it, and no client.</summary>
    public bool Delegated { get; set; }
    public int Attempt { get; set; }
    public long Epoch { get; set; }
    public int TimeoutSeconds { get; set; }
    public DateTimeOffset? RequestedAt { get; set; }
    public DateTimeOffset? DispatchedAt { get; set; }

    /// <summary>How it ended; see <see cref="CallStatus"/>.</summary>
    public string? EndStatus { get; set; }

    /// <summary>Not from the log: seconds this has waited while somebody was there to act on it.</summary>
    [JsonIgnore]
    public double WaitedSeconds { get; set; }
}

/// <summary>How far a call is. <see cref="Open"/> waits for others to end before it is judged.</summary>
internal enum CallStage
{
    Open,
    AwaitingApproval,
    Ready,
    Dispatched,
    Ended,
}
