using System.Text.Encodings.Web;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Doors;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Providers.Wire;
using CodeLab.Modules.Llm.Translation.AnthropicMessages;
using CodeLab.Modules.Llm.Translation.Local;
using CodeLab.Modules.Llm.Translation.Ollama;
using CodeLab.Modules.Llm.Translation.OpenAiChat;

namespace CodeLab.Modules.Llm.Translation;

/// <summary>Sends a request to a provider of another dialect, and reads its answer into the writer of the caller's.</summary>
internal sealed class TranslatedCalls(WireClient wire, ProviderTransport transport, TimeProvider time)
{
    private static readonly JsonDocumentOptions _documents = new() { MaxDepth = 64 };
    private static readonly JsonWriterOptions _writing = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    public WireClient Wire => wire;

    /// <summary>Reads the caller's request once, whatever the number of tries.</summary>
    public static JsonDocument Parse(DoorCall call)
    {
        try
        {
            return JsonDocument.Parse(call.Body, _documents);
        }
        catch (JsonException)
        {
            throw new RequestFault("The body is no JSON. Check its syntax.");
        }
    }

    public async ValueTask<StartedAnswer> StartAsync(DoorCall call, CallTarget target)
    {
        using var document = Parse(call);
        var request = call.Shape.ReadRequest(document.RootElement);
        var head = new AnswerHead(
            Guid.NewGuid().ToString("N"),
            time.GetUtcNow().ToUnixTimeSeconds(),
            string.IsNullOrEmpty(call.Scan.Model) ? target.Id : call.Scan.Model,
            call.Scan.AsksUsage
        );
        if (target.Kind.Wire is not { } providerWire)
            return StartLocal(call, target, request, head);
        var dialect = providerWire.ChatDialect;
        var body = new SegmentBuffer();
        try
        {
            using (var json = new Utf8JsonWriter(body, _writing))
                WriteRequest(dialect, json, request, target);
            var answer = await wire.SendAsync(target, dialect, new SegmentContent(body), null, call.Clock!);
            return new TranslatedAnswer(target, answer, call.Shape, head, call.Streams);
        }
        finally
        {
            body.Dispose();
        }
    }

    private LocalAnswer StartLocal(DoorCall call, CallTarget target, ModelRequest request, AnswerHead head)
    {
        // A local model opens no connection; the client is what its kind is made with everywhere.
        var providerCall = new ProviderCall(target.Provider, target.Limits, time, call.Clock!.Whole);
        var http = transport.CreateClient(providerCall);
        var client = target.Kind.CreateClient(target.Provider, target.Model, target.Facts, http);
        return new LocalAnswer(target, client, LocalRequest.From(request, target.Model), call.Shape, head, [client, http, providerCall]);
    }

    private static void WriteRequest(CallDialect dialect, Utf8JsonWriter json, ModelRequest request, CallTarget target)
    {
        switch (dialect)
        {
            case CallDialect.OpenAiChat:
                ChatRequestWriter.Write(json, request, target);
                break;
            case CallDialect.AnthropicMessages:
                MessagesRequestWriter.Write(json, request, target);
                break;
            case CallDialect.Ollama:
                OllamaRequestWriter.Write(json, request, target);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(dialect), dialect, null);
        }
    }
}
