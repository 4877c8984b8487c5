using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Budgets;

namespace CodeLab.Modules.Llm.Admission;

/// <summary>What a caller may do, put together from the rules, the key and the teams once and used for some seconds.</summary>
internal sealed record CallerRights
{
    /// <summary>Settings it was made of: other settings make others.</summary>
    public required ControlSnapshot Basis { get; init; }

    /// <summary>Timestamp it was made at.</summary>
    public required long MadeAt { get; init; }

    /// <summary>The one team calls are put down and charged to: the first of the user's.</summary>
    public string? TeamId { get; init; }

    /// <summary>Models of the user's own, the teams' or everybody's list; null = all.</summary>
    public PermittedModels? Models { get; init; }

    /// <summary>Models of the key's list; null = all the user may.</summary>
    public PermittedModels? KeyModels { get; init; }

    public required CallerLimits User { get; init; }

    /// <summary>Limits of the key; null without one.</summary>
    public CallerLimits? Key { get; init; }

    /// <summary>Budgets of everyone, the team, the user and the key.</summary>
    public required List<BudgetCharge> Charges { get; init; }

    public bool MayUse(string name) => Models?.Contains(name) != false && KeyModels?.Contains(name) != false;

    public bool MayUse(string provider, string model) =>
        Models?.Contains(provider, model) != false && KeyModels?.Contains(provider, model) != false;

    public bool IsRestricted => Models is not null || KeyModels is not null;
}

/// <summary>Limits of one user or key, with what counts them.</summary>
/// <param name="RateKey">Name of the counter of requests.</param>
/// <param name="RequestsPerMinute">Null = the standard of the doors.</param>
/// <param name="TokensPerMinute">Null = none.</param>
/// <param name="Concurrent">Null = the standard of the doors.</param>
/// <param name="Meter">Calls under way and tokens of the last minute.</param>
internal sealed record CallerLimits(string RateKey, int? RequestsPerMinute, int? TokensPerMinute, int? Concurrent, CallerMeter Meter);
