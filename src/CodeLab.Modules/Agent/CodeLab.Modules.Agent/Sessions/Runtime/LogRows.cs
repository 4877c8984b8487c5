using System.Text;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>Makes the rows that are written with a batch of events: readings of the log that must never disagree with it.</summary>
internal static class LogRows
{
    public static LoggedEvent[] Events(IReadOnlyList<SessionEvent> events, long firstSeq, DateTimeOffset now)
    {
        var rows = new LoggedEvent[events.Count];
        for (var i = 0; i < rows.Length; i++)
        {
            var (type, payload) = EventCodec.Encode(events[i]);
            rows[i] = new(firstSeq + i, type, payload, now);
        }
        return rows;
    }

    public static IReadOnlyList<ToolCallRow> Calls(SessionState state, IReadOnlyList<SessionEvent> events, long epoch, DateTimeOffset now)
    {
        List<ToolCallRow>? rows = null;
        foreach (var callId in TouchedCalls(events))
        {
            if (state.FindCall(callId) is { } call)
            {
                (rows ??= []).Add(
                    new(
                        callId,
                        call.ToolName,
                        StateOf(call),
                        call.Hash,
                        call.Attempt,
                        call.Epoch == 0 ? epoch : call.Epoch,
                        call.DispatchedAt,
                        now
                    )
                );
            }
            else if (state.Ended.TryGetValue(callId, out var ended) && state.FindTranscriptCall(callId) is { } past)
            {
                (rows ??= []).Add(new(callId, past.ToolName, ended.Status, "", 0, epoch, null, now));
            }
        }
        return rows ?? (IReadOnlyList<ToolCallRow>)[];
    }

    public static IReadOnlyList<ApprovalRow> Approvals(SessionState state, IReadOnlyList<SessionEvent> events, DateTimeOffset now)
    {
        List<ApprovalRow>? rows = null;
        foreach (var happened in events)
        {
            switch (happened)
            {
                case ApprovalRequested e when state.FindTranscriptCall(e.CallId) is { } call:
                    Replace(rows ??= [], new(e.CallId, e.ToolName, Json(call), e.Reason, ApprovalStatus.Pending, now, null, null, null));
                    break;
                case ApprovalResolved e when state.FindTranscriptCall(e.CallId) is { } call:
                    Replace(rows ??= [], new(e.CallId, e.ToolName, Json(call), "", StatusOf(e.Verdict), now, now, e.By, e.Door));
                    break;
            }
        }
        return rows ?? (IReadOnlyList<ApprovalRow>)[];
    }

    private static void Replace(List<ApprovalRow> rows, ApprovalRow row)
    {
        // Asked and decided in one commit (a cancel, say): the decision is what stands.
        rows.RemoveAll(r => r.CallId == row.CallId);
        rows.Add(row);
    }

    private static byte[] Json(TranscriptCall call) => Encoding.UTF8.GetBytes(call.Arguments.GetRawText());

    private static string StatusOf(string verdict) =>
        verdict switch
        {
            "approve" => ApprovalStatus.Approved,
            "edit" => ApprovalStatus.Edited,
            "expire" => ApprovalStatus.Expired,
            "cancel" => ApprovalStatus.Cancelled,
            _ => ApprovalStatus.Rejected,
        };

    private static string StateOf(CallState call) =>
        call.Stage switch
        {
            CallStage.AwaitingApproval => "awaiting_approval",
            CallStage.Ready => "ready",
            CallStage.Dispatched => "dispatched",
            _ => call.EndStatus ?? "open",
        };

    private static HashSet<string> TouchedCalls(IReadOnlyList<SessionEvent> events)
    {
        var touched = new HashSet<string>(StringComparer.Ordinal);
        foreach (var happened in events)
        {
            var callId = happened switch
            {
                ApprovalRequested e => e.CallId,
                ApprovalResolved e => e.CallId,
                CallAllowed e => e.CallId,
                CallDispatched e => e.CallId,
                CallEnded e => e.CallId,
                _ => null,
            };
            if (callId is not null)
                touched.Add(callId);
        }
        return touched;
    }
}
