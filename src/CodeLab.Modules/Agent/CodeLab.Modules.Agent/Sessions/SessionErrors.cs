using CodeLab.BuildingBlocks.Results;

namespace CodeLab.Modules.Agent.Sessions;

/// <summary>Failures a caller of a session is meant to handle.</summary>
internal static class SessionErrors
{
    public static Error NotFound(string sessionId) =>
        new("SESSION_NOT_FOUND", $"Session {Shown(sessionId)} not found", 404)
        {
            Details = new Dictionary<string, string> { ["session_id"] = Shown(sessionId) },
        };

    public static Error NoMetrics(string sessionId) => new("METRICS_NOT_FOUND", $"No metrics found for session {Shown(sessionId)}", 404);

    public static Error NotPermitted(SessionRight right) =>
        new(
            "PERMISSION_DENIED",
            $"You are {Sharing.SessionAccess.RoleOf(right)} of this session: its owner may give you another role.",
            403
        );

    public static Error InvalidRole(string role) => new("INVALID_ROLE", $"Unknown role '{Shown(role)}': use viewer, driver or owner.", 400);

    public static Error UnknownGrantee(string kind) =>
        kind == "user"
            ? new("USER_NOT_FOUND", "There is no such user to share with.", 404)
            : new("TEAM_NOT_FOUND", "There is no such team among yours.", 404);

    public static Error NotShared() => new("SHARE_NOT_FOUND", "The session is not shared with them.", 404);

    public static Error Exists(string sessionId) =>
        new("SESSION_EXISTS", $"Session {Shown(sessionId)} already exists: choose another id.", 409);

    public static Error InvalidId() =>
        new("INVALID_MESSAGE", "A session id has 1 to 64 characters of A-Z, a-z, 0-9, '_', '.' and '-'.", 400);

    public static Error Elsewhere() =>
        new("SESSION_ELSEWHERE", "Another node is serving this session. Try again in a few seconds.", 503) { RetryAfterSeconds = 5 };

    public static Error Draining() =>
        new("SERVER_SHUTTING_DOWN", "The server is restarting. Nothing is lost: send this again in a few seconds.", 503)
        {
            RetryAfterSeconds = 5,
        };

    public static Error Busy() =>
        new("SESSION_BUSY", "Too many inputs wait for this session. Try again in a second.", 503) { RetryAfterSeconds = 1 };

    public static Error UnknownAgent(string agent) =>
        new("INVALID_MESSAGE", $"Unknown agent '{Shown(agent)}'. GET /api/v1/agents lists them.", 400);

    public static Error MissingField(string field) =>
        new("MISSING_FIELD", $"'{field}' is required and must not be empty.", 400)
        {
            Details = new Dictionary<string, string> { ["field"] = field },
        };

    public static Error MessageTooLong(int limit) =>
        new("INVALID_MESSAGE", $"A message has at most {limit} characters: attach a file.", 413);

    public static Error InvalidWhenBusy(string given) =>
        new("INVALID_MESSAGE", $"Unknown 'when_busy' '{Shown(given)}': use queue, steer or interrupt.", 400);

    public static Error QueueFull(int limit) =>
        new("QUEUE_FULL", $"{limit} messages already wait for this session. Wait for a turn to end, or cancel it.", 429)
        {
            RetryAfterSeconds = 5,
        };

    public static Error UnknownCall(string callId) => new("INVALID_CALL_ID", $"No open tool call '{Shown(callId)}' in this session.", 404);

    public static Error SecondPersonRequired(string role) =>
        new("SECOND_PERSON_REQUIRED", $"Somebody else with the role {role} must approve this call; you may reject it.", 403);

    public static Error InvalidRemember(string problem) => new("INVALID_MESSAGE", "To remember a decision: " + problem, 400);

    public static Error NoPendingApproval(string callId) =>
        new("INVALID_CALL_ID", $"No pending approval found for request_id={Shown(callId)}", 404);

    public static Error ResultConflict(string callId) =>
        new("INVALID_CALL_ID", $"Tool call '{Shown(callId)}' already has another result; the first one counts.", 409);

    public static Error ApprovalRequired(string callId) =>
        new("APPROVAL_REQUIRED", $"Tool call '{Shown(callId)}' waits for a decision: decide before running it.", 409);

    public static Error NoExecutor(string? clientId) =>
        new(
            "EXECUTOR_NOT_FOUND",
            clientId is null
                ? "Attach with tools before you ask to run them."
                : $"No client '{Shown(clientId)}' with tools is attached. The presence frame lists who is.",
            404
        );

    public static Error InvalidDecision(string verdict) =>
        new("INVALID_MESSAGE", $"Unknown decision '{Shown(verdict)}': use approve, edit or reject.", 400);

    public static Error InvalidArguments(string problem) => new("INVALID_ARGUMENTS", problem, 400);

    public static Error InvalidContext(string problem) => new("INVALID_MESSAGE", problem, 400);

    public static Error InvalidExport(Transfer.ImportFault fault) =>
        new("INVALID_EXPORT", fault.Message, 400)
        {
            Details = new Dictionary<string, string> { ["line"] = fault.Line.ToString(System.Globalization.CultureInfo.InvariantCulture) },
        };

    public static Error ExportTooLarge(int megabytes) =>
        new("EXPORT_TOO_LARGE", $"This server imports sessions of at most {megabytes} MiB (CodeLab__Agent__ImportMegabytes).", 413);

    public static Error ImportBusy() =>
        new("IMPORT_BUSY", "Other sessions are being imported. Try again in a few seconds.", 503) { RetryAfterSeconds = 5 };

    public static Error TooLongToRerun(int most) =>
        new("SESSION_TOO_LONG", $"Sessions of at most {most} events are played again (CodeLab__Agent__RerunEvents).", 413);

    public static Error InvalidLevel() =>
        new("INVALID_LEVEL", "'level' is paranoid, cautious, balanced or autonomous (or strict, medium, permissive).", 400);

    public static Error InvalidSeq(long last) => new("INVALID_SEQ", $"The session has events 1 to {last}.", 400);

    // Errors echo at most 64 characters of what a client sent (security.md §7.8).
    private static string Shown(string text) => text.Length <= 64 ? text : text[..64];
}
