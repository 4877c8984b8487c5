using System.Buffers;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Translation;
using CodeLab.Modules.Llm.Translation.OpenAiChat;
using CodeLab.Modules.Llm.Translation.Published;

namespace CodeLab.Modules.Llm.Doors.Published;

/// <summary><c>POST /api/v1/completion</c> (protocol.md §9.2).</summary>
internal sealed class CompletionShape : DoorShape
{
    public static readonly CompletionShape Instance = new();

    public override CallDialect Dialect => CallDialect.Published;

    public override ModelRequest ReadRequest(JsonElement body) => ChatRequestReader.Read(body);

    public override AnswerWriter CreateWriter(IBufferWriter<byte> output, AnswerHead head) => new PublishedWriter(output, head);

    public override void WriteError(Utf8JsonWriter json, DoorError error, string requestId) =>
        PublishedErrors.Write(json, error, requestId);

    public override void WriteErrorEvent(IBufferWriter<byte> output, DoorError error, string requestId)
    {
        output.Write("data: "u8);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteString("type", "error");
            json.WriteString("error_code", error.Code);
            json.WriteString("message", error.Message);
            json.WriteEndObject();
        }
        output.Write("\n\n"u8);
    }
}

/// <summary>Failures of the published routes: the body of protocol.md §3.1 with the members of §9.5.</summary>
internal static class PublishedErrors
{
    public static void Write(Utf8JsonWriter json, DoorError error, string requestId)
    {
        json.WriteStartObject();
        json.WriteString("error", error.Code);
        json.WriteString("error_code", error.Code);
        json.WriteString("message", error.Message);
        json.WriteString("detail", error.Message);
        if (error.Provider is { } provider)
            json.WriteString("provider", provider);
        if (error.ProviderStatus is { } status)
            json.WriteNumber("status_code", status);
        if (error.RetryAfterSeconds is { } seconds)
            json.WriteNumber("retry_after", seconds);
        json.WriteString("correlation_id", requestId);
        json.WriteEndObject();
    }
}
