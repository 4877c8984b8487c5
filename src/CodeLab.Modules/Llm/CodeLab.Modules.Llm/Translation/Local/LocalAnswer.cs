using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Doors;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Llm.Translation.Local;

/// <summary>The answer of a model that lives in this process.</summary>
internal sealed class LocalAnswer : StartedAnswer
{
    private readonly IChatClient _client;
    private readonly (List<ChatMessage> Messages, ChatOptions Options) _request;
    private readonly DoorOutput _output;
    private readonly IReadOnlyList<IDisposable> _owned;
    private LocalAnswerReader? _reader;

    public LocalAnswer(
        CallTarget target,
        IChatClient client,
        (List<ChatMessage> Messages, ChatOptions Options) request,
        DoorShape shape,
        AnswerHead head,
        IReadOnlyList<IDisposable> owned
    )
        : base(target)
    {
        (_client, _request, _owned) = (client, request, owned);
        _output = new DoorOutput(this, shape, head);
    }

    public override CallUsage? Usage => _reader?.Usage;

    public override long Written => _reader?.Written ?? 0;

    public override async ValueTask ForwardAsync(DoorCall call)
    {
        var collected = call.Streams ? null : new CollectedAnswer();
        _reader = new LocalAnswerReader((AnswerSink?)collected ?? _output.Writer);
        await foreach (var update in _client.GetStreamingResponseAsync(_request.Messages, _request.Options, call.Clock!.Whole))
        {
            _reader.Take(update);
            await _output.SendAsync(call);
        }
        _reader.Complete();
        if (collected is null)
            await _output.SendAsync(call);
        else
            await _output.SendWholeAsync(call, collected);
    }

    public override void Dispose()
    {
        _output.Dispose();
        foreach (var one in _owned)
            one.Dispose();
    }
}
