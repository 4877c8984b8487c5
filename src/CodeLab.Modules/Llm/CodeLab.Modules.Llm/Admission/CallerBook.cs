using System.Collections.Concurrent;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Users;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Budgets;
using CodeLab.Modules.Llm.Calls;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Modules.Llm.Admission;

/// <summary>
/// Knows what callers may do. What Auth says of a user or key is kept for 4 s and forgotten at once when Auth tells of a change on this node:
/// together with the check every door makes of its credentials, a revoked key is out within 5 s (security.md §9.3).
/// </summary>
internal sealed class CallerBook(IServiceScopeFactory scopes, TimeProvider time)
{
    private const int Most = 20_000;
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(4);
    private readonly ConcurrentDictionary<(string UserId, string? KeyId), CallerRights> _rights = new();
    private readonly ConcurrentDictionary<string, CallerMeter> _meters = new(StringComparer.Ordinal);

    public ValueTask<Result<CallerRights>> FindAsync(CallCaller caller, ControlSnapshot control, CancellationToken cancellationToken)
    {
        if (
            _rights.TryGetValue((caller.UserId, caller.KeyId), out var known)
            && ReferenceEquals(known.Basis, control)
            && time.GetElapsedTime(known.MadeAt) < Lifetime
        )
            return new(known);
        return new(MakeAsync(caller, control, cancellationToken));
    }

    /// <summary>Drops what is known of a user.</summary>
    public void Forget(string userId)
    {
        foreach (var key in _rights.Keys.Where(k => k.UserId == userId))
            _rights.TryRemove(key, out _);
    }

    private async Task<Result<CallerRights>> MakeAsync(CallCaller caller, ControlSnapshot control, CancellationToken cancellationToken)
    {
        var madeAt = time.GetTimestamp();
        await using var scope = scopes.CreateAsyncScope();
        var user = await AskAsync<GetUserQuery, UserInfo?>(scope.ServiceProvider, new(caller.UserId), cancellationToken);
        AccessKeyInfo? key = null;
        if (caller.KeyId is { } keyId)
        {
            key = await AskAsync<GetAccessKeyQuery, AccessKeyInfo?>(scope.ServiceProvider, new(keyId), cancellationToken);
            if (key is null)
                return AdmissionErrors.UnknownKey;
        }
        var teams = user?.Teams.Select(t => t.Id).ToArray() ?? [];
        var rights = new CallerRights
        {
            Basis = control,
            MadeAt = madeAt,
            TeamId = teams.FirstOrDefault(),
            Models = Models(control, caller.UserId, teams),
            KeyModels = key?.Models is { } models ? new PermittedModels(models) : null,
            User = new CallerLimits(
                $"llm:user:{caller.UserId}",
                Limit(control, caller.UserId, teams, r => r.RequestsPerMinute),
                Limit(control, caller.UserId, teams, r => r.TokensPerMinute),
                Limit(control, caller.UserId, teams, r => r.Concurrent),
                MeterOf("user:" + caller.UserId)
            ),
            Key = key is null
                ? null
                : new CallerLimits($"llm:key:{key.Id}", key.RequestsPerMinute, key.TokensPerMinute, null, MeterOf("key:" + key.Id)),
            Charges = Charges(control, caller.UserId, teams.FirstOrDefault(), key),
        };
        if (_rights.Count >= Most)
            _rights.Clear();
        _rights[(caller.UserId, caller.KeyId)] = rights;
        return rights;
    }

    // A composition without Auth (a test of this module, a benchmark) has nobody to ask: users then have no teams, and keys do not exist.
    private static async Task<TAnswer?> AskAsync<TQuery, TAnswer>(
        IServiceProvider services,
        TQuery query,
        CancellationToken cancellationToken
    )
        where TQuery : IRequest<TAnswer> =>
        services.GetService<IRequestHandler<TQuery, TAnswer>>() is null
            ? default
            : await services.GetRequiredService<ISender>().Send(query, cancellationToken);

    private static PermittedModels? Models(ControlSnapshot control, string userId, string[] teams)
    {
        if (control.Rules.GetValueOrDefault((AccessRule.User, userId))?.Models is { } own)
            return own;
        var shared = teams.Select(t => control.Rules.GetValueOrDefault((AccessRule.Team, t))?.Models).OfType<PermittedModels>().ToList();
        if (shared.Count > 0)
            return new PermittedModels(shared.SelectMany(l => l.Patterns));
        return control.Rules.GetValueOrDefault((AccessRule.Everyone, ""))?.Models;
    }

    /// <summary>The user's own limit, else the most generous of the teams', else everybody's.</summary>
    private static int? Limit(ControlSnapshot control, string userId, string[] teams, Func<AccessRule, int?> limit)
    {
        if (control.Rules.GetValueOrDefault((AccessRule.User, userId)) is { } user && limit(user) is { } own)
            return own;
        var shared = teams
            .Select(t => control.Rules.GetValueOrDefault((AccessRule.Team, t)))
            .OfType<AccessRule>()
            .Select(limit)
            .OfType<int>()
            .ToList();
        if (shared.Count > 0)
            return shared.Max();
        return control.Rules.GetValueOrDefault((AccessRule.Everyone, "")) is { } all ? limit(all) : null;
    }

    private static List<BudgetCharge> Charges(ControlSnapshot control, string userId, string? team, AccessKeyInfo? key)
    {
        var charges = new List<BudgetCharge>();
        control.Budgets.AddTo(charges, BudgetScopes.Everyone, "");
        if (team is not null)
            control.Budgets.AddTo(charges, BudgetScopes.Team, team);
        control.Budgets.AddTo(charges, BudgetScopes.User, userId);
        if (key is null)
            return charges;
        control.Budgets.AddTo(charges, BudgetScopes.Key, key.Id);
        if (key.Budget is { } budget)
        {
            var limit = new BudgetLimit(
                "key:" + key.Id,
                BudgetScopes.Key,
                ControlReader.Nanos(budget.Micros, budget.Currency, control.Currencies),
                BudgetPeriods.Parse(budget.Period) ?? BudgetPeriod.Total
            );
            charges.Add(new BudgetCharge(limit, key.Id));
        }
        return charges;
    }

    private CallerMeter MeterOf(string name)
    {
        if (_meters.Count > Most)
        {
            foreach (var (idle, meter) in _meters)
            {
                if (meter.IsIdle)
                    _meters.TryRemove(idle, out _);
            }
        }
        return _meters.GetOrAdd(name, static _ => new CallerMeter());
    }
}

internal sealed class ForgetCallers(CallerBook callers) : INotificationHandler<UserRightsChanged>
{
    public Task Handle(UserRightsChanged notification, CancellationToken cancellationToken)
    {
        callers.Forget(notification.UserId);
        return Task.CompletedTask;
    }
}
