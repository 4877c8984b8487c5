using System.Buffers;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Doors;

namespace CodeLab.Modules.Llm.Translation.Embeddings;

/// <summary>A door for embeddings: a list of texts in, a list of vectors out.</summary>
internal abstract class EmbeddingDoorShape : DoorShape
{
    public override CallKind Kind => CallKind.Embeddings;

    public abstract void WriteEmbeddings(Utf8JsonWriter json, EmbeddingAnswer answer, string model, bool packed);

    public override ModelRequest ReadRequest(JsonElement body) => throw new NotSupportedException("Embeddings are no chat");

    public override AnswerWriter CreateWriter(IBufferWriter<byte> output, AnswerHead head) =>
        throw new NotSupportedException("Embeddings are no chat");

    public override void WriteErrorEvent(IBufferWriter<byte> output, DoorError error, string requestId) =>
        throw new NotSupportedException("Embeddings are no stream");

    public override async ValueTask<StartedAnswer> TranslateAsync(TranslatedCalls calls, DoorCall call, CallTarget target)
    {
        if (target.Kind.Wire?.EmbeddingsDialect is not { } dialect)
            throw new RequestFault($"{target.Provider.Name} makes no embeddings. Choose a model of another provider.");
        using var document = TranslatedCalls.Parse(call);
        var body = document.RootElement;
        var input = body.Get("input") ?? throw new RequestFault("input is missing.");
        using var buffer = new SegmentBuffer();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("model", target.Model);
            json.WritePropertyName("input");
            input.WriteTo(json);
            if (body.Whole("dimensions") is { } dimensions)
                json.WriteNumber("dimensions", dimensions);
            if (dialect == CallDialect.OpenAiEmbeddings)
                json.WriteString("encoding_format", "float");
            json.WriteEndObject();
        }
        var answer = await calls.Wire.SendAsync(target, dialect, new SegmentContent(buffer), null, call.Clock!);
        var model = string.IsNullOrEmpty(call.Scan.Model) ? target.Id : call.Scan.Model;
        return new TranslatedEmbeddings(target, answer, this, model, body.Text("encoding_format") == "base64");
    }
}

/// <summary>Vectors in the order of their texts.</summary>
internal sealed record EmbeddingAnswer(List<float[]> Vectors, CallUsage Usage);
