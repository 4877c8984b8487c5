using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Persistence;
using MediatR;

namespace CodeLab.Modules.Llm.Routing;

/// <summary>Aliases and the models behind them, as administrators set them.</summary>
internal sealed class RouteAdmin(
    BuildingBlocks.Data.Database database,
    ControlStore control,
    ModelCatalogue catalogue,
    CircuitBreakers breakers,
    TimeProvider time
)
    : IRequestHandler<ListRoutesQuery, IReadOnlyList<RouteInfo>>,
        IRequestHandler<SaveRouteCommand, Result<RouteInfo>>,
        IRequestHandler<DeleteRouteCommand, Result<Deleted>>
{
    private const int MostTargets = 20;
    private const string Columns = "id, name, description, strategy, targets, enabled, updated_at";
    private static readonly Error NotFound = AdminErrors.NotFound("ROUTE_NOT_FOUND", "route");

    public async Task<IReadOnlyList<RouteInfo>> Handle(ListRoutesQuery request, CancellationToken cancellationToken)
    {
        var rows = await database.ReadAsync($"SELECT {Columns} FROM llm_routes ORDER BY name", Read, [], cancellationToken);
        var undefined = RoutePlans
            .BuiltIn.Where(alias => !rows.Exists(r => r.Name == alias))
            .Select(alias => new RouteInfo
            {
                Name = alias,
                Description = "The default model, until a route of this name is made.",
                Strategy = Route.Ordered,
                Targets = [],
                Enabled = true,
            });
        return [.. rows.Select(WithStatus).Concat(undefined).OrderBy(r => r.Name, StringComparer.Ordinal)];
    }

    public async Task<Result<RouteInfo>> Handle(SaveRouteCommand request, CancellationToken cancellationToken)
    {
        var draft = request.Draft;
        if (Check(draft, isNew: request.Id is null) is { } fault)
            return fault;
        var saved = await control.ChangeAsync<RouteInfo>(
            async (connection, transaction) =>
            {
                RouteInfo? current = null;
                if (request.Id is not null)
                {
                    var rows = await connection.ReadAsync(
                        $"SELECT {Columns} FROM llm_routes WHERE id = @id",
                        transaction,
                        Read,
                        ("@id", request.Id)
                    );
                    if (rows is not [var found])
                        return NotFound;
                    current = found;
                }
                var route = new RouteInfo
                {
                    Id = current?.Id ?? Guid.CreateVersion7(time.GetUtcNow()).ToString(),
                    Name = draft.Name ?? current!.Name,
                    Description = draft.Description ?? current?.Description,
                    Strategy = draft.Strategy ?? current?.Strategy ?? Route.Ordered,
                    Targets = draft.Targets ?? current!.Targets,
                    Enabled = draft.Enabled ?? current?.Enabled ?? true,
                    UpdatedAt = DateTimeOffset.FromUnixTimeMilliseconds(time.Milliseconds()),
                };
                var taken = await connection.ReadAsync(
                    "SELECT id FROM llm_routes WHERE name = @n AND id <> @id",
                    transaction,
                    r => r.GetString(0),
                    ("@n", route.Name),
                    ("@id", route.Id)
                );
                if (taken.Count > 0)
                    return AdminErrors.Exists(
                        "ROUTE_EXISTS",
                        $"There is a route named '{route.Name}' already. Change that one, or choose another name."
                    );
                await connection.ExecuteAsync(
                    $"INSERT INTO llm_routes ({Columns}) VALUES (@id, @n, @d, @s, @t, @e, @u) ON CONFLICT (id) DO UPDATE SET name = excluded.name, "
                        + "description = excluded.description, strategy = excluded.strategy, targets = excluded.targets, enabled = excluded.enabled, "
                        + "updated_at = excluded.updated_at",
                    transaction,
                    ("@id", route.Id),
                    ("@n", route.Name),
                    ("@d", route.Description),
                    ("@s", route.Strategy),
                    ("@t", Write(route.Targets)),
                    ("@e", route.Enabled),
                    ("@u", time.Milliseconds())
                );
                return new Changed<RouteInfo>(route, Event(request.Actor, route, current is null ? "created" : "changed"));
            },
            cancellationToken
        );
        return saved.Error is { } error ? error : WithStatus(saved.Value!);
    }

    public Task<Result<Deleted>> Handle(DeleteRouteCommand request, CancellationToken cancellationToken) =>
        control.ChangeAsync<Deleted>(
            async (connection, transaction) =>
            {
                var rows = await connection.ReadAsync(
                    $"SELECT {Columns} FROM llm_routes WHERE id = @id",
                    transaction,
                    Read,
                    ("@id", request.Id)
                );
                if (rows is not [var route])
                    return NotFound;
                await connection.ExecuteAsync("DELETE FROM llm_routes WHERE id = @id", transaction, ("@id", request.Id));
                return new Changed<Deleted>(new Deleted(request.Id), Event(request.Actor, route, "deleted"));
            },
            cancellationToken
        );

    private static Error? Check(RouteDraft draft, bool isNew)
    {
        if ((isNew && draft.Name is null) || (draft.Name is { } name && !ModelName.IsValid(name)))
            return AdminErrors.Invalid("name", "An alias has 1 to 128 of the characters A-Z a-z 0-9 . _ : / @ -.");
        if (draft.Description is { Length: > 500 })
            return AdminErrors.Invalid("description", "A description has up to 500 characters.");
        if (draft.Strategy is not (null or Route.Ordered or Route.Weighted))
            return AdminErrors.Invalid("strategy", "Choose ordered or weighted.");
        if ((isNew && draft.Targets is null) || draft.Targets is { Count: 0 or > MostTargets })
            return AdminErrors.Invalid("targets", "A route has 1 to 20 targets.");
        foreach (var target in draft.Targets ?? [])
        {
            if (!ModelName.IsValid(target.Model))
                return AdminErrors.Invalid("targets", "A target names a model, as GET /api/v1/models lists it.");
            if (target.Weight is < 1 or > 1000)
                return AdminErrors.Invalid("targets", "A weight is 1 to 1000.");
            if (target.Model == draft.Name)
                return AdminErrors.Invalid(
                    "targets",
                    "A route can not lead to itself. Name the model with its provider, as in openai/gpt-4o."
                );
        }
        return null;
    }

    private static RouteInfo Read(System.Data.Common.DbDataReader row) =>
        new()
        {
            Id = row.GetString(0),
            Name = row.GetString(1),
            Description = row.Text(2),
            Strategy = row.GetString(3),
            Targets =
            [
                .. (JsonSerializer.Deserialize(row.GetString(4), RouteJson.Default.ListRouteTarget) ?? []).Select(t => new RouteTargetInfo
                {
                    Model = t.Model,
                    Weight = t.Weight,
                }),
            ],
            Enabled = row.GetBoolean(5),
            UpdatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(6)),
        };

    private static string Write(IReadOnlyList<RouteTargetInfo> targets) =>
        JsonSerializer.Serialize([.. targets.Select(t => new RouteTarget(t.Model, t.Weight))], RouteJson.Default.ListRouteTarget);

    private RouteInfo WithStatus(RouteInfo route) =>
        route with
        {
            Targets = [.. route.Targets.Select(t => t with { Status = StatusOf(t.Model) })],
        };

    private string StatusOf(string model)
    {
        if (catalogue.TryResolve(model) is not { } found)
            return "unknown";
        var target = new CallTarget(found.Kind, found.Provider, found.Model, found.Facts, null!);
        return breakers.Of(target).State == CircuitState.Closed ? "ok" : "resting";
    }

    private static AuditEvent Event(AdminActor actor, RouteInfo route, string reason) =>
        new("settings.changed")
        {
            Actor = actor.UserId,
            Subject = "route:" + route.Name,
            Ip = actor.Ip,
            UserAgent = actor.UserAgent,
            Reason = reason,
            Metadata = new Dictionary<string, object?>
            {
                ["strategy"] = route.Strategy,
                ["targets"] = string.Join(", ", route.Targets.Select(t => t.Model)),
                ["enabled"] = route.Enabled,
            },
        };
}
