using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Llm.Admin;

/// <summary>Routes, prices, budgets and access rules: bind, send, answer.</summary>
internal static class ControlEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var routes = app.MapGroup("/api/v1/admin/routes").WithTags("Routes").RequireAuthorization(Policies.Admin);
        routes
            .MapGet("/", ListRoutesAsync)
            .WithName("ListRoutes")
            .Produces<Page<RouteInfo>>()
            .WithSummary("Lists aliases and the models behind them");
        routes
            .MapPost("/", CreateRouteAsync)
            .WithName("CreateRoute")
            .Produces<RouteInfo>(StatusCodes.Status201Created)
            .WithSummary("Makes a route");
        routes.MapPatch("/{id}", ChangeRouteAsync).WithName("ChangeRoute").Produces<RouteInfo>().WithSummary("Changes a route");
        routes
            .MapDelete("/{id}", DeleteRouteAsync)
            .WithName("DeleteRoute")
            .Produces(StatusCodes.Status204NoContent)
            .WithSummary("Deletes a route");

        var prices = app.MapGroup("/api/v1/admin/prices").WithTags("Prices").RequireAuthorization(Policies.Admin);
        prices.MapGet("/", ListPricesAsync).WithName("ListPrices").Produces<PriceList>().WithSummary("Shows the price list");
        prices
            .MapPut("/currencies", SetCurrenciesAsync)
            .WithName("SetCurrencies")
            .Produces<PriceList>()
            .WithSummary("Sets what currencies are worth");
        prices.MapPut("/{**model}", SetPriceAsync).WithName("SetPrice").Produces<PriceInfo>().WithSummary("Sets the price of a model");
        prices
            .MapDelete("/{**model}", DeletePriceAsync)
            .WithName("DeletePrice")
            .Produces(StatusCodes.Status204NoContent)
            .WithSummary("Goes back to the shipped price");

        var budgets = app.MapGroup("/api/v1/admin/budgets").WithTags("Budgets").RequireAuthorization(Policies.Admin);
        budgets
            .MapGet("/", ListBudgetsAsync)
            .WithName("ListBudgets")
            .Produces<Page<BudgetInfo>>()
            .WithSummary("Lists budgets and what is spent");
        budgets
            .MapPost("/", CreateBudgetAsync)
            .WithName("CreateBudget")
            .Produces<BudgetInfo>(StatusCodes.Status201Created)
            .WithSummary("Makes a budget");
        budgets.MapPatch("/{id}", ChangeBudgetAsync).WithName("ChangeBudget").Produces<BudgetInfo>().WithSummary("Changes a budget");
        budgets
            .MapDelete("/{id}", DeleteBudgetAsync)
            .WithName("DeleteBudget")
            .Produces(StatusCodes.Status204NoContent)
            .WithSummary("Deletes a budget");

        var rules = app.MapGroup("/api/v1/admin/model-access").WithTags("Model access").RequireAuthorization(Policies.Admin);
        rules
            .MapGet("/", ListRulesAsync)
            .WithName("ListModelAccess")
            .Produces<Page<AccessRuleInfo>>()
            .WithSummary("Lists who may use which models, and how fast");
        rules
            .MapPut("/", SetRuleAsync)
            .WithName("SetModelAccess")
            .Produces<AccessRuleInfo>()
            .WithSummary("Sets the rule of a user, a team or everyone");
        rules
            .MapDelete("/{scope}/{subject?}", DeleteRuleAsync)
            .WithName("DeleteModelAccess")
            .Produces(StatusCodes.Status204NoContent)
            .WithSummary("Takes a rule back");
    }

    private static async Task<IResult> ListRoutesAsync(ISender sender, CancellationToken cancellationToken) =>
        Results.Json(new Page<RouteInfo>(await sender.Send(new ListRoutesQuery(), cancellationToken)), AdminJson.Default.PageRouteInfo);

    private static async Task<IResult> CreateRouteAsync(
        RouteDraft draft,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var made = await sender.Send(new SaveRouteCommand(context.Actor(addresses), null, draft), cancellationToken);
        if (made.IsOk)
            context.Response.Headers.Location = $"/api/v1/admin/routes/{made.Value.Id}";
        return made.ToAnswer(context, AdminJson.Default.RouteInfo, StatusCodes.Status201Created);
    }

    private static async Task<IResult> ChangeRouteAsync(
        string id,
        RouteDraft draft,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    ) =>
        (await sender.Send(new SaveRouteCommand(context.Actor(addresses), id, draft), cancellationToken)).ToAnswer(
            context,
            AdminJson.Default.RouteInfo
        );

    private static async Task<IResult> DeleteRouteAsync(
        string id,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    ) => (await sender.Send(new DeleteRouteCommand(context.Actor(addresses), id), cancellationToken)).ToAnswer(context);

    private static async Task<IResult> ListPricesAsync(ISender sender, CancellationToken cancellationToken) =>
        Results.Json(await sender.Send(new ListPricesQuery(), cancellationToken), AdminJson.Default.PriceList);

    private static async Task<IResult> SetCurrenciesAsync(
        Dictionary<string, decimal> rates,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    ) =>
        (await sender.Send(new SetCurrenciesCommand(context.Actor(addresses), rates), cancellationToken)).ToAnswer(
            context,
            AdminJson.Default.PriceList
        );

    private static async Task<IResult> SetPriceAsync(
        string model,
        PriceBody price,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    ) =>
        (await sender.Send(new SetPriceCommand(context.Actor(addresses), price.Of(model)), cancellationToken)).ToAnswer(
            context,
            AdminJson.Default.PriceInfo
        );

    private static async Task<IResult> DeletePriceAsync(
        string model,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    ) => (await sender.Send(new DeletePriceCommand(context.Actor(addresses), model), cancellationToken)).ToAnswer(context);

    private static async Task<IResult> ListBudgetsAsync(ISender sender, CancellationToken cancellationToken) =>
        Results.Json(new Page<BudgetInfo>(await sender.Send(new ListBudgetsQuery(), cancellationToken)), AdminJson.Default.PageBudgetInfo);

    private static async Task<IResult> CreateBudgetAsync(
        BudgetDraft draft,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var made = await sender.Send(new SaveBudgetCommand(context.Actor(addresses), null, draft), cancellationToken);
        if (made.IsOk)
            context.Response.Headers.Location = $"/api/v1/admin/budgets/{made.Value.Id}";
        return made.ToAnswer(context, AdminJson.Default.BudgetInfo, StatusCodes.Status201Created);
    }

    private static async Task<IResult> ChangeBudgetAsync(
        string id,
        BudgetDraft draft,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    ) =>
        (await sender.Send(new SaveBudgetCommand(context.Actor(addresses), id, draft), cancellationToken)).ToAnswer(
            context,
            AdminJson.Default.BudgetInfo
        );

    private static async Task<IResult> DeleteBudgetAsync(
        string id,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    ) => (await sender.Send(new DeleteBudgetCommand(context.Actor(addresses), id), cancellationToken)).ToAnswer(context);

    private static async Task<IResult> ListRulesAsync(ISender sender, CancellationToken cancellationToken) =>
        Results.Json(
            new Page<AccessRuleInfo>(await sender.Send(new ListAccessRulesQuery(), cancellationToken)),
            AdminJson.Default.PageAccessRuleInfo
        );

    private static async Task<IResult> SetRuleAsync(
        AccessRuleBody rule,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    ) =>
        (await sender.Send(new SetAccessRuleCommand(context.Actor(addresses), rule.ToRule()), cancellationToken)).ToAnswer(
            context,
            AdminJson.Default.AccessRuleInfo
        );

    private static async Task<IResult> DeleteRuleAsync(
        string scope,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken,
        string? subject = null
    ) =>
        (await sender.Send(new DeleteAccessRuleCommand(context.Actor(addresses), scope, subject ?? ""), cancellationToken)).ToAnswer(
            context
        );
}

/// <summary>Body of a price; its model is in the address.</summary>
internal sealed record PriceBody(
    string? Currency,
    decimal? Input,
    decimal? Output,
    decimal? CachedInput,
    decimal? CacheWrite,
    decimal? Reasoning,
    int? ContextWindow,
    int? MaxOutputTokens
)
{
    public PriceInfo Of(string model) =>
        new()
        {
            Model = model,
            Currency = Currency ?? "USD",
            Input = Input,
            Output = Output,
            CachedInput = CachedInput,
            CacheWrite = CacheWrite,
            Reasoning = Reasoning,
            ContextWindow = ContextWindow,
            MaxOutputTokens = MaxOutputTokens,
        };
}

/// <summary>Body of an access rule.</summary>
internal sealed record AccessRuleBody(
    string? Scope,
    string? Subject,
    IReadOnlyList<string>? Models,
    int? RequestsPerMinute,
    int? TokensPerMinute,
    int? Concurrent
)
{
    public AccessRuleInfo ToRule() =>
        new()
        {
            Scope = Scope ?? "",
            Subject = Subject ?? "",
            Models = Models,
            RequestsPerMinute = RequestsPerMinute,
            TokensPerMinute = TokensPerMinute,
            Concurrent = Concurrent,
        };
}
