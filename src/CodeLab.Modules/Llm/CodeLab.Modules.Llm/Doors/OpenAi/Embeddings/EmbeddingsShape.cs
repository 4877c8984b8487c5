using System.Runtime.InteropServices;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Translation.Embeddings;

namespace CodeLab.Modules.Llm.Doors.OpenAi.Embeddings;

/// <summary><c>POST /v1/embeddings</c>.</summary>
internal sealed class EmbeddingsShape : EmbeddingDoorShape
{
    public static readonly EmbeddingsShape Instance = new();

    public override CallDialect Dialect => CallDialect.OpenAiEmbeddings;

    public override void WriteEmbeddings(Utf8JsonWriter json, EmbeddingAnswer answer, string model, bool packed)
    {
        json.WriteStartObject();
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        for (var i = 0; i < answer.Vectors.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("object", "embedding");
            json.WriteNumber("index", i);
            if (packed)
            {
                json.WriteBase64String("embedding", MemoryMarshal.AsBytes(answer.Vectors[i].AsSpan()));
            }
            else
            {
                json.WriteStartArray("embedding");
                foreach (var value in answer.Vectors[i])
                    json.WriteNumberValue(value);
                json.WriteEndArray();
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteString("model", model);
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", answer.Usage.Input);
        json.WriteNumber("total_tokens", answer.Usage.Input);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public override void WriteError(Utf8JsonWriter json, DoorError error, string requestId) => OpenAiErrors.Write(json, error);
}
