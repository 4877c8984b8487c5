using System.Buffers;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Translation;
using CodeLab.Modules.Llm.Translation.Ollama;

namespace CodeLab.Modules.Llm.Doors.Ollama;

/// <summary><c>POST /api/chat</c>, as Ollama has it: streamed unless told otherwise.</summary>
internal sealed class OllamaShape : DoorShape
{
    public static readonly OllamaShape Instance = new();

    public override CallDialect Dialect => CallDialect.Ollama;

    public override bool StreamsUnasked => true;

    public override string StreamContentType => "application/x-ndjson";

    public override ModelRequest ReadRequest(JsonElement body) => OllamaRequestReader.Read(body);

    public override AnswerWriter CreateWriter(IBufferWriter<byte> output, AnswerHead head) => new OllamaWriter(output, head);

    public override void WriteError(Utf8JsonWriter json, DoorError error, string requestId)
    {
        json.WriteStartObject();
        json.WriteString("error", error.Message);
        json.WriteString("code", error.Code);
        json.WriteEndObject();
    }

    public override void WriteErrorEvent(IBufferWriter<byte> output, DoorError error, string requestId)
    {
        using (var json = new Utf8JsonWriter(output))
            WriteError(json, error, requestId);
        output.Write("\n"u8);
    }
}
