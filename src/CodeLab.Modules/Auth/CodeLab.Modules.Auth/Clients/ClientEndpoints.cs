using System.Security.Claims;
using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Clients;

/// <summary>Routes of clients, for administrators.</summary>
internal static class ClientEndpoints
{
    private const string Path = "/api/v1/admin/clients";

    public static void Map(IEndpointRouteBuilder app)
    {
        var clients = app.MapGroup(Path).WithTags("Auth").RequireAuthorization(Policies.Admin);
        clients
            .MapGet("/", ListAsync)
            .WithName("ListClients")
            .Produces<ClientList>()
            .WithSummary("Lists all clients; those not of the database are read-only");
        clients
            .MapPost("/", AddAsync)
            .WithName("CreateClient")
            .Produces<ClientInfo>(StatusCodes.Status201Created)
            .WithSummary("Registers a client; its secret is shown once");
        clients
            .MapPatch("/{id}", ChangeAsync)
            .WithName("ChangeClient")
            .Produces<ClientInfo>()
            .WithSummary("Changes, disables or gives a new secret to a client");
        clients
            .MapDelete("/{id}", DeleteAsync)
            .WithName("DeleteClient")
            .Produces(StatusCodes.Status204NoContent)
            .WithSummary("Takes a client away, with its sign-ins");
    }

    private static async Task<IResult> ListAsync(ClientRegistry registry, RegisteredClients stored, CancellationToken cancellationToken)
    {
        var readOnly = registry
            .All.Where(c => c.Origin != ClientOrigin.Database)
            .OrderBy(c => c.Origin)
            .ThenBy(c => c.Id, StringComparer.Ordinal)
            .Select(c => new ClientInfo(c.Id, c.Name, !c.IsPublic, c.Grants, c.Scopes, c.RedirectUris, true)
            {
                Origin = c.Origin == ClientOrigin.BuiltIn ? "built_in" : "configuration",
            });
        var own = (await stored.ListAsync(cancellationToken)).Select(c => Show(c));
        return Results.Json(new ClientList([.. readOnly, .. own]), ClientsJson.Default.ClientList);
    }

    private static async Task<IResult> AddAsync(
        CreateClientBody body,
        RegisteredClients stored,
        ClaimsPrincipal user,
        HttpContext context,
        ClientAddress addresses
    )
    {
        var id = body.ClientId is { Length: > 0 } given ? given : "client-" + Guid.NewGuid().ToString("N")[..12];
        var wanted = new RegisteredClient(
            id,
            body.Name ?? "",
            null,
            Distinct(body.Grants),
            Distinct(body.Scopes),
            Distinct(body.RedirectUris),
            0,
            IsEnabled: true
        );
        var result = await stored.AddAsync(wanted, body.Confidential, user.GetUserId(), RequestOrigin.Of(context, addresses));
        if (result.Error is { } error)
            return error.ToProblem(context);
        context.Response.Headers.Location = $"{Path}/{id}";
        context.Response.Headers.CacheControl = "no-store";
        return Results.Json(Show(result.Value.Client, result.Value.Secret), ClientsJson.Default.ClientInfo, statusCode: 201);
    }

    private static async Task<IResult> ChangeAsync(
        string id,
        ChangeClientBody body,
        RegisteredClients stored,
        ClaimsPrincipal user,
        HttpContext context,
        ClientAddress addresses
    )
    {
        var change = new ClientChange
        {
            Name = body.Name,
            Grants = body.Grants is null ? null : Distinct(body.Grants),
            Scopes = body.Scopes is null ? null : Distinct(body.Scopes),
            RedirectUris = body.RedirectUris is null ? null : Distinct(body.RedirectUris),
            Enabled = body.Enabled,
            RotateSecret = body.RotateSecret,
        };
        var result = await stored.ChangeAsync(id, change, user.GetUserId(), RequestOrigin.Of(context, addresses));
        if (result.Error is { } error)
            return error.ToProblem(context);
        context.Response.Headers.CacheControl = "no-store";
        return Results.Json(Show(result.Value.Client, result.Value.Secret), ClientsJson.Default.ClientInfo);
    }

    private static async Task<IResult> DeleteAsync(
        string id,
        RegisteredClients stored,
        ClaimsPrincipal user,
        HttpContext context,
        ClientAddress addresses
    ) =>
        await stored.DeleteAsync(id, user.GetUserId(), RequestOrigin.Of(context, addresses)) is { } error
            ? error.ToProblem(context)
            : Results.NoContent();

    private static ClientInfo Show(RegisteredClient client, string? secret = null) =>
        new(client.Id, client.Name, client.SecretHash is not null, client.Grants, client.Scopes, client.RedirectUris, client.IsEnabled)
        {
            Origin = "database",
            CreatedAt = DateTimeOffset.FromUnixTimeMilliseconds(client.CreatedAt),
            ClientSecret = secret,
        };

    private static string[] Distinct(IReadOnlyList<string>? values) => [.. (values ?? []).Distinct(StringComparer.Ordinal)];
}

/// <summary>A client to register.</summary>
/// <param name="ClientId">3–255 characters of <c>A-Z a-z 0-9 _ -</c>; made up when absent.</param>
/// <param name="Name">Name people see.</param>
/// <param name="Confidential">True for a program that can keep a secret (a server); it gets one.</param>
/// <param name="Grants">Grants it needs.</param>
/// <param name="Scopes">Scopes it may ask for.</param>
/// <param name="RedirectUris">Where a browser may be sent back to.</param>
internal sealed record CreateClientBody(
    string? ClientId,
    string? Name,
    bool Confidential,
    IReadOnlyList<string>? Grants,
    IReadOnlyList<string>? Scopes,
    IReadOnlyList<string>? RedirectUris
);

internal sealed record ChangeClientBody(
    string? Name,
    IReadOnlyList<string>? Grants,
    IReadOnlyList<string>? Scopes,
    IReadOnlyList<string>? RedirectUris,
    bool? Enabled,
    bool RotateSecret
);

internal sealed record ClientInfo(
    string ClientId,
    string Name,
    bool Confidential,
    IReadOnlyList<string> Grants,
    IReadOnlyList<string> Scopes,
    IReadOnlyList<string> RedirectUris,
    bool Enabled
)
{
    /// <summary><c>built_in</c>, <c>configuration</c> or <c>database</c>; only the last may be changed.</summary>
    public required string Origin { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>Only in the answer that made it.</summary>
    public string? ClientSecret { get; init; }
}

internal sealed record ClientList(IReadOnlyList<ClientInfo> Clients);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(CodeLab.Protocol.UtcTimestampConverter)]
)]
[JsonSerializable(typeof(CreateClientBody))]
[JsonSerializable(typeof(ChangeClientBody))]
[JsonSerializable(typeof(ClientInfo))]
[JsonSerializable(typeof(ClientList))]
internal sealed partial class ClientsJson : JsonSerializerContext;
