using System.Buffers;
using System.Net;
using System.Net.Http.Headers;

namespace CodeLab.Modules.Llm.PassThrough;

/// <summary>
/// A request body as it came, but for at most two edits, written straight from the buffers it lies in. May be written more than once, for a
/// second try.
/// </summary>
internal sealed class EditedBody : HttpContent
{
    private static readonly MediaTypeHeaderValue _json = new("application/json");
    private readonly ReadOnlySequence<byte> _body;
    private readonly BodyEdit _first;
    private readonly BodyEdit _second;

    public EditedBody(in ReadOnlySequence<byte> body, BodyEdit one, BodyEdit other)
    {
        _body = body;
        // In the order of their places; an edit without text is none and goes last.
        (_first, _second) = other.Text is not null && (one.Text is null || other.At < one.At) ? (other, one) : (one, other);
        Headers.ContentType = _json;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var from = 0L;
        if (_first.Text is { } first)
        {
            await WriteAsync(stream, _body.Slice(0, _first.At), cancellationToken);
            await stream.WriteAsync(first, cancellationToken);
            from = _first.At + _first.Length;
        }
        if (_second.Text is { } second)
        {
            await WriteAsync(stream, _body.Slice(from, _second.At - from), cancellationToken);
            await stream.WriteAsync(second, cancellationToken);
            from = _second.At + _second.Length;
        }
        await WriteAsync(stream, _body.Slice(from), cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _body.Length + Growth(_first) + Growth(_second);
        return true;
    }

    private static long Growth(BodyEdit edit) => edit.Text is { } text ? text.Length - edit.Length : 0;

    private static ValueTask WriteAsync(Stream stream, in ReadOnlySequence<byte> part, CancellationToken cancellationToken) =>
        part.IsSingleSegment ? stream.WriteAsync(part.First, cancellationToken) : WriteSegmentsAsync(stream, part, cancellationToken);

    private static async ValueTask WriteSegmentsAsync(Stream stream, ReadOnlySequence<byte> part, CancellationToken cancellationToken)
    {
        foreach (var segment in part)
            await stream.WriteAsync(segment, cancellationToken);
    }
}
