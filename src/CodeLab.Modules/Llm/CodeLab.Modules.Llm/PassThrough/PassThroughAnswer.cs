using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Doors;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Providers.Wire;

namespace CodeLab.Modules.Llm.PassThrough;

/// <summary>
/// An answer handed on byte for byte. A stream goes out event by event, never half an event, so that a failure can still be told in its format;
/// each read of the provider is one flush to the caller.
/// </summary>
internal sealed class PassThroughAnswer : StartedAnswer
{
    private const int FirstBuffer = 4096;

    /// <summary>Answers up to this are held until they are whole, so that a broken one gets a status.</summary>
    private const int HeldBytes = 64 * 1024;

    private readonly WireAnswer _answer;
    private readonly ProviderInput _input;
    private readonly AnswerScan _scan;

    // Of the event being read, which may come in several pieces.
    private EventVerdict _verdict;

    public PassThroughAnswer(CallTarget target, WireAnswer answer, AnswerScan scan)
        : base(target)
    {
        (_answer, _scan, _input) = (answer, scan, new ProviderInput(answer, target));
        Waited = answer.Waited;
    }

    public override CallUsage? Usage => _scan.Usage;

    public override bool IsUsageFinal => _scan.IsUsageFinal;

    public override long Written => _scan.Written;

    public override ValueTask ForwardAsync(DoorCall call) => call.Streams ? ForwardStreamAsync(call) : ForwardWholeAsync(call);

    public override void Dispose() => _answer.Dispose();

    private async ValueTask ForwardStreamAsync(DoorCall call)
    {
        var events = new EventBuffer(FirstBuffer);
        var output = call.Http.Response.BodyWriter;
        try
        {
            while (true)
            {
                var read = await _input.ReadAsync(call, events.Free());
                if (read == 0)
                    break;
                events.Filled(read);
                if (!Copy(call, events, output))
                    continue;
                await call.FlushAsync(output);
            }
            if (!_scan.IsFinished)
                throw AnswerChecks.BrokeOff(Target.Provider.Name);
            // Some servers leave out the last line end.
            if (events.Rest is { IsEmpty: false } rest)
            {
                Begin(call);
                output.Write(rest.Span);
                call.Keep(call.Shape.StreamContentType, rest.Span);
                await call.FlushAsync(output);
            }
        }
        finally
        {
            events.Dispose();
        }
    }

    /// <summary>Copies the complete events to the caller.</summary>
    /// <returns>True when there were some.</returns>
    private bool Copy(DoorCall call, EventBuffer events, PipeWriter output)
    {
        var copied = false;
        while (events.NextLine(out var line))
        {
            if (_scan.IsLines)
            {
                if (line.Length > 0)
                    _verdict = Judge(line);
            }
            else if (line.StartsWith("data:"u8))
            {
                var judged = Judge(line[5..].TrimStart((byte)' '));
                _verdict = judged == EventVerdict.Forward ? _verdict : judged;
                continue;
            }
            else if (line.Length > 0)
            {
                continue;
            }
            if (_verdict == EventVerdict.Failed)
                throw AnswerChecks.Failed(Target.Provider.Name);
            var whole = events.TakeEvent();
            if (_verdict == EventVerdict.Forward)
            {
                if (!copied)
                    Begin(call);
                copied = true;
                output.Write(whole);
                call.Keep(call.Shape.StreamContentType, whole);
            }
            _verdict = EventVerdict.Forward;
        }
        if (events.Pending > CallLimits.LineBytes)
            throw AnswerChecks.TooLong(Target.Provider.Name, "a line of its answer is longer than 1 MiB");
        return copied;
    }

    private EventVerdict Judge(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
            return EventVerdict.Forward;
        try
        {
            return _scan.Event(data);
        }
        catch (JsonException e)
        {
            throw AnswerChecks.Unreadable(Target.Provider.Name, e);
        }
    }

    private async ValueTask ForwardWholeAsync(DoorCall call)
    {
        var expected = (int)Math.Clamp(_answer.Length ?? FirstBuffer, FirstBuffer, HeldBytes);
        var buffer = ArrayPool<byte>.Shared.Rent(expected);
        try
        {
            var held = 0;
            while (true)
            {
                if (held == buffer.Length)
                {
                    if (held >= HeldBytes)
                        break;
                    var larger = ArrayPool<byte>.Shared.Rent(Math.Min(HeldBytes, held * 2));
                    buffer.AsSpan(0, held).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
                var read = await _input.ReadAsync(call, buffer.AsMemory(held));
                held += read;
                if (read == 0)
                {
                    await AnswerHeldAsync(call, buffer.AsMemory(0, held));
                    return;
                }
            }
            await AnswerLongAsync(call, buffer, held);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async ValueTask AnswerHeldAsync(DoorCall call, ReadOnlyMemory<byte> body)
    {
        try
        {
            _scan.Whole(body.Span);
        }
        catch (JsonException e)
        {
            throw AnswerChecks.Unreadable(Target.Provider.Name, e);
        }
        Begin(call);
        call.Keep("application/json", body.Span);
        call.Http.Response.ContentLength = body.Length;
        call.Http.Response.BodyWriter.Write(body.Span);
        await call.FlushAsync(call.Http.Response.BodyWriter);
    }

    private async ValueTask AnswerLongAsync(DoorCall call, byte[] buffer, int held)
    {
        var members = new MemberScan(_scan);
        Begin(call);
        call.Http.Response.ContentLength = _answer.Length;
        while (held > 0)
        {
            var piece = buffer.AsMemory(0, held);
            members.Feed(piece.Span);
            call.Keep("application/json", piece.Span);
            call.Http.Response.BodyWriter.Write(piece.Span);
            await call.FlushAsync(call.Http.Response.BodyWriter);
            held = await _input.ReadAsync(call, buffer);
        }
        if (!members.IsClosed)
            throw AnswerChecks.BrokeOff(Target.Provider.Name);
    }

    private void Begin(DoorCall call)
    {
        if (!call.HasBegun)
            call.BeginAnswer(this, call.Streams ? call.Shape.StreamContentType : "application/json", RequestId(call));
    }

    private string? RequestId(DoorCall call) => call.Shape.RequestIdHeader is { } name ? _answer.Header(name) : null;
}
