using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Socket;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>Writes frames in the shapes that clients of the published protocol know (protocol.md §4.4). Extra members do them no harm.</summary>
internal static class PublishedFrames
{
    private const int LargestWithCopy = 256 * 1024;
    private const string Stopped = "Stopped.";

    private static readonly JsonTypeInfo<ServerMessage> _message =
        (JsonTypeInfo<ServerMessage>)FrameJson.Options.GetTypeInfo(typeof(ServerMessage));

    /// <summary>
    /// The published form that all connections share, or null when the frame's own form is it. <paramref name="whole"/>: <c>token</c> holds
    /// the whole text; else it is empty, because the client has had the text in pieces.
    /// </summary>
    public static byte[]? Write(SessionFrame frame, bool whole) =>
        frame switch
        {
            AssistantMessageFrame { Content: { } content } text => whole
                ? Whole(text, content)
                : FrameJson.Fit(text with { Token = "" }).Json,
            _ when whole => null,
            ToolCallFrame call => ToolCall(call),
            AgentSwitchedFrame e => Write(Switched(e)),
            ErrorFrame e => Write(ErrorOf(e)),
            TurnFailedFrame e => Write(Error(e.SessionId, e.Seq, e.ErrorCode, e.Content, isFinal: true)),
            TurnCancelledFrame e => FrameJson.Serialize(
                new AssistantMessageFrame
                {
                    SessionId = e.SessionId,
                    Seq = e.Seq,
                    MessageId = "stop-" + e.TurnId,
                    Content = Stopped,
                    Token = Stopped,
                    IsFinal = true,
                    Timestamp = e.Timestamp,
                }
            ),
            AgentStatusFrame e => Write(Status(e)),
            _ => null,
        };

    /// <summary>A finished text of which the client has had the first characters already.</summary>
    public static byte[] Rest(AssistantMessageFrame text, int had) => FrameJson.Fit(text with { Token = text.Content![had..] }).Json;

    public static byte[] Write(ServerMessage message) => JsonSerializer.SerializeToUtf8Bytes(message, _message);

    /// <summary>An error in the published shape.</summary>
    public static ErrorMessage ErrorOf(Error error, string sessionId, bool isFinal, string? id = null) =>
        Error(sessionId, null, error.Code, error.Message, isFinal) with
        {
            Id = id,
            RetryAfter = error.RetryAfterSeconds,
            Details = error.Details is null
                ? null
                : JsonSerializer.SerializeToElement(
                    new Dictionary<string, string>(error.Details, StringComparer.Ordinal),
                    ProtocolJson.Default.DictionaryStringString
                ),
        };

    // Both members hold the text, so each may take half of a frame.
    private static byte[] Whole(AssistantMessageFrame text, string content)
    {
        if (content.Length < FrameJson.Largest / 8)
            return FrameJson.Fit(text with { Token = content }).Json;
        var half = (AssistantMessageFrame)FrameJson.Fit(text with { Token = null }, FrameJson.Largest / 2).Frame;
        return FrameJson.Serialize(half with { Token = half.Content });
    }

    private static byte[] ToolCall(ToolCallFrame call)
    {
        var message = new ToolCallMessage
        {
            SessionId = call.SessionId,
            Seq = call.Seq,
            CallId = call.CallId,
            ToolName = call.ToolName,
            Arguments = call.Arguments,
            RequiresApproval = call.RequiresApproval,
            Reason = call.Reason,
            Redelivered = call.Redelivered,
        };
        var json = Write(message);
        return json.Length > LargestWithCopy / 2 ? json : Write(message with { Args = call.Arguments });
    }

    private static AgentSwitchedMessage Switched(AgentSwitchedFrame e) =>
        new()
        {
            SessionId = e.SessionId,
            Seq = e.Seq,
            Content = e.Content,
            FromAgent = e.FromAgent,
            ToAgent = e.ToAgent,
            Reason = e.Reason,
            Confidence = e.Confidence,
            Timestamp = e.Timestamp,
            IsFinal = e.IsFinal,
            Metadata = new()
            {
                FromAgent = e.FromAgent,
                ToAgent = e.ToAgent,
                Reason = e.Reason,
                Confidence = e.Confidence,
            },
        };

    private static ErrorMessage ErrorOf(ErrorFrame e) =>
        Error(e.SessionId, e.Seq, e.ErrorCode, e.Content, e.IsFinal) with
        {
            Details = e.Details,
            RetryAfter = e.RetryAfter,
        };

    private static ErrorMessage Error(string sessionId, long? seq, string code, string text, bool isFinal) =>
        new()
        {
            SessionId = sessionId,
            Seq = seq,
            Content = text,
            Error = text,
            Message = text,
            ErrorCode = code,
            Code = code,
            IsFinal = isFinal,
        };

    private static StatusMessage Status(AgentStatusFrame e) =>
        new()
        {
            SessionId = e.SessionId,
            // The published set has no word for a call that waits for its client.
            Status = e.Status == "waiting_client" ? "executing_tool" : e.Status,
            Message =
                e.Message
                ?? e.Status switch
                {
                    "thinking" => "The model is answering",
                    "executing_tool" => "A tool is running",
                    "waiting_client" => "Waiting for a client that can run the tool",
                    "waiting_approval" => "Waiting for an approval",
                    _ => "Ready",
                },
        };
}
