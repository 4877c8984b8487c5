using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;

namespace CodeLab.Modules.Gateway.Relay;

/// <summary>What nodes say to each other about sessions that one of them holds and others have clients of.</summary>
internal sealed record RelayMessage
{
    /// <summary>The node that says it.</summary>
    public required string From { get; init; }

    /// <summary>Call and answer carry the same number.</summary>
    public string? CallId { get; init; }

    /// <summary>Call: what the session is asked.</summary>
    public RelayCall? Call { get; init; }

    /// <summary>Answer: null when it succeeded without a value.</summary>
    public JsonElement? Value { get; init; }

    /// <summary>Answer: why it failed.</summary>
    public Error? Error { get; init; }

    /// <summary>True for an answer.</summary>
    public bool IsAnswer { get; init; }

    /// <summary>Position of a frame, or of the last one sent, in what this node tells the other: a gap is a loss.</summary>
    public long? Number { get; init; }

    /// <summary>A frame for the session's clients there.</summary>
    public SessionFrame? Frame { get; init; }

    /// <summary>True: the node is there and has clients of sessions held by whom it tells.</summary>
    public bool? Watches { get; init; }

    /// <summary>The session is not served by this node any more: why.</summary>
    public string? Closed { get; init; }

    /// <summary>The session of <see cref="Closed"/>.</summary>
    public string? SessionId { get; init; }
}

/// <summary>A call to the node that holds a session.</summary>
internal sealed record RelayCall
{
    /// <summary><c>attach</c>, <c>detach</c>, <c>choose</c>, or the kind of an input.</summary>
    public required string Kind { get; init; }

    public required string SessionId { get; init; }
    public required string UserId { get; init; }
    public required string Door { get; init; }
    public string? ConnectionId { get; init; }
    public bool IsAdmin { get; init; }
    public AttachRequest? Attach { get; init; }
    public bool Create { get; init; }
    public bool Replay { get; init; }
    public string? Id { get; init; }
    public string? Content { get; init; }
    public string? Agent { get; init; }
    public string? Model { get; init; }
    public string? Word { get; init; }
    public string? Reason { get; init; }
    public bool Flag { get; init; }
    public IReadOnlyList<MessageAttachment>? Attachments { get; init; }
    public JsonElement? Json { get; init; }
    public ContextFile? File { get; init; }

    public SessionCaller Caller => new(UserId, Door, ConnectionId) { IsAdmin = IsAdmin };

    public static RelayCall Of(string kind, SessionCaller caller, string sessionId) =>
        new()
        {
            Kind = kind,
            SessionId = sessionId,
            UserId = caller.UserId,
            Door = caller.Door,
            ConnectionId = caller.ConnectionId,
            IsAdmin = caller.IsAdmin,
        };

    public static RelayCall Of(AcceptInputCommand command)
    {
        var call = Of("", command.Caller, command.SessionId);
        return command.Input switch
        {
            SessionInput.Message m => call with
            {
                Kind = "message",
                Id = m.MessageId,
                Content = m.Content,
                Agent = m.Agent,
                Model = m.Model,
                Attachments = m.Attachments,
                Word = m.WhenBusy,
            },
            SessionInput.ToolResult r => call with
            {
                Kind = "result",
                Id = r.CallId,
                Json = r.Result,
                Content = r.Error,
                Word = r.ErrorCode,
                Flag = r.ImpliesApproval,
            },
            SessionInput.Decision d => call with
            {
                Kind = "decision",
                Id = d.CallId,
                Word = d.Verdict,
                Json = d.ModifiedArguments,
                Content = d.Feedback,
                Flag = d.Remember,
            },
            SessionInput.Switch s => call with { Kind = "switch", Agent = s.Agent, Content = s.Content, Reason = s.Reason },
            SessionInput.Context c => call with { Kind = "context", Word = c.Action, File = c.File },
            _ => call with { Kind = "cancel" },
        };
    }

    public SessionInput ToInput() =>
        Kind switch
        {
            "message" => new SessionInput.Message(Id, Content ?? "", Agent, Model, Attachments) { WhenBusy = Word },
            "result" => new SessionInput.ToolResult(Id ?? "", Json, Content, Word, Flag),
            "decision" => new SessionInput.Decision(Id ?? "", Word ?? "", Json, Content, Flag),
            "switch" => new SessionInput.Switch(Agent ?? "", Content, Reason),
            "context" => new SessionInput.Context(Word ?? "", File),
            _ => new SessionInput.Cancel(),
        };
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowOutOfOrderMetadataProperties = true
)]
[JsonSerializable(typeof(RelayMessage))]
[JsonSerializable(typeof(AttachResponse))]
[JsonSerializable(typeof(InputAck))]
internal sealed partial class RelayJson : JsonSerializerContext;
