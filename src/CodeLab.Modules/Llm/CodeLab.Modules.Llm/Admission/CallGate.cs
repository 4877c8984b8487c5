using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Budgets;
using CodeLab.Modules.Llm.Cache;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Privacy;
using CodeLab.Modules.Llm.Routing;
using CodeLab.Modules.Llm.Usage;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Admission;

/// <summary>
/// The one way in (design.md §6): alias → rights → rate limit → budget reserve → cache → route. Every step fails closed. Without a budget or a
/// cache look-up in Redis nothing here waits; a budget waits only when this node's share of it is used up.
/// </summary>
internal sealed class CallGate(
    ControlStore control,
    RoutePlans plans,
    CallerBook callers,
    CallLimiter limiter,
    Reservations reservations,
    AnswerCache cache,
    CallLedger calls,
    UsageLedger ledger,
    ContentBook contents,
    IOptions<LlmOptions> options
) : ICallGate
{
    public async ValueTask<Result<CallAdmission>> AdmitAsync(CallRequest request, CancellationToken cancellationToken)
    {
        if (!ledger.IsHealthy)
            return DatabaseBusyException.Error;
        if (!request.Body.IsEmpty && SelectorFields.Find(request.Body) is { } selector)
            return selector;
        var settings = control.Current;
        var planned = await plans.FindAsync(request.Model, settings, cancellationToken);
        if (planned.Error is { } unknown)
            return unknown;
        var plan = planned.Value!;
        var known = await callers.FindAsync(request.Caller, settings, cancellationToken);
        if (known.Error is { } refused)
            return refused;
        var rights = known.Value!;
        var targets = rights.IsRestricted ? Permitted(plan, rights) : plan.Order();
        if (targets.Length == 0)
            return AdmissionErrors.ModelNotAllowed(plan.Name);
        if (await limiter.EnterAsync(request, rights, cancellationToken) is { } limited)
            return limited;
        Reserved[] reserved = [];
        var admitted = false;
        try
        {
            var money = await ReserveAsync(request, rights, settings, targets, cancellationToken);
            if (money.Error is { } broke)
            {
                await calls.RefusedAsync(request, rights, broke);
                return broke;
            }
            reserved = money.Value!;
            var admission = new GateAdmission(calls, limiter, cache, contents, request, rights, plan.Name, targets, reserved);
            if (cache.MayUse(request))
                await admission.LookUpAsync(AnswerKey.Of(request, plan.Name, targets[0], settings.Version), cancellationToken);
            if (reserved.Length > 0 && admission.Cached is null)
                admission.NoteAsOpen();
            admitted = true;
            return admission;
        }
        catch (DatabaseBusyException)
        {
            return DatabaseBusyException.Error;
        }
        finally
        {
            if (!admitted)
            {
                Reservations.Undo(reserved);
                limiter.Leave(request, rights, 0);
            }
        }
    }

    private async ValueTask<Result<Reserved[]>> ReserveAsync(
        CallRequest request,
        CallerRights rights,
        ControlSnapshot settings,
        CallTarget[] targets,
        CancellationToken cancellationToken
    )
    {
        var charges = rights.Charges;
        if (request.Caller.SessionId is { } session && !settings.Budgets.IsEmpty)
        {
            var own = new List<BudgetCharge>();
            settings.Budgets.AddTo(own, BudgetScopes.Session, session);
            if (own.Count > 0)
                charges = [.. charges, .. own];
        }
        if (charges.Count == 0 || request.Kind == CallKind.CountTokens)
            return Result<Reserved[]>.Ok([]);
        // The dearest of those that may answer: which one it will be nobody knows yet.
        long amount = 0;
        foreach (var target in targets)
        {
            if (MostOf(request, target) is { } most)
                amount = Math.Max(amount, most);
            else if (!options.Value.Budgets.AllowUnpriced)
                return BudgetErrors.Unpriced(target.Id);
        }
        return await reservations.ReserveAsync(charges, amount, cancellationToken);
    }

    private long? MostOf(CallRequest request, CallTarget target)
    {
        var output =
            request.Kind != CallKind.Chat
                ? 0
                : request.MaxOutputTokens ?? target.Facts.MaxOutputTokens ?? options.Value.Budgets.AssumedOutputTokens;
        // The guess goes by four characters a token; code and other languages take more of them.
        return target.Facts.MostNanosOf(request.EstimatedInputTokens + request.EstimatedInputTokens / 3, output);
    }

    /// <summary>An alias that is listed brings all its targets with it; else each target must be listed itself.</summary>
    private static CallTarget[] Permitted(RoutePlan plan, CallerRights rights)
    {
        if (plan.IsAlias && rights.MayUse(plan.Name))
            return plan.Order();
        return [.. plan.Order().Where(t => rights.MayUse(t.Provider.Name, t.Model))];
    }
}
