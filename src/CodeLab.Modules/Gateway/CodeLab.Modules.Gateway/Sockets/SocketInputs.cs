using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Gateway.Hubs;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Modules.Gateway.Sessions;
using CodeLab.Protocol.Socket;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>Reads what clients send (protocol.md §4.3) and translates it to what a session takes.</summary>
internal static partial class SocketInputs
{
    private static readonly JsonReaderOptions _strict = new() { MaxDepth = 64 };

    private static readonly Error _notJson = new("INVALID_FORMAT", "Invalid JSON message: it must be one JSON object.", 400);

    /// <summary>Reads a message, or says what is wrong with it.</summary>
    public static Result<ClientMessage> Read(ReadOnlySpan<byte> utf8)
    {
        string? type;
        try
        {
            var found = FindType(utf8);
            if (found.Error is { } error)
                return error;
            type = found.Value!;
        }
        catch (JsonException malformed)
        {
            return _notJson with { Message = $"Invalid JSON message: {Where(malformed)}" };
        }
        if (TypeOf(type) is not { } kind)
            return new Error("INVALID_TYPE", $"Unknown message type: {Shown(type)}", 400);
        try
        {
            return (ClientMessage)JsonSerializer.Deserialize(utf8, FrameJson.Options.GetTypeInfo(kind))!;
        }
        catch (JsonException wrong)
        {
            return new Error("INVALID_MESSAGE", $"The message can not be read: {Where(wrong)}", 400);
        }
    }

    /// <summary>The input a message stands for; an error when a required member is missing; null for messages of the door itself.</summary>
    /// <param name="message">The message.</param>
    /// <param name="published">Sent by a client of the published protocol: a result says that the call was approved (security.md §8.3).</param>
    public static Result<SessionInput>? ToInput(ClientMessage message, bool published) =>
        message switch
        {
            UserMessage m => Message(m),
            ToolResultMessage m => CallId(m.CallId) ?? Result(m, published),
            SwitchAgentMessage m => string.IsNullOrWhiteSpace(m.AgentType)
                ? Missing("agent_type")
                : new SessionInput.Switch(AgentOf(m.AgentType)!, IsLabel(m.Content) ? null : m.Content, m.Reason),
            HitlDecisionMessage m => CallId(m.CallId ?? m.RequestId)
                ?? Decision(
                    (m.CallId ?? m.RequestId)!,
                    m.Decision,
                    m.ModifiedArguments ?? m.EditedArguments,
                    m.Feedback,
                    m.Remember is not null,
                    "decision"
                ),
            HitlResponseMessage m => CallId(m.CallId ?? m.RequestId)
                ?? Decision((m.CallId ?? m.RequestId)!, m.Action, m.EditedArguments, m.Feedback, remember: false, "action"),
            ContextUpdateMessage m => string.IsNullOrWhiteSpace(m.Action) ? Missing("action") : new SessionInput.Context(m.Action, m.Data),
            CancelMessage => new SessionInput.Cancel(),
            PlanDecisionMessage => new Error("INVALID_MESSAGE", "There is no plan to decide on: plans are not enabled.", 400),
            _ => (Result<SessionInput>?)null,
        };

    /// <summary>Results and cancels are not counted: they belong to what was counted already (security.md §3).</summary>
    public static bool IsCounted(ClientMessage message) => message is not (ToolResultMessage or CancelMessage);

    private static Result<SessionInput> Message(UserMessage m)
    {
        if (string.IsNullOrWhiteSpace(m.Content))
            return Missing("content");
        if (m.MessageId is { } id && !Ids.IsId(id))
            return new Error("INVALID_MESSAGE", "message_id must be 1 to 128 characters of A-Z a-z 0-9 _ . : -", 400);
        return new SessionInput.Message(m.MessageId, m.Content, AgentOf(m.AgentType), m.Model, m.Attachments) { WhenBusy = m.WhenBusy };
    }

    private static Result<SessionInput> Result(ToolResultMessage m, bool published)
    {
        var (error, code) = HubInput.ErrorOf(m.Error);
        return new SessionInput.ToolResult(m.CallId!, HubInput.Present(m.Result), error, m.ErrorCode ?? code, ImpliesApproval: published);
    }

    private static Result<SessionInput> Decision(
        string callId,
        string? decision,
        JsonElement? arguments,
        string? feedback,
        bool remember,
        string field
    )
    {
        if (string.IsNullOrWhiteSpace(decision))
            return Missing(field);
        if (DecisionEndpoints.Verdict(decision) is not { } verdict)
            return new Error("INVALID_MESSAGE", $"Unknown {field} '{Shown(decision)}': use approve, edit or reject.", 400);
        if (verdict == "edit" && HubInput.Present(arguments) is not { ValueKind: JsonValueKind.Object })
            return Missing("modified_arguments");
        return new SessionInput.Decision(callId, verdict, HubInput.Present(arguments), feedback, remember);
    }

    private static Result<SessionInput>? CallId(string? callId)
    {
        if (string.IsNullOrEmpty(callId))
            return Missing("call_id");
        if (Ids.IsId(callId))
            return null;
        return new Error("INVALID_CALL_ID", "call_id must be 1 to 128 characters of A-Z a-z 0-9 _ . : -", 404);
    }

    private static Result<SessionInput> Missing(string field) =>
        new Error("MISSING_FIELD", $"'{field}' is required and must not be empty.", 400)
        {
            Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["field"] = field },
        };

    private static string? AgentOf(string? agent) => string.IsNullOrWhiteSpace(agent) ? null : agent.Trim();

    private static bool IsLabel(string? content) => string.IsNullOrWhiteSpace(content) || Label().IsMatch(content);

    /// <summary>
    /// The type, read before the rest: <c>type</c> may stand anywhere, and an unknown one is told by name. A name that stands twice is refused
    /// here, also one that no record has; below the top the records see to it.
    /// </summary>
    private static Result<string> FindType(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8, _strict);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return _notJson;
        string? type = null;
        var hasType = false;
        var names = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (!names.Add(name))
                return _notJson with { Message = $"Invalid JSON message: '{Shown(name)}' stands in it twice." };
            reader.Read();
            if (name == "type")
            {
                hasType = true;
                type = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            }
            reader.Skip();
        }
        // Whatever stands behind the object is not JSON either.
        while (reader.Read()) { }
        if (hasType && type is not null)
            return type;
        return new Error("INVALID_TYPE", "Unknown message type: a message needs a 'type'.", 400)
        {
            Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["field"] = "type" },
        };
    }

    private static Type? TypeOf(string type) =>
        type switch
        {
            "user_message" => typeof(UserMessage),
            "tool_result" => typeof(ToolResultMessage),
            "switch_agent" => typeof(SwitchAgentMessage),
            "hitl_decision" => typeof(HitlDecisionMessage),
            "hitl_response" => typeof(HitlResponseMessage),
            "context_update" => typeof(ContextUpdateMessage),
            "plan_decision" => typeof(PlanDecisionMessage),
            "auth" => typeof(AuthMessage),
            "ping" => typeof(PingMessage),
            "cancel" => typeof(CancelMessage),
            "attach" => typeof(AttachMessage),
            "choose_executor" => typeof(ChooseExecutorMessage),
            _ => null,
        };

    /// <summary>What the parser found, without the names of our types that its own texts hold.</summary>
    private static string Where(JsonException exception)
    {
        var text = new StringBuilder();
        if (exception.Path is { Length: > 1 } path)
            text.Append("at ").Append(Shown(path)).Append(", ");
        return text.Append(
                CultureInfo.InvariantCulture,
                $"byte {exception.BytePositionInLine ?? 0} of line {(exception.LineNumber ?? 0) + 1}"
            )
            .ToString();
    }

    private static string Shown(string text) => text.Length <= 64 ? text : text[..64];

    // The label the released IDE's agent picker sends as content (protocol.md §4.3.3).
    [GeneratedRegex(
        @"^\s*Switched to (the )?(Orchestrator|Coder|Code|Architect|Debug|Ask)( agent)?\s*\.?$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Label();
}
