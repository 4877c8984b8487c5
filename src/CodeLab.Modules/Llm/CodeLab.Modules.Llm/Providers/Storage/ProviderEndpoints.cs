using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Llm.Admin;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Llm.Providers.Storage;

internal static class ProviderEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var providers = app.MapGroup("/api/v1/admin/providers").WithTags("Providers").RequireAuthorization(Policies.Admin);
        providers
            .MapGet("/", ListAsync)
            .WithName("ListProviders")
            .Produces<Page<ProviderInfo>>()
            .WithSummary("Lists the providers of models");
        providers
            .MapPost("/", CreateAsync)
            .WithName("CreateProvider")
            .Produces<ProviderInfo>(StatusCodes.Status201Created)
            .WithSummary("Makes a provider");
        providers.MapPatch("/{id}", ChangeAsync).WithName("ChangeProvider").Produces<ProviderInfo>().WithSummary("Changes a provider");
        providers
            .MapDelete("/{id}", DeleteAsync)
            .WithName("DeleteProvider")
            .Produces(StatusCodes.Status204NoContent)
            .WithSummary("Deletes a provider");
        providers
            .MapPost("/{id}/test", TestAsync)
            .WithName("TestProvider")
            .Produces<ProviderTest>()
            .WithSummary("Tries a provider and says what to change");
        providers
            .MapGet("/health", HealthAsync)
            .WithName("ListProviderHealth")
            .Produces<Page<ProviderHealth>>()
            .WithSummary("Tells how providers did since this node started, with their own words");
        providers
            .MapPost("/rewrap-keys", RewrapAsync)
            .WithName("RewrapProviderKeys")
            .Produces<RewrapAnswer>()
            .WithSummary("Wraps all provider keys with the key-encryption key of now");
    }

    private static async Task<IResult> ListAsync(ISender sender, CancellationToken cancellationToken) =>
        Results.Json(
            new Page<ProviderInfo>(await sender.Send(new ListProvidersQuery(), cancellationToken)),
            AdminJson.Default.PageProviderInfo
        );

    private static async Task<IResult> HealthAsync(ISender sender, CancellationToken cancellationToken, string? provider = null) =>
        Results.Json(
            new Page<ProviderHealth>(await sender.Send(new ListProviderHealthQuery(provider), cancellationToken)),
            AdminJson.Default.PageProviderHealth
        );

    private static async Task<IResult> CreateAsync(
        ProviderDraft draft,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var made = await sender.Send(new CreateProviderCommand(context.Actor(addresses), draft), cancellationToken);
        if (made.IsOk)
            context.Response.Headers.Location = $"/api/v1/admin/providers/{made.Value.Id}";
        return made.ToAnswer(context, AdminJson.Default.ProviderInfo, StatusCodes.Status201Created);
    }

    private static async Task<IResult> ChangeAsync(
        string id,
        ProviderDraft draft,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var changed = await sender.Send(new ChangeProviderCommand(context.Actor(addresses), id, draft), cancellationToken);
        return changed.ToAnswer(context, AdminJson.Default.ProviderInfo);
    }

    private static async Task<IResult> DeleteAsync(
        string id,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    ) => (await sender.Send(new DeleteProviderCommand(context.Actor(addresses), id), cancellationToken)).ToAnswer(context);

    private static async Task<IResult> TestAsync(
        string id,
        HttpContext context,
        ISender sender,
        CancellationToken cancellationToken,
        string? model = null
    ) => (await sender.Send(new TestProviderQuery(id, model), cancellationToken)).ToAnswer(context, AdminJson.Default.ProviderTest);

    private static async Task<IResult> RewrapAsync(
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    ) =>
        (await sender.Send(new RewrapProviderKeysCommand(context.Actor(addresses)), cancellationToken)).ToAnswer(
            context,
            AdminJson.Default.RewrapAnswer
        );
}
