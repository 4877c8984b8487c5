using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Sessions;

/// <summary>Who sends an input, as the door established it; never taken from a body.</summary>
/// <param name="UserId">The signed-in user.</param>
/// <param name="Door"><c>hub</c>, <c>socket</c> (the published protocol), <c>socket.v2</c>, <c>rest</c> or <c>dashboard</c>.</param>
/// <param name="ConnectionId">Live connection, or null for REST.</param>
public sealed record SessionCaller(string UserId, string Door, string? ConnectionId = null)
{
    /// <summary>
    /// True when the door found role <c>admin</c> (or a registered service) with scope <c>api:admin</c>: such a caller may do everything in
    /// every session.
    /// </summary>
    public bool IsAdmin { get; init; }

    /// <summary>Roles of the user in the store, where the module needed to know them; doors leave it empty.</summary>
    public IReadOnlyList<string> Roles { get; init; } = [];
}

/// <summary>
/// Something a person or client says to a session. The answer comes once it is committed (security.md G5). A session of somebody else
/// and one that does not exist are the same <c>SESSION_NOT_FOUND</c>.
/// </summary>
/// <param name="Caller">Who.</param>
/// <param name="SessionId">The session, 1 to 64 characters of <c>[A-Za-z0-9_.-]</c>.</param>
/// <param name="Input">What.</param>
public sealed record AcceptInputCommand(SessionCaller Caller, string SessionId, SessionInput Input) : IRequest<Result<InputAck>>;

/// <summary>The inputs a session takes.</summary>
public abstract record SessionInput
{
    private SessionInput() { }

    /// <summary>A person's message; creates the session when it is new.</summary>
    public sealed record Message(
        string? MessageId,
        string Content,
        string? Agent,
        string? Model,
        IReadOnlyList<MessageAttachment>? Attachments
    ) : SessionInput
    {
        /// <summary>While a turn runs: <c>queue</c> (null is the same), <c>steer</c> or <c>interrupt</c>; anything else is refused.</summary>
        public string? WhenBusy { get; init; }
    }

    /// <summary>What a tool answered. <paramref name="ImpliesApproval"/>: a v1 client that approved locally (security.md §8.3).</summary>
    public sealed record ToolResult(string CallId, JsonElement? Result, string? Error, string? ErrorCode, bool ImpliesApproval = false)
        : SessionInput;

    /// <summary>A decision on a waiting call: <c>approve</c>, <c>edit</c> or <c>reject</c>.</summary>
    public sealed record Decision(string CallId, string Verdict, JsonElement? ModifiedArguments, string? Feedback, bool Remember)
        : SessionInput
    {
        /// <summary>How far a remembered decision reaches: <c>session</c> (null is the same), <c>project</c> or <c>user</c>.</summary>
        public string? RememberScope { get; init; }

        /// <summary>Days after which a remembered decision ends, 1 to 3,650; null = never.</summary>
        public int? RememberDays { get; init; }
    }

    /// <summary>Another agent, and perhaps a text for it.</summary>
    public sealed record Switch(string Agent, string? Content, string? Reason) : SessionInput;

    /// <summary>Files kept in context: <c>add_file</c>, <c>remove_file</c>, <c>clear</c>.</summary>
    public sealed record Context(string Action, ContextFile? File) : SessionInput;

    /// <summary>Stop the running turn.</summary>
    public sealed record Cancel : SessionInput;
}

/// <summary>
/// Attaches a live connection. The answer holds every durable frame after <c>last_seq</c> up to a point in the log; frames published
/// after that point follow. A door therefore collects published frames from before it sends this, and drops those the answer covers.
/// </summary>
public sealed record AttachSessionCommand(SessionCaller Caller, AttachRequest Request) : IRequest<Result<AttachResponse>>
{
    /// <summary>False: a session that is not there stays so, and is <c>SESSION_NOT_FOUND</c>.</summary>
    public bool Create { get; init; } = true;

    /// <summary>False: from now on only, without the frames before.</summary>
    public bool Replay { get; init; } = true;
}

/// <summary>
/// Chooses which attached client runs the tools from now on; calls in flight stay where they are. <c>EXECUTOR_NOT_FOUND</c> (404) when no
/// client of that id with tools is attached.
/// </summary>
/// <param name="Caller">Who chooses.</param>
/// <param name="SessionId">The session.</param>
/// <param name="ClientId">Id of the client as in <c>presence</c>; null = the caller's own connection.</param>
public sealed record ChooseExecutorCommand(SessionCaller Caller, string SessionId, string? ClientId) : IRequest<Result<Unit>>;

/// <summary>
/// Whose session this is, for a door that admits a client by the session id alone; null when there is none. Never an answer for a client.
/// </summary>
public sealed record FindSessionOwnerQuery(string SessionId) : IRequest<string?>;

/// <summary>True when this process has the session in memory, which means it holds its lease.</summary>
public sealed record HoldsSessionQuery(string SessionId) : IRequest<bool>;

/// <summary>A connection left a session (or, without a session, all of them).</summary>
public sealed record DetachSessionCommand(SessionCaller Caller, string? SessionId) : IRequest<Unit>;

/// <summary>Makes a session; <c>SESSION_EXISTS</c> (409) when the id is taken.</summary>
public sealed record CreateSessionCommand(SessionCaller Caller, CreateSessionBody Body) : IRequest<Result<SessionInfo>>;

/// <summary>Changes title, description or model.</summary>
public sealed record UpdateSessionCommand(SessionCaller Caller, string SessionId, UpdateSessionBody Body) : IRequest<Result<SessionInfo>>;

/// <summary>Deletes a session softly; a running turn is cancelled. A repeated delete is <c>SESSION_NOT_FOUND</c>.</summary>
public sealed record DeleteSessionCommand(SessionCaller Caller, string SessionId) : IRequest<Result<Unit>>;

/// <summary>
/// Clears the history: the conversation starts anew, for the model as well as for people; a running turn is cancelled. The log keeps what
/// was said, for the audit.
/// </summary>
public sealed record ClearHistoryCommand(SessionCaller Caller, string SessionId) : IRequest<Result<Unit>>;

/// <summary>One session.</summary>
public sealed record GetSessionQuery(SessionCaller Caller, string SessionId) : IRequest<Result<SessionInfo>>;

/// <summary>The caller's sessions, newest activity first.</summary>
/// <param name="Caller">Who.</param>
/// <param name="Limit">1 to 1,000.</param>
/// <param name="Offset">From 0.</param>
/// <param name="ActiveOnly">Leave deleted ones out.</param>
public sealed record ListSessionsQuery(SessionCaller Caller, int Limit, int Offset, bool ActiveOnly) : IRequest<Result<SessionList>>
{
    /// <summary>
    /// <c>own</c> (default), <c>shared</c> with the caller, <c>all</c> the caller may see by these two, or <c>team</c>: those of the members of
    /// teams the caller leads.
    /// </summary>
    public string Scope { get; init; } = "own";
}

/// <summary>Messages and agent switches, read from the log.</summary>
/// <param name="Caller">Who.</param>
/// <param name="SessionId">The session.</param>
/// <param name="Limit">Most messages; null = all.</param>
/// <param name="Offset">Messages to skip.</param>
public sealed record GetHistoryQuery(SessionCaller Caller, string SessionId, int? Limit, int Offset) : IRequest<Result<SessionHistory>>;

/// <summary>Approvals that wait in a session.</summary>
/// <param name="Caller">Who.</param>
/// <param name="SessionId">The session.</param>
/// <param name="RequestType"><c>tool</c>, <c>plan</c> or <c>all</c>.</param>
public sealed record GetPendingApprovalsQuery(SessionCaller Caller, string SessionId, string RequestType = "tool")
    : IRequest<Result<PendingApprovalList>>;

/// <summary>Current agent and switches of a session.</summary>
public sealed record GetCurrentAgentQuery(SessionCaller Caller, string SessionId) : IRequest<Result<CurrentAgentInfo>>;

/// <summary>
/// A frame for everybody attached to a session. Told in order, one at a time a session; durable frames only after their commit.
/// </summary>
public sealed record SessionFramePublished(SessionFrame Frame) : INotification;

/// <summary>Everything attached to a session must let go of it: it was deleted, or another node took it over.</summary>
public sealed record SessionClosed(string SessionId, string Reason) : INotification;
