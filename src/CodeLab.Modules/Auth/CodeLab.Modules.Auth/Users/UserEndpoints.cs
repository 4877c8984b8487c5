using System.Security.Claims;
using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Users;

/// <summary>Routes of users: <c>/api/v1/me</c> for everybody, <c>/api/v1/admin/users</c> for administrators (design.md §14).</summary>
internal static class UserEndpoints
{
    private const int MostAtOnce = 200;

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/api/v1/me", GetMeAsync)
            .WithTags("Users")
            .WithName("GetMe")
            .WithSummary("The caller, as the server sees it")
            .RequireAuthorization();
        var users = app.MapGroup("/api/v1/admin/users").WithTags("Users").RequireAuthorization(Policies.Admin);
        users.MapGet("/", ListAsync).WithName("ListUsers").WithSummary("Lists users by name");
        users.MapPost("/", CreateAsync).WithName("CreateUser").WithSummary("Creates a user with a password");
        users.MapGet("/{id}", GetAsync).WithName("GetUser").WithSummary("Shows a user");
        users.MapPost("/{id}/disable", DisableAsync).WithName("DisableUser").WithSummary("Disables a user and ends their sign-ins");
        users.MapPost("/{id}/enable", EnableAsync).WithName("EnableUser").WithSummary("Lets a disabled user sign in again");
    }

    private static async Task<IResult> GetMeAsync(ClaimsPrincipal user, Accounts accounts, CancellationToken cancellationToken)
    {
        var id = user.GetUserId();
        var account = AccessPolicies.IsService(user) ? null : await accounts.FindAsync(id, cancellationToken);
        var scopes = user.FindFirstValue("scope")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        var me = new Me(id, account?.Username, account?.Email, account?.Roles ?? [], scopes, user.FindFirstValue("client_id") ?? "");
        return Results.Json(me, UsersJson.Default.Me);
    }

    private static async Task<IResult> ListAsync(
        Accounts accounts,
        CancellationToken cancellationToken,
        int limit = 50,
        string? cursor = null
    )
    {
        limit = Math.Clamp(limit, 1, MostAtOnce);
        var found = await accounts.ListAsync(limit + 1, cursor, cancellationToken);
        var page = found.Take(limit).ToArray();
        var next = found.Count > limit ? PasswordSignIn.Normalize(page[^1].Username) : null;
        return Results.Json(new UserList(page, next), UsersJson.Default.UserList);
    }

    private static async Task<IResult> CreateAsync(
        CreateUserBody body,
        Accounts accounts,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var account = new NewAccount(body.Username ?? "", body.Email ?? "", body.Password ?? "", body.Roles ?? [Roles.Developer]);
        Result<Account?> result;
        try
        {
            result = await accounts.CreateAsync(account, guard: null, cancellationToken);
        }
        catch (PasswordQueueFullException)
        {
            return UserErrors.Busy.ToProblem(context);
        }
        if (result.Error is { } error)
            return error.ToProblem(context);
        context.Response.Headers.Location = $"/api/v1/admin/users/{result.Value!.Id}";
        return Results.Json(result.Value, UsersJson.Default.Account, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<IResult> GetAsync(string id, Accounts accounts, HttpContext context, CancellationToken cancellationToken) =>
        await accounts.FindAsync(id, cancellationToken) is { } account
            ? Results.Json(account, UsersJson.Default.Account)
            : UserErrors.NotFound.ToProblem(context);

    private static Task<IResult> DisableAsync(string id, Accounts accounts, HttpContext context, CancellationToken cancellationToken) =>
        SetAsync(id, enabled: false, accounts, context, cancellationToken);

    private static Task<IResult> EnableAsync(string id, Accounts accounts, HttpContext context, CancellationToken cancellationToken) =>
        SetAsync(id, enabled: true, accounts, context, cancellationToken);

    private static async Task<IResult> SetAsync(
        string id,
        bool enabled,
        Accounts accounts,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var result = await accounts.SetEnabledAsync(id, enabled, cancellationToken);
        return result.Error is { } error ? error.ToProblem(context) : Results.Json(result.Value, UsersJson.Default.Account);
    }
}

/// <summary>Errors of users.</summary>
internal static class UserErrors
{
    public static readonly Error NotFound = new("USER_NOT_FOUND", "There is no such user.", 404);

    public static readonly Error Busy = new("RATE_LIMIT_EXCEEDED", "Too many passwords are being checked. Try again.", 429)
    {
        RetryAfterSeconds = 1,
    };
}

internal sealed record CreateUserBody(string? Username, string? Email, string? Password, IReadOnlyList<string>? Roles);

internal sealed record UserList(IReadOnlyList<Account> Users, string? NextCursor);

internal sealed record Me(
    string Id,
    string? Username,
    string? Email,
    IReadOnlyList<string> Roles,
    IReadOnlyList<string> Scopes,
    string ClientId
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(CodeLab.Protocol.UtcTimestampConverter)]
)]
[JsonSerializable(typeof(CreateUserBody))]
[JsonSerializable(typeof(Account))]
[JsonSerializable(typeof(UserList))]
[JsonSerializable(typeof(Me))]
internal sealed partial class UsersJson : JsonSerializerContext;
