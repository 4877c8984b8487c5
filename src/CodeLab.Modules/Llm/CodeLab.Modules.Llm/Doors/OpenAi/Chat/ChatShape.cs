using System.Buffers;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Translation;
using CodeLab.Modules.Llm.Translation.OpenAiChat;

namespace CodeLab.Modules.Llm.Doors.OpenAi.Chat;

/// <summary><c>POST /v1/chat/completions</c>.</summary>
internal sealed class ChatShape : DoorShape
{
    public static readonly ChatShape Instance = new();

    public override CallDialect Dialect => CallDialect.OpenAiChat;

    public override string RequestIdHeader => "x-request-id";

    public override ModelRequest ReadRequest(JsonElement body) => ChatRequestReader.Read(body);

    public override AnswerWriter CreateWriter(IBufferWriter<byte> output, AnswerHead head) => new ChatWriter(output, head);

    public override void WriteError(Utf8JsonWriter json, DoorError error, string requestId) => OpenAiErrors.Write(json, error);

    public override void WriteErrorEvent(IBufferWriter<byte> output, DoorError error, string requestId) =>
        WriteErrorData(output, error, requestId);
}
