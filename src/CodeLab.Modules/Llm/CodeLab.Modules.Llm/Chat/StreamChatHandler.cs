using System.Runtime.CompilerServices;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Routing;
using MediatR;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Chat;

/// <summary>The pipeline of a call from another module: the gate, the provider, settling, the end (design.md §6).</summary>
internal sealed partial class StreamChatHandler(
    ICallGate gate,
    ProviderTransport transport,
    CircuitBreakers breakers,
    TimeProvider time,
    ILogger<StreamChatHandler> logger
) : IStreamRequestHandler<StreamChatQuery, ChatUpdate>
{
    public async IAsyncEnumerable<ChatUpdate> Handle(StreamChatQuery request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var admitted = await gate.AdmitAsync(ToCallRequest(request, started), cancellationToken);
        if (admitted.Error is { } refused)
        {
            yield return new ChatUpdate.Failed(refused.Code, refused.Message, null, refused.RetryAfterSeconds);
            yield break;
        }
        var admission = admitted.Value!;
        ChatUpdate end;
        // Disposed by hand below and not by a using: the ledger wants to know how it ended, also when the reader just stops reading.
        var attempts = new ChatAttempts(admission, request, transport, breakers, time, logger, cancellationToken);
        try
        {
            for (var updates = await attempts.BeginAsync(); updates is not null; updates = await attempts.Exchange!.ReadAsync())
            {
                foreach (var update in updates)
                    yield return update;
            }
        }
        finally
        {
            await attempts.DisposeAsync();
            var outcome = attempts.ToOutcome();
            // Spent, even if the reader left.
            var cost = await admission.SettleAsync(outcome);
            end = attempts.Exchange?.End(outcome, cost) ?? new ChatUpdate.Failed(outcome.Outcome, "The caller left.", null, null);
            if (end is ChatUpdate.Failed failed && outcome.Target is { } target)
            {
                var elapsed = (long)time.GetElapsedTime(started).TotalMilliseconds;
                CallFailed(target.Provider.Name, target.Model, failed.Code, outcome.Attempts, elapsed);
            }
        }
        yield return end;
    }

    private static CallRequest ToCallRequest(StreamChatQuery query, long started) =>
        new()
        {
            Caller = new CallCaller(query.Caller.UserId) { SessionId = query.Caller.SessionId, Agent = query.Caller.Agent },
            Dialect = CallDialect.Internal,
            Kind = CallKind.Chat,
            Model = query.Model,
            Stream = true,
            EstimatedInputTokens = Conversation.Characters(query) / 4,
            MaxOutputTokens = query.Options.MaxOutputTokens,
            Temperature = query.Options.Temperature,
            HasTools = query.Options.Tools.Count > 0,
            CacheWish = CacheWish.Off,
            StartedAt = started,
        };

    [LoggerMessage(
        4004,
        LogLevel.Warning,
        "Model {Model} of {Provider} failed with {Code} after {Attempts} attempts and {Milliseconds} ms"
    )]
    private partial void CallFailed(string provider, string model, string code, int attempts, long milliseconds);
}
