using System.Buffers;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Translation;
using CodeLab.Modules.Llm.Translation.AnthropicMessages;

namespace CodeLab.Modules.Llm.Doors.Anthropic.Messages;

/// <summary><c>POST /v1/messages</c>.</summary>
internal sealed class MessagesShape : DoorShape
{
    public static readonly MessagesShape Instance = new();

    public override CallDialect Dialect => CallDialect.AnthropicMessages;

    public override string RequestIdHeader => "request-id";

    public override ModelRequest ReadRequest(JsonElement body) => MessagesRequestReader.Read(body);

    public override AnswerWriter CreateWriter(IBufferWriter<byte> output, AnswerHead head) => new MessagesWriter(output, head);

    public override void WriteError(Utf8JsonWriter json, DoorError error, string requestId) =>
        AnthropicErrors.Write(json, error, requestId);

    public override void WriteErrorEvent(IBufferWriter<byte> output, DoorError error, string requestId)
    {
        output.Write("event: error\n"u8);
        WriteErrorData(output, error, requestId);
    }
}
