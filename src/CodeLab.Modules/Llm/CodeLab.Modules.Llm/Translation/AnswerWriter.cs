using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace CodeLab.Modules.Llm.Translation;

/// <summary>What an answer says about itself in every dialect.</summary>
/// <param name="Id">Id of the call, letters and digits.</param>
/// <param name="Created">Unix seconds.</param>
/// <param name="Model">Model as the caller named it.</param>
/// <param name="AsksUsage">OpenAI Chat: the caller wants the usage of a stream.</param>
internal sealed record AnswerHead(string Id, long Created, string Model, bool AsksUsage);

/// <summary>Writes an answer in the dialect of a door: a stream piece by piece, or a whole.</summary>
internal abstract class AnswerWriter(IBufferWriter<byte> output, AnswerHead head) : AnswerSink, IDisposable
{
    private static readonly JsonWriterOptions _options = new()
    {
        // JSON in a body is no HTML; escapes would only make every other language three times as long.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    private Utf8JsonWriter? _json;

    protected IBufferWriter<byte> Output => output;

    protected AnswerHead Head => head;

    /// <summary>Writes an answer that is no stream.</summary>
    public abstract void Whole(CollectedAnswer answer);

    public void Dispose() => _json?.Dispose();

    /// <summary>A writer of the next object; <see cref="Utf8JsonWriter.Flush"/> ends it.</summary>
    protected Utf8JsonWriter Json()
    {
        if (_json is null)
            _json = new Utf8JsonWriter(output, _options);
        else
            _json.Reset();
        return _json;
    }

    protected void Raw(ReadOnlySpan<byte> bytes) => output.Write(bytes);
}
