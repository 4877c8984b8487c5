using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Llm.Models;

internal sealed class ListModelsHandler(ModelCatalogue catalogue) : IRequestHandler<ListModelsQuery, IReadOnlyList<ModelInfo>>
{
    public Task<IReadOnlyList<ModelInfo>> Handle(ListModelsQuery request, CancellationToken cancellationToken) =>
        catalogue.ListAsync(cancellationToken);
}

internal sealed class ResolveModelHandler(ModelCatalogue catalogue) : IRequestHandler<ResolveModelQuery, Result<ModelInfo>>
{
    public async Task<Result<ModelInfo>> Handle(ResolveModelQuery request, CancellationToken cancellationToken)
    {
        var resolved = await catalogue.ResolveAsync(request.Model, cancellationToken);
        if (resolved.Error is { } error)
            return error;
        return resolved.Value!.ToInfo(catalogue.IsDefault(resolved.Value));
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
