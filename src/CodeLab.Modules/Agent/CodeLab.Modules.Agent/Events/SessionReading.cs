using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Rest;

namespace CodeLab.Modules.Agent.Events;

/// <summary>
/// Reads the figures and the audit entries of one session out of its log. What is open between two events (a model call under way) is its
/// state, which is stored, so that reading goes on where it ended.
/// </summary>
internal sealed class SessionReading
{
    private const string UnknownModel = "unknown";

    /// <summary>The agent that has the floor.</summary>
    public string Agent { get; set; } = "";

    /// <summary>The running turn.</summary>
    public string? TurnId { get; set; }

    /// <summary>When the model call that is under way was asked for.</summary>
    public DateTimeOffset? RequestedAt { get; set; }

    /// <summary>Model of the last answer: what a call that failed was most likely for.</summary>
    public string? Model { get; set; }

    /// <summary>Calls to models; told to whoever listens, not kept.</summary>
    [JsonIgnore]
    public Action<ModelRequestMetrics>? OnRequest { get; set; }

    /// <summary>Figures by name and subject; told, not kept.</summary>
    [JsonIgnore]
    public Action<string, string, long>? OnCount { get; set; }

    /// <summary>Audit entries; told, not kept.</summary>
    [JsonIgnore]
    public Action<AuditEntry>? OnAudit { get; set; }

    /// <summary>Takes the next event.</summary>
    public void Read(LoggedEvent row)
    {
        var happened = EventCodec.Decode(row.Type, row.Payload.Span);
        Count(Counters.Events, happened is null ? "unknown" : "read", 1);
        switch (happened)
        {
            case SessionCreated e:
                Agent = e.Agent;
                break;
            case TurnStarted e:
                TurnId = e.TurnId;
                break;
            case AgentSwitched e:
                Switched(row, e);
                break;
            case ModelRequested:
                // One was under way when the process stopped: it is billed and shown, and the next is another call.
                EndRequest(row, null, null, "MODEL_CALL_INTERRUPTED", hasCalls: false);
                RequestedAt = row.CreatedAt;
                break;
            case RouteDecided e:
                EndRequest(row, e.Model, e.Usage, e.Fallback ? "LLM_ERROR" : null, hasCalls: false);
                break;
            case AssistantWrote e:
                Answered(row, e);
                break;
            case ModelFailed e:
                EndRequest(row, null, e.Usage, e.Code, hasCalls: false);
                break;
            case ApprovalRequested e:
                Count(Counters.ToolApprovals, e.ToolName, 1);
                Audit(row, "tool_approval_required", w => Call(w, e.CallId, e.ToolName, "reason", e.Reason));
                break;
            case ApprovalResolved { Verdict: not "cancel" } e:
                Decided(row, e);
                break;
            case CallEnded e:
                Ended(row, e);
                break;
            case TurnCompleted or TurnCancelled:
                EndRequest(row, null, null, "CANCELLED", hasCalls: false);
                TurnId = null;
                break;
            case TurnFailed e:
                EndRequest(row, null, null, e.Code, hasCalls: false);
                Count(Counters.Errors, Agent + Counters.Separator + e.Code, 1);
                Audit(row, "agent_error", w => w.Text("agent", Agent).Text("error_code", e.Code));
                TurnId = null;
                break;
        }
    }

    private void Switched(LoggedEvent row, AgentSwitched e)
    {
        Agent = e.To;
        Count(Counters.Switches, $"{e.From}_to_{e.To}", 1);
        Audit(
            row,
            "agent_switched",
            w => w.Text("from_agent", e.From).Text("to_agent", e.To).Text("by", e.By).Text("confidence", e.Confidence)
        );
    }

    private void Answered(LoggedEvent row, AssistantWrote e)
    {
        foreach (var call in e.Calls)
            Count(Counters.ToolsRequested, call.ToolName, 1);
        // Text that the engine itself says at the end of a turn is not an answer of a model.
        if (e.Model is not null || e.Interrupted == true)
            EndRequest(row, e.Model, e.Usage, e.Interrupted == true ? "CANCELLED" : null, e.Calls.Count > 0);
    }

    private void EndRequest(LoggedEvent row, string? model, TokenUsage? usage, string? error, bool hasCalls)
    {
        if (RequestedAt is not { } since)
            return;
        RequestedAt = null;
        Model = model ?? Model;
        var milliseconds = Math.Max(0, Math.Round((row.CreatedAt - since).TotalMilliseconds, 3));
        var (input, output) = (usage?.InputTokens ?? 0, usage?.OutputTokens ?? 0);
        OnRequest?.Invoke(
            new()
            {
                Timestamp = row.CreatedAt,
                Model = Model ?? UnknownModel,
                DurationMs = milliseconds,
                PromptTokens = input,
                CompletionTokens = output,
                TotalTokens = input + output,
                HasToolCalls = hasCalls,
                Success = error is null,
                Error = error,
            }
        );
        Count(error is null ? Counters.AgentSuccesses : Counters.AgentFailures, Agent, 1);
        Count(Counters.AgentMilliseconds, Agent, (long)milliseconds);
    }

    private void Decided(LoggedEvent row, ApprovalResolved e)
    {
        var decision = e.Verdict switch
        {
            "approve" => "APPROVE",
            "edit" => "EDIT",
            _ => "REJECT",
        };
        Count(Counters.Decisions, e.ToolName + Counters.Separator + decision, 1);
        Audit(
            row,
            "hitl_decision_made",
            w =>
                Call(w, e.CallId, e.ToolName, "decision", decision)
                    .Text("decided_by", e.By)
                    .Text("door", e.Door)
                    .Text("reason", e.Verdict == "expire" ? "timeout" : null)
        );
    }

    private void Ended(LoggedEvent row, CallEnded e)
    {
        if (e.Status is CallStatus.Rejected or CallStatus.Cancelled)
            return;
        if (e.Status == CallStatus.Result && !SaysItFailed(e.Result))
        {
            Count(Counters.ToolsCompleted, e.ToolName, 1);
            return;
        }
        Count(Counters.ToolsFailed, e.ToolName, 1);
        Audit(row, "tool_execution_failed", w => Call(w, e.CallId, e.ToolName, "status", e.Status).Text("error_code", e.ErrorCode));
    }

    /// <summary>Some clients report a failure inside the result (protocol.md §4.3.2).</summary>
    private static bool SaysItFailed(JsonElement? result) =>
        result is { ValueKind: JsonValueKind.Object } value
        && value.TryGetProperty("success", out var success)
        && success.ValueKind == JsonValueKind.False;

    private static AuditData Call(AuditData data, string callId, string toolName, string name, string? value) =>
        data.Text("call_id", callId).Text("tool_name", toolName).Text(name, value);

    private void Count(string counter, string subject, long by) => OnCount?.Invoke(counter, subject, by);

    private void Audit(LoggedEvent row, string type, Action<AuditData> write)
    {
        if (OnAudit is null)
            return;
        var data = new AuditData();
        write(data);
        OnAudit(new(row.Seq, row.CreatedAt, type, TurnId, data.ToJson()));
    }
}

/// <summary>An audit entry as it is stored.</summary>
/// <param name="Seq">The event in the session's log.</param>
/// <param name="At">When, UTC.</param>
/// <param name="Type">Published name.</param>
/// <param name="TurnId">The turn, if any.</param>
/// <param name="Data">Facts, UTF-8 JSON.</param>
internal sealed record AuditEntry(long Seq, DateTimeOffset At, string Type, string? TurnId, byte[] Data)
{
    /// <summary>An id in the form clients know, the same whenever it is asked for.</summary>
    public static string IdOf(string sessionId, long seq)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{sessionId}#{seq}"), hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x40);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true).ToString();
    }
}

/// <summary>Facts of an audit entry.</summary>
internal sealed class AuditData
{
    private readonly Dictionary<string, string> _texts = new(StringComparer.Ordinal);

    public AuditData Text(string name, string? value)
    {
        if (value is not null)
            _texts[name] = value;
        return this;
    }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(_texts, Protocol.ProtocolJson.Default.DictionaryStringString);
}

/// <summary>Names of the figures that are stored.</summary>
internal static class Counters
{
    public const string Events = "events";
    public const string Switches = "agent_switches";
    public const string AgentSuccesses = "agent_successes";
    public const string AgentFailures = "agent_failures";
    public const string AgentMilliseconds = "agent_ms";
    public const string ToolsRequested = "tools_requested";
    public const string ToolsCompleted = "tools_completed";
    public const string ToolsFailed = "tools_failed";
    public const string ToolApprovals = "tool_approvals";
    public const string Decisions = "decisions";
    public const string Errors = "errors";

    /// <summary>Between the parts of a subject that has two; ids and codes never hold it.</summary>
    public const char Separator = '\n';
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SessionReading))]
internal sealed partial class ReadingJson : JsonSerializerContext;
