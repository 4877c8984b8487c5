using System.Buffers;
using CodeLab.Modules.Llm.Doors;

namespace CodeLab.Modules.Llm.Translation;

/// <summary>What a writer has written and the caller has not got yet. It goes out with each read of the provider, and not before it is known to be good.</summary>
internal sealed class DoorOutput : IDisposable
{
    private readonly ArrayBufferWriter<byte> _pending = new(1024);
    private readonly StartedAnswer _answer;
    private readonly DoorShape _shape;

    public DoorOutput(StartedAnswer answer, DoorShape shape, AnswerHead head)
    {
        (_answer, _shape) = (answer, shape);
        Writer = shape.CreateWriter(_pending, head);
    }

    public AnswerWriter Writer { get; }

    public bool HasMore => _pending.WrittenCount > 0;

    /// <summary>Sends what is pending of a stream.</summary>
    public async ValueTask SendAsync(DoorCall call)
    {
        if (!HasMore)
            return;
        await SendAsync(call, _shape.StreamContentType);
    }

    /// <summary>Writes and sends an answer that is no stream.</summary>
    public async ValueTask SendWholeAsync(DoorCall call, CollectedAnswer answer)
    {
        Writer.Whole(answer);
        if (!call.HasBegun)
            call.Http.Response.ContentLength = _pending.WrittenCount;
        await SendAsync(call, "application/json");
    }

    public void Dispose() => Writer.Dispose();

    private async ValueTask SendAsync(DoorCall call, string contentType)
    {
        if (!call.HasBegun)
            call.BeginAnswer(_answer, contentType, null);
        var output = call.Http.Response.BodyWriter;
        output.Write(_pending.WrittenSpan);
        call.Keep(contentType, _pending.WrittenSpan);
        _pending.ResetWrittenCount();
        await call.FlushAsync(output);
    }
}
