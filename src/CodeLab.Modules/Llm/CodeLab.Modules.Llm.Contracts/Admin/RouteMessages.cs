using CodeLab.BuildingBlocks.Results;
using MediatR;

namespace CodeLab.Modules.Llm.Admin;

/// <summary>Lists the routes by name, the aliases every installation has included.</summary>
public sealed record ListRoutesQuery : IRequest<IReadOnlyList<RouteInfo>>;

/// <summary>Makes a route, or replaces the one of its id. Errors: <c>INVALID_REQUEST</c> (400), <c>ROUTE_EXISTS</c> (409), <c>ROUTE_NOT_FOUND</c> (404).</summary>
/// <param name="Actor">Who.</param>
/// <param name="Id">Route to change; null = a new one.</param>
/// <param name="Draft">Of a change, null members stay as they are.</param>
public sealed record SaveRouteCommand(AdminActor Actor, string? Id, RouteDraft Draft) : IRequest<Result<RouteInfo>>;

/// <summary>Deletes a route. Error: <c>ROUTE_NOT_FOUND</c> (404).</summary>
/// <param name="Actor">Who.</param>
/// <param name="Id">Which.</param>
public sealed record DeleteRouteCommand(AdminActor Actor, string Id) : IRequest<Result<Deleted>>;

/// <summary>An alias and the models behind it.</summary>
public sealed record RouteInfo
{
    /// <summary>Id; null for an alias nobody has defined.</summary>
    public string? Id { get; init; }

    /// <summary>Alias.</summary>
    public required string Name { get; init; }

    /// <summary>For people.</summary>
    public string? Description { get; init; }

    /// <summary><c>ordered</c>: the first that answers; <c>weighted</c>: shared by weight, the others as fallback.</summary>
    public required string Strategy { get; init; }

    /// <summary>Models.</summary>
    public required IReadOnlyList<RouteTargetInfo> Targets { get; init; }

    /// <summary>False while it is switched off.</summary>
    public bool Enabled { get; init; }

    /// <summary>When it was last changed.</summary>
    public DateTimeOffset? UpdatedAt { get; init; }
}

/// <summary>A model behind an alias.</summary>
public sealed record RouteTargetInfo
{
    /// <summary>Model, with or without its provider.</summary>
    public required string Model { get; init; }

    /// <summary>Share of a weighted route, 1 to 1000. Default 1.</summary>
    public int Weight { get; init; } = 1;

    /// <summary><c>ok</c>, <c>resting</c> (it kept failing) or <c>unknown</c> (nobody serves it now).</summary>
    public string? Status { get; init; }
}

/// <summary>What an administrator writes of a route.</summary>
public sealed record RouteDraft
{
    /// <summary>Alias: 1 to 128 of <c>A-Z a-z 0-9 . _ : / -</c>.</summary>
    public string? Name { get; init; }

    /// <summary>Up to 500 characters.</summary>
    public string? Description { get; init; }

    /// <summary><c>ordered</c> (default) or <c>weighted</c>.</summary>
    public string? Strategy { get; init; }

    /// <summary>1 to 20 models.</summary>
    public IReadOnlyList<RouteTargetInfo>? Targets { get; init; }

    /// <summary>False switches it off.</summary>
    public bool? Enabled { get; init; }
}
