using System.Buffers;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Translation;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Llm.Doors;

/// <summary>What makes a door one of its dialect: how it reads, answers and fails. Everything between is <see cref="DoorCall"/>.</summary>
internal abstract class DoorShape
{
    public abstract CallDialect Dialect { get; }

    public virtual CallKind Kind => CallKind.Chat;

    /// <summary>What a request without <c>stream</c> means.</summary>
    public virtual bool StreamsUnasked => false;

    public virtual string StreamContentType => "text/event-stream; charset=utf-8";

    /// <summary>Header under which clients of the dialect look for the provider's id of a request; null = none.</summary>
    public virtual string? RequestIdHeader => null;

    /// <summary>Reads a request for translation.</summary>
    /// <exception cref="RequestFault">It can not be understood.</exception>
    public abstract ModelRequest ReadRequest(JsonElement body);

    public abstract AnswerWriter CreateWriter(IBufferWriter<byte> output, AnswerHead head);

    /// <summary>Begins a call at a provider of another dialect.</summary>
    public virtual ValueTask<StartedAnswer> TranslateAsync(TranslatedCalls calls, DoorCall call, CallTarget target) =>
        calls.StartAsync(call, target);

    /// <summary>Writes the body of a failure.</summary>
    public abstract void WriteError(Utf8JsonWriter json, DoorError error, string requestId);

    /// <summary>Writes a failure into a stream that has begun; the end mark must not follow.</summary>
    public abstract void WriteErrorEvent(IBufferWriter<byte> output, DoorError error, string requestId);

    /// <summary>Answers with a failure, before anything else was answered.</summary>
    public async Task RefuseAsync(HttpContext http, DoorError error)
    {
        var response = http.Response;
        response.StatusCode = error.Status;
        response.ContentType = "application/json";
        if (error.RetryAfterSeconds is { } seconds)
            response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        using (var json = new Utf8JsonWriter(response.BodyWriter))
            WriteError(json, error, http.TraceIdentifier);
        await response.BodyWriter.FlushAsync(http.RequestAborted);
    }

    /// <summary>Writes a failure's body as the data of an event.</summary>
    protected void WriteErrorData(IBufferWriter<byte> output, DoorError error, string requestId)
    {
        output.Write("data: "u8);
        using (var json = new Utf8JsonWriter(output))
            WriteError(json, error, requestId);
        output.Write("\n\n"u8);
    }
}
