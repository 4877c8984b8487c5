using System.Buffers;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Translation;
using CodeLab.Modules.Llm.Translation.OpenAiResponses;

namespace CodeLab.Modules.Llm.Doors.OpenAi.Responses;

/// <summary><c>POST /v1/responses</c>.</summary>
internal sealed class ResponsesShape : DoorShape
{
    public static readonly ResponsesShape Instance = new();

    public override CallDialect Dialect => CallDialect.OpenAiResponses;

    public override string RequestIdHeader => "x-request-id";

    public override ModelRequest ReadRequest(JsonElement body) => ResponsesRequestReader.Read(body);

    public override AnswerWriter CreateWriter(IBufferWriter<byte> output, AnswerHead head) => new ResponsesWriter(output, head);

    public override void WriteError(Utf8JsonWriter json, DoorError error, string requestId) => OpenAiErrors.Write(json, error);

    public override void WriteErrorEvent(IBufferWriter<byte> output, DoorError error, string requestId)
    {
        output.Write("event: error\ndata: "u8);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteString("type", "error");
            json.WriteString("code", error.Code);
            json.WriteString("message", error.Message);
            json.WriteNull("param");
            json.WriteNumber("sequence_number", 0);
            json.WriteEndObject();
        }
        output.Write("\n\n"u8);
    }
}
