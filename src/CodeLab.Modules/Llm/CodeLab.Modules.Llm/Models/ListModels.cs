using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Admission;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Routing;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Llm.Models;

/// <summary>What there is, what administrators named, and of both what the user may use.</summary>
internal sealed class ListModelsHandler(ModelCatalogue catalogue, ControlStore control, RoutePlans plans, CallerBook callers)
    : IRequestHandler<ListModelsQuery, IReadOnlyList<ModelInfo>>
{
    public async Task<IReadOnlyList<ModelInfo>> Handle(ListModelsQuery request, CancellationToken cancellationToken)
    {
        var models = await catalogue.ListAsync(cancellationToken);
        var settings = control.Current;
        if (settings.Routes.Count == 0 && settings.Rules.Count == 0)
            return models;
        var rights = (await callers.FindAsync(new CallCaller(request.UserId), settings, cancellationToken)).Value;
        var shown = new List<ModelInfo>();
        foreach (var name in settings.Routes.Keys.Order(StringComparer.Ordinal))
        {
            var plan = await plans.FindAsync(name, settings, cancellationToken);
            if (plan.IsOk && (rights is null || rights.MayUse(name) || Array.Exists(plan.Value.Targets, t => MayUse(rights, t))))
                shown.Add(plan.Value.ToInfo(isDefault: false));
        }
        // A route of a model's name stands before it.
        shown.AddRange(models.Where(m => !settings.Routes.ContainsKey(m.Id) && (rights is null || MayUse(rights, m))));
        return shown;
    }

    private static bool MayUse(CallerRights rights, CallTarget target) => rights.MayUse(target.Provider.Name, target.Model);

    private static bool MayUse(CallerRights rights, ModelInfo model) =>
        rights.MayUse(
            model.Provider,
            model.Id.StartsWith(model.Provider + "/", StringComparison.Ordinal) ? model.Id[(model.Provider.Length + 1)..] : model.Id
        );
}

internal sealed class ResolveModelHandler(ModelCatalogue catalogue, ControlStore control, RoutePlans plans)
    : IRequestHandler<ResolveModelQuery, Result<ModelInfo>>
{
    public async Task<Result<ModelInfo>> Handle(ResolveModelQuery request, CancellationToken cancellationToken)
    {
        var plan = await plans.FindAsync(request.Model, control.Current, cancellationToken);
        if (plan.Error is { } error)
            return error;
        var isDefault = catalogue.TryResolve("") is { } standard && standard.Id == plan.Value!.Name;
        return plan.Value!.ToInfo(isDefault);
    }
}

internal static class ListModelsEndpoint
{
    public static void Map(IEndpointRouteBuilder app) =>
        app.MapGet("/api/v1/models", HandleAsync)
            .RequireAuthorization(Policies.Read)
            .WithTags("Models")
            .WithName("ListModels")
            .WithSummary("Lists the models a user may choose")
            .Produces<ModelList>();

    private static async Task<IResult> HandleAsync(ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken)
    {
        var models = await sender.Send(new ListModelsQuery(user.GetUserId()), cancellationToken);
        return TypedResults.Json(new ModelList { Models = models }, ProtocolJson.Default.ModelList);
    }
}
