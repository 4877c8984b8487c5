using System.Buffers;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Doors;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Providers.Wire;

namespace CodeLab.Modules.Llm.Translation.Embeddings;

/// <summary>Embeddings of another dialect.</summary>
internal sealed class TranslatedEmbeddings : StartedAnswer
{
    private readonly WireAnswer _answer;
    private readonly EmbeddingDoorShape _shape;
    private readonly string _model;
    private readonly bool _packed;
    private CallUsage? _usage;

    public TranslatedEmbeddings(CallTarget target, WireAnswer answer, EmbeddingDoorShape shape, string model, bool packed)
        : base(target)
    {
        (_answer, _shape, _model, _packed) = (answer, shape, model, packed);
        Waited = answer.Waited;
    }

    public override CallUsage? Usage => _usage;

    public override long Written => 0;

    public override async ValueTask ForwardAsync(DoorCall call)
    {
        using var body = new SegmentBuffer();
        var input = new ProviderInput(_answer, Target);
        while (await input.ReadAsync(call, body.GetMemory(1024)) is var read and > 0)
            body.Advance(read);
        using var written = new SegmentBuffer();
        using (var json = new Utf8JsonWriter(written))
            _shape.WriteEmbeddings(json, Read(body), _model, _packed);
        call.BeginAnswer(this, "application/json", null);
        call.Http.Response.ContentLength = written.Length;
        foreach (var segment in written.ToSequence())
        {
            call.Http.Response.BodyWriter.Write(segment.Span);
            call.Keep("application/json", segment.Span);
        }
        await call.FlushAsync(call.Http.Response.BodyWriter);
    }

    public override void Dispose() => _answer.Dispose();

    private EmbeddingAnswer Read(SegmentBuffer body)
    {
        try
        {
            using var document = JsonDocument.Parse(body.ToSequence());
            var root = document.RootElement;
            var vectors =
                _answer.Dialect == CallDialect.OllamaEmbed
                    ? root.Items("embeddings")
                    : root.Items("data").Select(d => d.GetProperty("embedding"));
            var tokens = root.Whole("prompt_eval_count") ?? root.Get("usage")?.Whole("prompt_tokens") ?? 0;
            _usage = new CallUsage(tokens, 0);
            return new EmbeddingAnswer([.. vectors.Select(v => v.EnumerateArray().Select(n => n.GetSingle()).ToArray())], _usage.Value);
        }
        catch (Exception e)
            when (e is JsonException or RequestFault or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw AnswerChecks.Unreadable(Target.Provider.Name, e);
        }
    }
}
