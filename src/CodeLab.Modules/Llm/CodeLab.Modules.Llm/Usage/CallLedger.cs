using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Admission;
using CodeLab.Modules.Llm.Budgets;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Routing;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>Turns how a call ended into its row, its numbers and what the breakers learn from it.</summary>
internal sealed class CallLedger(
    UsageLedger ledger,
    LlmMetrics metrics,
    CircuitBreakers breakers,
    ProviderHealthBook health,
    EgressBook egress,
    TimeProvider time,
    RefusalAudit refusals
)
{
    /// <summary>Notes a call that holds money, as it would be settled if this node died now.</summary>
    public OpenedCall Open(GateAdmission call, Reserved[] reserved)
    {
        var now = time.GetUtcNow();
        var request = call.Request;
        var target = call.Targets[0];
        var estimate = new UsageEntry
        {
            Id = Guid.CreateVersion7(now),
            CreatedAt = now,
            UserId = request.Caller.UserId,
            TeamId = call.Rights.TeamId,
            KeyId = request.Caller.KeyId,
            SessionId = request.Caller.SessionId,
            Agent = request.Caller.Agent,
            Provider = target.Provider.Name,
            Model = target.Model,
            Alias = request.Model,
            Door = DoorOf(request.Dialect),
            IsStreamed = request.Stream,
            InputTokens = request.EstimatedInputTokens,
            OutputTokens = request.MaxOutputTokens ?? target.Facts.MaxOutputTokens ?? 0,
            CostNanos = reserved[0].Amount,
            IsEstimated = true,
            Attempts = 1,
            Outcome = OpenCallFacts.Abandoned,
        };
        var opened = new OpenedCall(estimate, reserved);
        ledger.Open(opened);
        return opened;
    }

    public UsageEntry ToEntry(GateAdmission call, CallOutcome outcome, Guid? id)
    {
        var request = call.Request;
        var target = outcome.Target ?? call.Targets[0];
        var isHit = call.Cached is not null && outcome.Target is null;
        // Nobody was asked, or it was refused: nothing was used. Else a marked guess is better than a call for free (security.md §9.4).
        var reported =
            outcome.Usage ?? (isHit || outcome.IsRefused || (outcome.Target is null && outcome.Attempts == 0) ? default(CallUsage) : null);
        var usage = reported ?? new CallUsage(request.EstimatedInputTokens, (outcome.WrittenCharacters + 3) / 4);
        var now = time.GetUtcNow();
        return new UsageEntry
        {
            Id = id ?? Guid.CreateVersion7(now),
            CreatedAt = now,
            UserId = request.Caller.UserId,
            TeamId = call.Rights.TeamId,
            KeyId = request.Caller.KeyId,
            SessionId = request.Caller.SessionId,
            Agent = request.Caller.Agent,
            Provider = target.Provider.Name,
            Model = target.Model,
            Alias = string.IsNullOrEmpty(request.Model) ? null : request.Model,
            Door = DoorOf(request.Dialect),
            IsStreamed = request.Stream,
            IsCacheHit = isHit,
            InputTokens = usage.Input,
            OutputTokens = usage.Output,
            CachedTokens = usage.CacheRead,
            CacheWriteTokens = usage.CacheWritten,
            ReasoningTokens = usage.Reasoning,
            IsEstimated = reported is null || outcome.IsUsageGuessed,
            CostNanos = isHit || request.Kind == CallKind.CountTokens ? 0 : target.Facts.NanosOf(usage),
            DurationMs = (long)time.GetElapsedTime(request.StartedAt).TotalMilliseconds,
            FirstTokenMs = outcome.FirstToken is { } first ? (long)first.TotalMilliseconds : null,
            OverheadUs = (long)outcome.Overhead.TotalMicroseconds,
            Attempts = outcome.Attempts,
            Outcome = outcome.Outcome,
        };
    }

    /// <summary>Puts a call on record; returns when it is durable.</summary>
    public Task RecordAsync(UsageEntry entry, CallOutcome outcome, BudgetPosting[] postings, OpenedCall? opened)
    {
        metrics.Record(entry, outcome);
        if (outcome.Target is { } target)
        {
            egress.Note(target.Provider, EgressReasons.Call);
            // The router has seen how the answer began; that it broke off later only the end tells.
            if (outcome.FirstToken is not null && outcome.Outcome is FailureCodes.ProviderError or FailureCodes.Timeout)
            {
                breakers.Of(target).Failed();
                health.BrokeOff(target.Provider, outcome.Outcome, target.Model);
            }
        }
        return ledger.SettleAsync(entry, postings, opened);
    }

    /// <summary>A budget refused a call: told to the audit, once a minute and caller at most.</summary>
    public ValueTask RefusedAsync(CallRequest request, CallerRights rights, Error error)
    {
        metrics.Refused(error.Code);
        return refusals.NoteAsync(request, rights, error);
    }

    private static string DoorOf(CallDialect dialect) =>
        dialect switch
        {
            CallDialect.Internal => "agent",
            CallDialect.OpenAiChat => "openai",
            CallDialect.OpenAiResponses => "responses",
            CallDialect.OpenAiEmbeddings => "embeddings",
            CallDialect.AnthropicMessages => "anthropic",
            CallDialect.Ollama => "ollama",
            _ => "published",
        };
}
