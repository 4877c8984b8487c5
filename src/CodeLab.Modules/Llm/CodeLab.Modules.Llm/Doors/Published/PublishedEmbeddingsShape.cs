using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Translation.Embeddings;

namespace CodeLab.Modules.Llm.Doors.Published;

/// <summary><c>POST /api/v1/embeddings</c> (protocol.md §9.4).</summary>
internal sealed class PublishedEmbeddingsShape : EmbeddingDoorShape
{
    public static readonly PublishedEmbeddingsShape Instance = new();

    public override CallDialect Dialect => CallDialect.Published;

    public override void WriteEmbeddings(Utf8JsonWriter json, EmbeddingAnswer answer, string model, bool packed)
    {
        json.WriteStartObject();
        json.WriteString("model", model);
        json.WriteStartArray("embeddings");
        foreach (var vector in answer.Vectors)
        {
            json.WriteStartArray();
            foreach (var value in vector)
                json.WriteNumberValue(value);
            json.WriteEndArray();
        }
        json.WriteEndArray();
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", answer.Usage.Input);
        json.WriteNumber("total_tokens", answer.Usage.Input);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public override void WriteError(Utf8JsonWriter json, DoorError error, string requestId) =>
        PublishedErrors.Write(json, error, requestId);
}
