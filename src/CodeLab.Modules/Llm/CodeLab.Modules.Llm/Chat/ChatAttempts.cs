using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Routing;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Chat;

/// <summary>
/// Goes through the targets of a call until one begins to answer; its first piece decides. Retries of one target are the transport's. The last
/// target is asked even while it rests: a turn of an agent is worth a try.
/// </summary>
internal sealed class ChatAttempts(
    CallAdmission admission,
    StreamChatQuery query,
    ProviderTransport transport,
    CircuitBreakers breakers,
    TimeProvider time,
    ILogger logger,
    CancellationToken caller
) : IAsyncDisposable
{
    private ProviderCall? _call;
    private int _earlier;

    /// <summary>The exchange that answers, or failed last; null before the first.</summary>
    public ChatExchange? Exchange { get; private set; }

    /// <summary>The first pieces; null when no target answered.</summary>
    public async ValueTask<IReadOnlyList<ChatUpdate>?> BeginAsync()
    {
        var targets = admission.Targets;
        for (var i = 0; ; i++)
        {
            var isLast = i + 1 == targets.Count;
            var breaker = breakers.Of(targets[i]);
            if (!isLast && !breaker.TryPass())
                continue;
            await DropAsync();
            _call = new ProviderCall(targets[i].Provider, targets[i].Limits, time, caller);
            Exchange = new ChatExchange(targets[i], _call, transport, query, logger);
            var first = await Exchange.ReadAsync();
            var code = first is null ? Exchange.ToOutcome().Outcome : CallOutcome.Completed;
            if (code is FailureCodes.ProviderError or FailureCodes.Timeout)
                breaker.Failed();
            else
                breaker.Succeeded();
            if (first is not null || isLast || code is CallOutcome.Completed or FailureCodes.InvalidRequest)
                return first;
        }
    }

    /// <summary>How it ended, tries of all targets counted. Call when reading is over.</summary>
    public CallOutcome ToOutcome()
    {
        if (Exchange is null)
            return new CallOutcome { Outcome = CallOutcome.Cancelled };
        var outcome = Exchange.ToOutcome();
        return outcome with { Attempts = _earlier + outcome.Attempts };
    }

    public async ValueTask DisposeAsync()
    {
        if (Exchange is not null)
            await Exchange.DisposeAsync();
        _call?.Dispose();
    }

    private async ValueTask DropAsync()
    {
        if (Exchange is null)
            return;
        await Exchange.DisposeAsync();
        _earlier += _call!.Attempts;
        _call.Dispose();
    }
}
