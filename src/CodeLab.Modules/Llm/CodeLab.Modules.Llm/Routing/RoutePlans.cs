using System.Collections.Concurrent;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Protocol.Rest;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Routing;

/// <summary>What a name leads to.</summary>
/// <param name="Name">Alias or model, as <c>x-codelab-route</c> tells it.</param>
/// <param name="IsAlias">It is an alias.</param>
/// <param name="Targets">Who may serve it, the first choice first; never empty.</param>
/// <param name="Weights">Their shares; null when they are tried in order.</param>
internal sealed record RoutePlan(string Name, bool IsAlias, CallTarget[] Targets, int[]? Weights)
{
    /// <summary>The plan as people see it, with the limits of its first choice.</summary>
    public ModelInfo ToInfo(bool isDefault) =>
        new()
        {
            Id = Name,
            Provider = Targets[0].Provider.Name,
            ContextWindow = Targets[0].Facts.ContextWindow,
            MaxOutputTokens = Targets[0].Facts.MaxOutputTokens,
            SupportsTools = true,
            SupportsVision = ModelChoice.CanSee(Targets[0].Model),
            IsDefault = isDefault,
        };

    /// <summary>The order of one call: by chance of the weights, or as it stands.</summary>
    public CallTarget[] Order()
    {
        if (Weights is null || Targets.Length < 2)
            return Targets;
        var order = (CallTarget[])Targets.Clone();
        var weights = (int[])Weights.Clone();
        for (var i = 0; i < order.Length - 1; i++)
        {
            var sum = 0;
            for (var j = i; j < weights.Length; j++)
                sum += weights[j];
            var ticket = Random.Shared.Next(sum);
            var chosen = i;
            while (ticket >= weights[chosen])
                ticket -= weights[chosen++];
            (order[i], order[chosen]) = (order[chosen], order[i]);
            (weights[i], weights[chosen]) = (weights[chosen], weights[i]);
        }
        return order;
    }
}

/// <summary>
/// Resolves names: administrators' routes first, then the aliases every installation has, then models. Answers are kept as long as neither
/// the settings nor the lists of models change, so that a call costs one look-up.
/// </summary>
internal sealed class RoutePlans(ModelCatalogue catalogue, IOptions<LlmOptions> options)
{
    private const int MostKept = 2_000;

    /// <summary>Aliases that work before anybody defined a route for them; a route of the same name replaces them.</summary>
    public static readonly string[] BuiltIn = ["fast", "smart", "codelab/coder"];

    private static readonly string[] SmallNames = ["mini", "haiku", "flash", "nano", "small", "lite"];
    private volatile Page _page = new(null!, null!);

    public async ValueTask<Result<RoutePlan>> FindAsync(string? asked, ControlSnapshot control, CancellationToken cancellationToken)
    {
        var name = string.IsNullOrWhiteSpace(asked) ? options.Value.DefaultModel : asked;
        var page = _page;
        if (!ReferenceEquals(page.Control, control) || !ReferenceEquals(page.Catalogue, catalogue.Current))
            _page = page = new Page(control, catalogue.Current);
        if (page.Plans.TryGetValue(name, out var plan))
            return plan;
        var made = await MakeAsync(name, control, cancellationToken);
        // Only what was found is kept: a provider that is asked again later may know more.
        if (made.IsOk && page.Plans.Count < MostKept && ReferenceEquals(page.Catalogue, catalogue.Current))
            page.Plans[name] = made.Value;
        return made;
    }

    private async Task<Result<RoutePlan>> MakeAsync(string name, ControlSnapshot control, CancellationToken cancellationToken)
    {
        var trimmed = name.Trim();
        if (control.Routes.TryGetValue(trimmed, out var route))
            return await FollowAsync(route, cancellationToken);
        if (Array.IndexOf(BuiltIn, trimmed) >= 0 && catalogue.TryResolve(trimmed) is null)
        {
            var standard = await catalogue.ResolveAsync(null, cancellationToken);
            if (standard.Error is { } none)
                return none;
            var target = Target(trimmed == "fast" ? Smallest(standard.Value!) : standard.Value!);
            return new RoutePlan(trimmed, IsAlias: true, [target], null);
        }
        var model = await catalogue.ResolveAsync(trimmed, cancellationToken);
        if (model.Error is { } unknown)
            return unknown;
        return new RoutePlan(model.Value!.Id, IsAlias: false, [Target(model.Value!)], null);
    }

    private async Task<Result<RoutePlan>> FollowAsync(Route route, CancellationToken cancellationToken)
    {
        var targets = new List<CallTarget>(route.Targets.Count);
        var weights = new List<int>(route.Targets.Count);
        foreach (var (model, weight) in route.Targets)
        {
            // What nobody serves now is passed over: the other deployments are there for that.
            var found = await catalogue.ResolveAsync(model, cancellationToken);
            if (!found.IsOk)
                continue;
            targets.Add(Target(found.Value));
            weights.Add(weight);
        }
        if (targets.Count == 0)
        {
            return new Error(
                FailureCodes.InvalidModel,
                $"The route '{route.Name}' leads to no model that anybody serves now. An administrator has to check its targets and their providers.",
                400
            );
        }
        return new RoutePlan(route.Name, IsAlias: true, [.. targets], route.IsWeighted ? [.. weights] : null);
    }

    private CallTarget Target(ResolvedModel model) =>
        new(model.Kind, model.Provider, model.Model, model.Facts, CallLimits.From(options.Value, model.Facts.Reasoning)) { Id = model.Id };

    /// <summary>A small model of the same provider, where one says so in its name.</summary>
    private ResolvedModel Smallest(ResolvedModel standard)
    {
        var provider = catalogue.Current.Providers.FirstOrDefault(p => p.Settings.Name == standard.Provider.Name);
        var small = provider?.Models.FirstOrDefault(m =>
            ModelChoice.CanChat(m) && Array.Exists(SmallNames, s => m.Contains(s, StringComparison.OrdinalIgnoreCase))
        );
        return small is null ? standard : catalogue.TryResolve($"{standard.Provider.Name}/{small}") ?? standard;
    }

    private sealed record Page(ControlSnapshot Control, CatalogueSnapshot Catalogue)
    {
        public ConcurrentDictionary<string, RoutePlan> Plans { get; } = new(StringComparer.Ordinal);
    }
}
