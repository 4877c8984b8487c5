using System.Text.Json;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;

namespace CodeLab.Modules.Agent.Sessions.Log;

/// <summary>
/// What happened in a session. The set is closed; members may be added, nothing is ever renamed, because logs of every release are read
/// again (design.md §4). What is not in the log did not happen.
/// </summary>
internal abstract record SessionEvent;

/// <summary>The session began.</summary>
internal sealed record SessionCreated(string Owner, string Agent, string? Title, string? Model) : SessionEvent
{
    /// <summary>What it is to do, when an agent of another session began it.</summary>
    public TaskOrigin? Task { get; init; }
}

/// <summary>Title, description or model changed; null = unchanged.</summary>
internal sealed record SessionUpdated(string? Title, string? Description, string? Model) : SessionEvent;

/// <summary>The session was deleted (softly: its log stays).</summary>
internal sealed record SessionDeleted(string By) : SessionEvent;

/// <summary>The conversation was cleared: for people and model it begins anew; the log keeps what was before.</summary>
internal sealed record ConversationCleared(string By) : SessionEvent;

/// <summary>A client that runs tools became the executor, or said something new about itself.</summary>
internal sealed record ExecutorAttached(ExecutorProfile Executor) : SessionEvent;

/// <summary>A person wrote. The message waits in the queue until a turn takes it.</summary>
internal sealed record UserWrote(
    string MessageId,
    string By,
    string Content,
    string? Model,
    IReadOnlyList<MessageAttachment>? Attachments,
    bool Queued
) : SessionEvent
{
    /// <summary>Agent that must answer, when it differs from the one at work while the message waits.</summary>
    public string? Agent { get; init; }

    /// <summary>True when the running turn reads the message with its next model step instead of the next turn starting with it.</summary>
    public bool? Steers { get; init; }
}

/// <summary>A waiting message became part of the running turn.</summary>
internal sealed record MessageJoined(string TurnId, string MessageId) : SessionEvent;

/// <summary>A turn takes the first waiting message. When a question of the agent was open, the message is also that call's result.</summary>
internal sealed record TurnStarted(string TurnId, string MessageId, string? AnswersCall) : SessionEvent;

/// <summary>Another agent took over. <paramref name="By"/>: <c>router</c>, <c>user</c> or <c>model</c>.</summary>
internal sealed record AgentSwitched(string From, string To, string? Reason, string? Confidence, string By, bool IsFinal) : SessionEvent;

/// <summary>The intent to call the model, committed before the call. <paramref name="MessageId"/> is the id the answer will have.</summary>
internal sealed record ModelRequested(string TurnId, int Step, int Attempt, ModelPurpose Purpose, string MessageId) : SessionEvent
{
    /// <summary>With the purpose to summarise: the first entry of the conversation that stays.</summary>
    public int? ToEntry { get; init; }

    /// <summary>With the purpose to answer: digest of the prompt and the tools the model was sent, to tell later whether they changed.</summary>
    public string? Prompt { get; init; }
}

/// <summary>Tool outputs before an entry of the conversation are shortened from now on.</summary>
internal sealed record ContextShrunk(string TurnId, int ToEntry, int BeforeTokens, int AfterTokens) : SessionEvent;

/// <summary>What stands before an entry of the conversation is replaced by a summary; what people said in it stays.</summary>
internal sealed record ContextSummarised(
    string TurnId,
    int ToEntry,
    string Summary,
    string? Model,
    TokenUsage? Usage,
    int BeforeTokens,
    int AfterTokens
) : SessionEvent
{
    /// <summary>Outputs before this entry are shortened as well.</summary>
    public int? ShrunkTo { get; init; }
}

/// <summary>The router chose an agent; a switch follows.</summary>
internal sealed record RouteDecided(string TurnId, string Agent, string? Model, TokenUsage? Usage, bool Fallback) : SessionEvent;

/// <summary>The model answered with text, calls or both.</summary>
internal sealed record AssistantWrote(
    string TurnId,
    string MessageId,
    string Agent,
    string Content,
    IReadOnlyList<RequestedCall> Calls,
    string? Model,
    string? Provider,
    string? FinishReason,
    TokenUsage? Usage,
    int? ContextWindow,
    bool IsFinal
) : SessionEvent
{
    /// <summary>Suggested answers of a question.</summary>
    public IReadOnlyList<string>? Suggestions { get; init; }

    /// <summary>The question call that the next message answers; the text is then for people only, not part of the conversation.</summary>
    public string? AsksCall { get; init; }

    /// <summary>True when a person cancelled while the model wrote: the text is what there was.</summary>
    public bool? Interrupted { get; init; }
}

/// <summary>The model call failed for good.</summary>
internal sealed record ModelFailed(string TurnId, int Step, int Attempt, string Code, string Message, TokenUsage? Usage) : SessionEvent;

/// <summary>A call waits for a person.</summary>
internal sealed record ApprovalRequested(string CallId, string ToolName, string Reason) : SessionEvent
{
    /// <summary>The policy rule that asks, if it is one.</summary>
    public string? RuleId { get; init; }

    /// <summary>The role that another person than the session's owner must have to approve.</summary>
    public string? ApproverRole { get; init; }
}

/// <summary>A waiting call was decided: <c>approve</c>, <c>edit</c>, <c>reject</c>, <c>expire</c> or <c>cancel</c>.</summary>
internal sealed record ApprovalResolved(
    string CallId,
    string ToolName,
    string Verdict,
    string? By,
    string Door,
    string? Feedback,
    JsonElement? ModifiedArguments,
    string? ModifiedHash,
    RememberedRule? Remembered
) : SessionEvent
{
    /// <summary>True when a v1 client approved locally and only sent the result (security.md §8.3).</summary>
    public bool? Implied { get; init; }
}

/// <summary>A call may run. <paramref name="Why"/>: the rule, person or level that allowed it.</summary>
internal sealed record CallAllowed(string CallId, string ToolName, string Why) : SessionEvent
{
    /// <summary>The same for programs: <c>rule:ID</c>, <c>remembered:ID</c>, <c>person:USER_ID</c>, <c>level:NAME</c> or <c>server</c>.</summary>
    public string? By { get; init; }
}

/// <summary>A person chose how much this session may do without asking.</summary>
internal sealed record AutonomyChosen(string Level, string By) : SessionEvent;

/// <summary>A decision remembered for this session is void.</summary>
internal sealed record RememberedRevoked(string RuleId, string By) : SessionEvent;

/// <summary>The intent to hand a call to the executor, committed before the frame is sent.</summary>
internal sealed record CallDispatched(string CallId, string ToolName, string Executor, int Attempt, long Epoch, int TimeoutSeconds)
    : SessionEvent;

/// <summary>A call ended; the first one committed counts. <paramref name="Status"/>: see <see cref="CallStatus"/>.</summary>
internal sealed record CallEnded(string CallId, string ToolName, string Status, JsonElement? Result, string? Error, string? ErrorCode)
    : SessionEvent;

/// <summary>A result that came after its call had ended: on record, and ignored.</summary>
internal sealed record LateResult(string CallId, JsonElement? Result, string? Error) : SessionEvent;

/// <summary>Files kept in context changed: <c>add_file</c>, <c>remove_file</c> or <c>clear</c>.</summary>
internal sealed record ContextChanged(string Action, string? Path, string? Content) : SessionEvent;

/// <summary>The turn ended well.</summary>
internal sealed record TurnCompleted(string TurnId, int Steps, TokenUsage? Usage) : SessionEvent;

/// <summary>The turn failed; the session stays usable.</summary>
internal sealed record TurnFailed(string TurnId, string Code, string Message) : SessionEvent;

/// <summary>A person ended the turn.</summary>
internal sealed record TurnCancelled(string TurnId, string By, string? Reason) : SessionEvent;

/// <summary>
/// What stands before was copied from another log; the session goes on from here by itself. Rights that people gave in the other session
/// (remembered decisions, a level of autonomy) do not come along, nor does its client.
/// </summary>
/// <param name="How">One of <see cref="Origins"/>.</param>
/// <param name="From">The session it was copied from, as the copy names it.</param>
/// <param name="FromSeq">The last event that was copied.</param>
/// <param name="By">Whose copy it is.</param>
internal sealed record SessionCopied(string How, string? From, long FromSeq, string By) : SessionEvent;

/// <summary>Where a session comes from, when it was not begun by a person writing in it.</summary>
internal static class Origins
{
    /// <summary>Copied from another session of this server.</summary>
    public const string Fork = "fork";

    /// <summary>Read from an exported file.</summary>
    public const string Import = "import";

    /// <summary>Begun by an agent of another session, which waits for what comes of it.</summary>
    public const string Task = "task";
}

/// <summary>Where a session that works on a task comes from, and what it may.</summary>
/// <param name="ParentId">The session that waits for it.</param>
/// <param name="RootId">The session at the top, which people are attached to: its client runs the calls, its people decide.</param>
/// <param name="CallId">The call of the parent that it answers; also the id of the message that begins it.</param>
/// <param name="Depth">1 below a session of a person.</param>
/// <param name="Tools">The only tools it has of its agent's; null = all of them.</param>
/// <param name="MaxSteps">Model steps it may take.</param>
/// <param name="MaxTokens">Tokens it may use; 0 = no budget of its own.</param>
internal sealed record TaskOrigin(
    string ParentId,
    string RootId,
    string CallId,
    int Depth,
    IReadOnlyList<string>? Tools,
    int MaxSteps,
    long MaxTokens
)
{
    /// <summary>Level chosen in the parent; the task is no looser.</summary>
    public string? Autonomy { get; init; }

    /// <summary>Who said what the parent works on: none of them is a second person here either.</summary>
    public IReadOnlyList<string>? Authors { get; init; }
}

/// <summary>The intent to have a task done by a session of its own, committed before that session is made.</summary>
/// <param name="CallId">The call it answers.</param>
/// <param name="ChildId">The session that does it.</param>
/// <param name="Agent">The agent that begins.</param>
/// <param name="Title">A few words for people.</param>
/// <param name="Task">What it is told.</param>
/// <param name="Tools">The only tools it has of its agent's; null = all of them.</param>
/// <param name="MaxSteps">Model steps it may take.</param>
/// <param name="MaxTokens">Tokens it may use; 0 = no budget of its own.</param>
internal sealed record TaskDelegated(
    string CallId,
    string ChildId,
    string Agent,
    string Title,
    string Task,
    IReadOnlyList<string>? Tools,
    int MaxSteps,
    long MaxTokens
) : SessionEvent
{
    /// <summary>Number of the plan's subtask, from 1.</summary>
    public int? Subtask { get; init; }
}

/// <summary>A task is over. <paramref name="Status"/>: <c>completed</c>, <c>failed</c> or <c>cancelled</c>.</summary>
internal sealed record TaskEnded(string CallId, string ChildId, string Status, string Text, int Steps, TokenUsage? Usage) : SessionEvent
{
    /// <summary>Number of the plan's subtask, from 1.</summary>
    public int? Subtask { get; init; }
}

/// <summary>A plan was approved and is carried out.</summary>
internal sealed record PlanStarted(string CallId, string Title, string? Description, IReadOnlyList<PlanSubtask> Subtasks) : SessionEvent;

/// <summary>A plan is over. <paramref name="Status"/>: <c>completed</c>, <c>failed</c> or <c>cancelled</c>.</summary>
internal sealed record PlanEnded(string CallId, string Status, int Completed, int Total) : SessionEvent;

/// <summary>A part of a plan.</summary>
/// <param name="Number">From 1, in the order the plan names them.</param>
/// <param name="Title">A few words.</param>
/// <param name="Description">What is to be done.</param>
/// <param name="Agent">The agent that does it.</param>
/// <param name="EstimatedMinutes">As the architect guesses.</param>
/// <param name="Dependencies">Numbers of the parts that must be done before.</param>
internal sealed record PlanSubtask(
    int Number,
    string Title,
    string Description,
    string Agent,
    int? EstimatedMinutes,
    IReadOnlyList<int> Dependencies
);

/// <summary>A call as the model asked for it, with canonical name and arguments.</summary>
/// <param name="CallId">Made by the server, never reused.</param>
/// <param name="ModelCallId">What the provider called it.</param>
/// <param name="ToolName">Canonical name; as the model wrote it when no such tool exists.</param>
/// <param name="Arguments">Validated and coerced; the raw text in a member <c>_raw</c> when it could not be read.</param>
/// <param name="Hash">SHA-256 of the canonical arguments.</param>
internal sealed record RequestedCall(string CallId, string ModelCallId, string ToolName, JsonElement Arguments, string Hash);

/// <summary>What the executor says about itself.</summary>
internal sealed record ExecutorProfile(
    string Id,
    string? Name,
    string? Platform,
    IReadOnlyList<JsonElement> Tools,
    string? WorkspaceName,
    string? Branch,
    IReadOnlyList<WorkspaceRule> Rules
)
{
    /// <summary>True for a client that can have only one call open: the next is dispatched when the one before has ended.</summary>
    public bool? OneAtATime { get; init; }

    /// <summary>True for a client that shows plans and lets people decide about them.</summary>
    public bool? Plans { get; init; }
}

/// <summary>Why the model is called.</summary>
internal enum ModelPurpose
{
    /// <summary>To choose the agent.</summary>
    Route,

    /// <summary>To go on with the turn.</summary>
    Answer,

    /// <summary>To summarise what no longer fits.</summary>
    Summarise,
}

/// <summary>How a call ends, as stored and sent.</summary>
internal static class CallStatus
{
    public const string Result = "result";
    public const string Error = "error";
    public const string Denied = "denied";
    public const string Rejected = "rejected";
    public const string Expired = "expired";
    public const string Cancelled = "cancelled";
    public const string OutcomeUnknown = "outcome_unknown";
}
