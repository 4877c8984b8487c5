using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Usage;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Calls;

/// <summary>Admits everybody to what the catalogue knows, and puts each call on record.</summary>
internal sealed class CatalogueGate(
    ModelCatalogue catalogue,
    UsageLedger ledger,
    LlmMetrics metrics,
    IOptions<LlmOptions> options,
    TimeProvider time
) : ICallGate
{
    public async ValueTask<Result<CallAdmission>> AdmitAsync(CallRequest request, CancellationToken cancellationToken)
    {
        var resolved = await catalogue.ResolveAsync(request.Model, cancellationToken);
        if (resolved.Error is { } unknown)
            return unknown;
        var model = resolved.Value!;
        var limits = CallLimits.From(options.Value, model.Facts.Reasoning);
        var target = new CallTarget(model.Kind, model.Provider, model.Model, model.Facts, limits) { Id = model.Id };
        return new Admission(this, request, target);
    }

    private async ValueTask<decimal?> SettleAsync(CallRequest request, CallTarget target, CallOutcome outcome)
    {
        var reported = outcome.Usage ?? (outcome.IsRefused ? default(CallUsage) : null);
        // About four characters a token; a marked guess is better than a call for free (security.md §9.4).
        var usage = reported ?? new CallUsage(request.EstimatedInputTokens, (outcome.WrittenCharacters + 3) / 4);
        var facts = (outcome.Target ?? target).Facts;
        var cost = facts.CostOf(usage.Input, usage.Output, usage.CacheRead, usage.CacheWritten);
        var entry = new UsageEntry
        {
            Id = Guid.CreateVersion7(time.GetUtcNow()),
            CreatedAt = time.GetUtcNow(),
            UserId = request.Caller.UserId,
            SessionId = request.Caller.SessionId,
            Agent = request.Caller.Agent,
            Provider = (outcome.Target ?? target).Provider.Name,
            Model = (outcome.Target ?? target).Model,
            InputTokens = usage.Input,
            OutputTokens = usage.Output,
            CachedTokens = usage.CacheRead,
            ReasoningTokens = usage.Reasoning,
            IsEstimated = reported is null,
            CostNanos = cost is { } dollars ? (long)Math.Round(dollars * 1_000_000_000m, MidpointRounding.AwayFromZero) : null,
            DurationMs = (long)time.GetElapsedTime(request.StartedAt).TotalMilliseconds,
            FirstTokenMs = outcome.FirstToken is { } first ? (long)first.TotalMilliseconds : null,
            Attempts = outcome.Attempts,
            Outcome = outcome.Outcome,
        };
        metrics.Record(entry);
        // Spent, even if the caller left.
        await ledger.RecordAsync(entry);
        return cost;
    }

    private sealed class Admission(CatalogueGate gate, CallRequest request, CallTarget target) : CallAdmission
    {
        public override IReadOnlyList<CallTarget> Targets { get; } = [target];

        public override string Route => target.Id;

        protected override ValueTask<decimal?> SettleOnceAsync(CallOutcome outcome) => gate.SettleAsync(request, target, outcome);
    }
}
