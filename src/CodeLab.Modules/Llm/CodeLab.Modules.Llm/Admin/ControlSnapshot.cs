using System.Collections.Frozen;
using CodeLab.Modules.Llm.Admission;
using CodeLab.Modules.Llm.Budgets;
using CodeLab.Modules.Llm.Pricing;
using CodeLab.Modules.Llm.Providers.Storage;
using CodeLab.Modules.Llm.Routing;

namespace CodeLab.Modules.Llm.Admin;

/// <summary>Everything administrators have set, as it stood at one moment. Calls keep the one they began with.</summary>
internal sealed record ControlSnapshot
{
    public static readonly ControlSnapshot Empty = new();

    /// <summary>Counts changes; 0 before anything was set.</summary>
    public long Version { get; init; }

    public IReadOnlyList<StoredProvider> Providers { get; init; } = [];

    public FrozenDictionary<string, Route> Routes { get; init; } = FrozenDictionary<string, Route>.Empty;

    public FrozenDictionary<(string Scope, string Subject), AccessRule> Rules { get; init; } =
        FrozenDictionary<(string, string), AccessRule>.Empty;

    public IReadOnlyDictionary<string, Price> Prices { get; init; } = FrozenDictionary<string, Price>.Empty;

    public Currencies Currencies { get; init; } = Currencies.None;

    public BudgetBook Budgets { get; init; } = BudgetBook.Empty;

    /// <summary>Contents of calls are kept until then; null = they are not kept.</summary>
    public DateTimeOffset? ContentUntil { get; init; }
}
