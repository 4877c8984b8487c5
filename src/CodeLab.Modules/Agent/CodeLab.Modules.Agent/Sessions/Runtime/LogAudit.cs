using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Auth.Audit;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>What of a session's events belongs into the audit (security.md §13); written in the transaction of the events.</summary>
internal static class LogAudit
{
    /// <summary>The audit's share of a batch. Dispatch and results of calls that needed nobody stay in the session's log alone.</summary>
    public static List<AuditEvent> Of(SessionState state, IReadOnlyList<SessionEvent> events)
    {
        List<AuditEvent>? entries = null;
        foreach (var happened in events)
        {
            if (Of(state, happened) is { } entry)
                (entries ??= []).Add(entry);
        }
        return entries ?? [];
    }

    private static AuditEvent? Of(SessionState state, SessionEvent happened) =>
        happened switch
        {
            ApprovalRequested e => Entry(
                state,
                "approval.requested",
                state.Owner,
                e.CallId,
                e.Reason,
                ("tool", e.ToolName),
                ("rule", e.RuleId),
                ("approver_role", e.ApproverRole)
            ),
            ApprovalResolved { Verdict: not "cancel" } e => Entry(
                state,
                e.Implied == true ? "approval.implied" : TypeOf(e.Verdict),
                e.By,
                e.CallId,
                null,
                ("tool", e.ToolName),
                ("door", e.Door),
                ("owner", state.Owner),
                ("rule", state.FindCall(e.CallId)?.RuleId),
                ("remembered", e.Remembered?.Id),
                ("approver_role", state.FindCall(e.CallId)?.ApproverRole)
            ),
            CallEnded { Status: CallStatus.Denied, ErrorCode: "POLICY_DENIED" or "ROLE_NOT_ALLOWED" } e => Entry(
                state,
                "tool.denied",
                state.Owner,
                e.CallId,
                e.Error,
                ("tool", e.ToolName)
            ) with
            {
                Outcome = "denied",
            },
            CallEnded { Status: CallStatus.OutcomeUnknown } e => Entry(
                state,
                "tool.outcome_unknown",
                state.Owner,
                e.CallId,
                null,
                ("tool", e.ToolName)
            ),
            AutonomyChosen e => Entry(state, "settings.changed", e.By, state.Id, $"autonomy {e.Level}"),
            RememberedRevoked e => Entry(state, "settings.changed", e.By, e.RuleId, "remembered decision revoked"),
            TurnFailed { Code: "TURN_LIMIT" } e => Entry(state, "turn.limit", state.Owner, e.TurnId, e.Message),
            _ => null,
        };

    private static AuditEvent Entry(
        SessionState state,
        string type,
        string? actor,
        string subject,
        string? reason,
        params ReadOnlySpan<(string Name, string? Value)> facts
    )
    {
        var metadata = new Dictionary<string, object?>();
        foreach (var (name, value) in facts)
        {
            if (value is not null)
                metadata[name] = value;
        }
        return new(type)
        {
            Actor = actor,
            Subject = subject,
            Session = state.Id,
            Reason = reason,
            Metadata = metadata,
        };
    }

    private static string TypeOf(string verdict) =>
        verdict switch
        {
            "approve" => "approval.approved",
            "edit" => "approval.edited",
            "expire" => "approval.expired",
            _ => "approval.rejected",
        };
}
