using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Doors;
using CodeLab.Modules.Llm.PassThrough;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Providers.Wire;
using CodeLab.Modules.Llm.Translation.AnthropicMessages;
using CodeLab.Modules.Llm.Translation.Ollama;
using CodeLab.Modules.Llm.Translation.OpenAiChat;

namespace CodeLab.Modules.Llm.Translation;

/// <summary>An answer of another dialect, read event by event into the caller's.</summary>
internal sealed class TranslatedAnswer : StartedAnswer
{
    private readonly WireAnswer _answer;
    private readonly DoorOutput _output;
    private readonly AnswerReader _reader;
    private readonly CollectedAnswer? _collected;

    public TranslatedAnswer(CallTarget target, WireAnswer answer, DoorShape shape, AnswerHead head, bool streams)
        : base(target)
    {
        _answer = answer;
        Waited = answer.Waited;
        _output = new DoorOutput(this, shape, head);
        AnswerSink sink = streams ? _output.Writer : _collected = new CollectedAnswer();
        _reader = answer.Dialect switch
        {
            CallDialect.OpenAiChat => new ChatAnswerReader(sink),
            CallDialect.AnthropicMessages => new MessagesAnswerReader(sink),
            CallDialect.Ollama => new OllamaAnswerReader(sink),
            var other => throw new ArgumentOutOfRangeException(nameof(answer), other, null),
        };
    }

    public override CallUsage? Usage => _reader.Usage;

    public override bool IsUsageFinal => _reader.Stop is not null;

    public override long Written => _reader.Written;

    public override ValueTask ForwardAsync(DoorCall call) => _collected is null ? ForwardStreamAsync(call) : ForwardWholeAsync(call);

    public override void Dispose()
    {
        _output.Dispose();
        _answer.Dispose();
    }

    private async ValueTask ForwardStreamAsync(DoorCall call)
    {
        using var events = new EventBuffer(4096);
        var input = new ProviderInput(_answer, Target);
        while (await input.ReadAsync(call, events.Free()) is var read and > 0)
        {
            events.Filled(read);
            try
            {
                ReadEvents(events);
            }
            catch (ProviderException) when (_reader.Written > 0)
            {
                // What came before the failure is the caller's.
                await _output.SendAsync(call);
                throw;
            }
            if (_output.HasMore)
                await _output.SendAsync(call);
        }
        if (_reader.Stop is null)
            throw AnswerChecks.BrokeOff(Target.Provider.Name);
        _reader.Complete();
        await _output.SendAsync(call);
    }

    private void ReadEvents(EventBuffer events)
    {
        while (events.NextLine(out var line))
        {
            if (!_reader.IsLines)
                line = line.StartsWith("data:"u8) ? line[5..].TrimStart((byte)' ') : default;
            if (!line.IsEmpty && !Read(line))
                throw AnswerChecks.Failed(Target.Provider.Name);
            events.TakeEvent();
        }
        if (events.Pending > CallLimits.LineBytes)
            throw AnswerChecks.TooLong(Target.Provider.Name, "a line of its answer is longer than 1 MiB");
    }

    private bool Read(ReadOnlySpan<byte> data)
    {
        try
        {
            return _reader.Event(data);
        }
        catch (Exception e) when (e is JsonException or RequestFault or InvalidOperationException or FormatException)
        {
            throw AnswerChecks.Unreadable(Target.Provider.Name, e);
        }
    }

    private async ValueTask ForwardWholeAsync(DoorCall call)
    {
        using var body = new SegmentBuffer();
        var input = new ProviderInput(_answer, Target);
        while (await input.ReadAsync(call, body.GetMemory(1024)) is var read and > 0)
            body.Advance(read);
        try
        {
            using var document = JsonDocument.Parse(body.ToSequence());
            _reader.Whole(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or RequestFault or InvalidOperationException or FormatException)
        {
            throw AnswerChecks.Unreadable(Target.Provider.Name, e);
        }
        _reader.Complete();
        await _output.SendWholeAsync(call, _collected!);
    }
}
