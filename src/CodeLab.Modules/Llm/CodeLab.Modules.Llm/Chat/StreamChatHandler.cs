using System.Runtime.CompilerServices;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Usage;
using MediatR;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Chat;

/// <summary>
/// The pipeline of a call: find the model, ask its provider, settle the ledger, tell the end. Rights, budgets, cache and fallbacks take their
/// places between the first two (design.md §6).
/// </summary>
internal sealed partial class StreamChatHandler(
    ModelCatalogue catalogue,
    ProviderTransport transport,
    UsageLedger ledger,
    LlmMetrics metrics,
    IOptions<LlmOptions> options,
    TimeProvider time,
    ILogger<StreamChatHandler> logger
) : IStreamRequestHandler<StreamChatQuery, ChatUpdate>
{
    public async IAsyncEnumerable<ChatUpdate> Handle(StreamChatQuery request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var resolved = await catalogue.ResolveAsync(request.Model, cancellationToken);
        if (resolved.Error is { } unknown)
        {
            yield return new ChatUpdate.Failed(unknown.Code, unknown.Message, null, null);
            yield break;
        }
        var model = resolved.Value!;
        using var call = new ProviderCall(model.Provider, CallLimits.From(options.Value, model.Facts.Reasoning), time, cancellationToken);
        ChatUpdate end;
        // Disposed by hand below and not by a using: the ledger wants to know how it ended, also when the reader just stops reading.
        var exchange = new ChatExchange(model, call, transport, request, logger);
        try
        {
            while (await exchange.ReadAsync() is { } updates)
            {
                foreach (var update in updates)
                    yield return update;
            }
        }
        finally
        {
            await exchange.DisposeAsync();
            var entry = exchange.ToEntry();
            end = exchange.End(entry);
            metrics.Record(entry);
            // Spent, even if the reader left.
            await ledger.RecordAsync(entry);
            if (end is ChatUpdate.Failed failed)
                CallFailed(model.Provider.Name, model.Model, failed.Code, call.Attempts, entry.DurationMs);
        }
        yield return end;
    }

    [LoggerMessage(
        4004,
        LogLevel.Warning,
        "Model {Model} of {Provider} failed with {Code} after {Attempts} attempts and {Milliseconds} ms"
    )]
    private partial void CallFailed(string provider, string model, string code, int attempts, long milliseconds);
}
