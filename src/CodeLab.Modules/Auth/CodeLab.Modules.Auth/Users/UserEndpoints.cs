using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Teams;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Users;

/// <summary>Users, for administrators (design.md §14).</summary>
internal static class UserEndpoints
{
    private const int MostAtOnce = 200;

    public static void Map(IEndpointRouteBuilder app)
    {
        var users = app.MapGroup("/api/v1/admin/users").WithTags("Users").RequireAuthorization(Policies.Admin);
        users
            .MapGet("/", ListAsync)
            .WithName("ListUsers")
            .Produces<UserList>()
            .WithSummary("Lists users by name; q searches name and e-mail");
        users
            .MapPost("/", CreateAsync)
            .WithName("CreateUser")
            .Produces<CreatedUser>(StatusCodes.Status201Created)
            .WithSummary("Creates a user; without a password, an invitation link");
        users.MapGet("/{id}", GetAsync).WithName("GetUser").Produces<Account>().WithSummary("Shows a user");
        users.MapPatch("/{id}", PatchAsync).WithName("ChangeUser").Produces<Account>().WithSummary("Changes name, e-mail or roles");
        users
            .MapDelete("/{id}", DeleteAsync)
            .WithName("DeleteUser")
            .Produces(StatusCodes.Status204NoContent)
            .WithSummary("Deletes a user; the audit keeps a pseudonym");
        users
            .MapPost("/{id}/disable", DisableAsync)
            .WithName("DisableUser")
            .Produces<Account>()
            .WithSummary("Disables a user and ends their sign-ins");
        users
            .MapPost("/{id}/enable", EnableAsync)
            .WithName("EnableUser")
            .Produces<Account>()
            .WithSummary("Lets a disabled user sign in again");
        users.MapPost("/{id}/unlock", UnlockAsync).WithName("UnlockUser").Produces<Account>().WithSummary("Ends a lock-out");
        users
            .MapPost("/{id}/reset-password", LinkAsync)
            .WithName("ResetUserPassword")
            .Produces<AccountLink>()
            .WithSummary("Makes a link to set a new password");
        users.MapGet("/{id}/sessions", SessionsAsync).WithName("ListUserSessions").Produces<SignInList>().WithSummary("Sign-ins of a user");
        users
            .MapDelete("/{id}/sessions", SignOutAsync)
            .WithName("EndUserSessions")
            .Produces<Account>()
            .WithSummary("Ends all sign-ins of a user");
    }

    private static async Task<IResult> ListAsync(
        Accounts accounts,
        CancellationToken cancellationToken,
        int limit = 50,
        string? cursor = null,
        string? q = null
    )
    {
        limit = Math.Clamp(limit, 1, MostAtOnce);
        var found = await accounts.ListAsync(limit + 1, cursor, q, cancellationToken);
        var page = found.Take(limit).ToArray();
        var next = found.Count > limit ? PasswordSignIn.Normalize(page[^1].Username) : null;
        return Results.Json(new UserList(page, next), UsersJson.Default.UserList);
    }

    private static async Task<IResult> CreateAsync(
        CreateUserBody? body,
        Accounts accounts,
        AccountLinks links,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var account = new NewAccount(body?.Username ?? "", body?.Email ?? "", body?.Password, body?.Roles ?? [Roles.Developer]);
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
        var created = result.Value!;
        AccountLink? invitation = null;
        if (!created.HasPassword)
            invitation = (await links.CreateAsync(created.Id, cancellationToken)).Value;
        context.Response.Headers.Location = $"/api/v1/admin/users/{created.Id}";
        context.Response.Headers.CacheControl = "no-store";
        var answer = new CreatedUser(
            created.Id,
            created.Username,
            created.Email,
            created.Roles,
            created.Enabled,
            created.CreatedAt,
            created.HasPassword
        )
        {
            InvitationUrl = invitation?.Url,
            InvitationExpiresAt = invitation?.ExpiresAt,
        };
        return Results.Json(answer, UsersJson.Default.CreatedUser, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<IResult> GetAsync(
        string id,
        Accounts accounts,
        TeamStore teams,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await accounts.FindAsync(id, cancellationToken) is { } account
            ? Results.Json(account with { Teams = await teams.OfUserAsync(id, cancellationToken) }, UsersJson.Default.Account)
            : UserErrors.NotFound.ToProblem(context);

    private static async Task<IResult> PatchAsync(
        string id,
        PatchUserBody? body,
        AccountChanges changes,
        HttpContext context,
        CancellationToken cancellationToken
    ) => Answer(await changes.PatchAsync(id, new(body?.Username, body?.Email, body?.Roles), cancellationToken), context);

    private static async Task<IResult> DeleteAsync(
        string id,
        AccountChanges changes,
        HttpContext context,
        CancellationToken cancellationToken
    ) => await changes.DeleteAsync(id, cancellationToken) is { } error ? error.ToProblem(context) : Results.NoContent();

    private static async Task<IResult> DisableAsync(
        string id,
        AccountChanges changes,
        HttpContext context,
        CancellationToken cancellationToken
    ) => Answer(await changes.DisableAsync(id, cancellationToken), context);

    private static async Task<IResult> EnableAsync(
        string id,
        AccountChanges changes,
        HttpContext context,
        CancellationToken cancellationToken
    ) => Answer(await changes.EnableAsync(id, cancellationToken), context);

    private static async Task<IResult> UnlockAsync(
        string id,
        AccountChanges changes,
        HttpContext context,
        CancellationToken cancellationToken
    ) => Answer(await changes.UnlockAsync(id, cancellationToken), context);

    private static async Task<IResult> SignOutAsync(
        string id,
        AccountChanges changes,
        HttpContext context,
        CancellationToken cancellationToken
    ) => Answer(await changes.SignOutAsync(id, cancellationToken), context);

    private static async Task<IResult> LinkAsync(string id, AccountLinks links, HttpContext context, CancellationToken cancellationToken)
    {
        var result = await links.CreateAsync(id, cancellationToken);
        if (result.Error is { } error)
            return error.ToProblem(context);
        context.Response.Headers.CacheControl = "no-store";
        return Results.Json(result.Value, UsersJson.Default.AccountLink);
    }

    private static async Task<IResult> SessionsAsync(
        string id,
        Accounts accounts,
        OwnSignIns signIns,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await accounts.FindAsync(id, cancellationToken) is null
            ? UserErrors.NotFound.ToProblem(context)
            : Results.Json(new SignInList(await signIns.ListAsync(id, null, cancellationToken)), UsersJson.Default.SignInList);

    private static IResult Answer(Result<Account> result, HttpContext context) =>
        result.Error is { } error ? error.ToProblem(context) : Results.Json(result.Value, UsersJson.Default.Account);
}

internal sealed record CreateUserBody(string? Username, string? Email, string? Password, IReadOnlyList<string>? Roles);

internal sealed record PatchUserBody(string? Username, string? Email, IReadOnlyList<string>? Roles);

internal sealed record UserList(IReadOnlyList<Account> Users, string? NextCursor);

/// <summary>A new user, with the invitation link when it has no password: the link is shown this once.</summary>
internal sealed record CreatedUser(
    string Id,
    string Username,
    string Email,
    IReadOnlyList<string> Roles,
    bool Enabled,
    DateTimeOffset CreatedAt,
    bool HasPassword
)
{
    public string? InvitationUrl { get; init; }
    public DateTimeOffset? InvitationExpiresAt { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(CodeLab.Protocol.UtcTimestampConverter)]
)]
[JsonSerializable(typeof(CreateUserBody))]
[JsonSerializable(typeof(PatchUserBody))]
[JsonSerializable(typeof(CreatedUser))]
[JsonSerializable(typeof(Account))]
[JsonSerializable(typeof(AccountLink))]
[JsonSerializable(typeof(UserList))]
[JsonSerializable(typeof(Me))]
[JsonSerializable(typeof(SignInList))]
[JsonSerializable(typeof(ChangePasswordBody))]
[JsonSerializable(typeof(SignedOut))]
internal sealed partial class UsersJson : JsonSerializerContext;
