using System.Collections.Concurrent;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Llm.Admission;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>Tells the audit of calls a budget refused, at most once a minute and user: a client that keeps trying must not fill it.</summary>
internal sealed class RefusalAudit(TimeProvider time, IAuditTrail? audit = null)
{
    private const int Most = 10_000;
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, long> _told = new(StringComparer.Ordinal);

    public async ValueTask NoteAsync(CallRequest request, CallerRights rights, Error error)
    {
        if (audit is null)
            return;
        var user = request.Caller.UserId;
        var now = time.GetTimestamp();
        if (_told.TryGetValue(user, out var last) && time.GetElapsedTime(last, now) < Pause)
            return;
        if (_told.Count >= Most)
            _told.Clear();
        _told[user] = now;
        var entry = new AuditEvent("budget.exceeded")
        {
            Actor = user,
            Subject = request.Caller.KeyId ?? user,
            Session = request.Caller.SessionId,
            Outcome = "denied",
            Reason = error.Code,
            Metadata = new Dictionary<string, object?> { ["team"] = rights.TeamId, ["model"] = request.Model },
        };
        await audit.AppendAsync(entry, CancellationToken.None);
    }
}
