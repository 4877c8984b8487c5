using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Teams;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Users;

/// <summary>What everybody may do with their own account: see it, change the password, see and end their sign-ins (protocol.md §2.10).</summary>
internal static class MeEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/api/v1/me", GetMeAsync)
            .WithTags("Users")
            .WithName("GetMe")
            .Produces<Me>()
            .WithSummary("The caller, as the server sees it")
            .RequireAuthorization(Policies.SignedIn);
        app.MapPost("/api/v1/me/password", ChangePasswordAsync)
            .WithTags("Users")
            .WithName("ChangeOwnPassword")
            .Produces<SignedOut>()
            .WithSummary("Changes the caller's password and ends their other sign-ins")
            .RequireAuthorization(Policies.Account);
        var own = app.MapGroup("/api/v1/auth/oauth").WithTags("Sessions").RequireAuthorization(Policies.Account);
        own.MapGet("/sessions", ListAsync)
            .WithName("ListOwnSignIns")
            .Produces<SignInList>()
            .WithSummary("Devices and programs the caller is signed in with");
        own.MapGet("/sessions/{id}", GetAsync).WithName("GetOwnSignIn").Produces<SignInInfo>().WithSummary("One of them");
        own.MapDelete("/sessions/{id}", EndAsync).WithName("EndOwnSignIn").Produces<SignedOut>().WithSummary("Ends one of them");
        own.MapPost("/logout", LogoutAsync)
            .WithName("Logout")
            .Produces<SignedOut>()
            .WithSummary("Ends the caller's sign-in, or all of them");
    }

    private static async Task<IResult> GetMeAsync(
        ClaimsPrincipal user,
        Accounts accounts,
        TeamStore teams,
        CancellationToken cancellationToken
    )
    {
        var id = user.GetUserId();
        var scopes = user.FindFirstValue("scope")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        var me = new Me(id, null, null, [], scopes, user.FindFirstValue("client_id") ?? "");
        if (!AccessPolicies.IsService(user) && await accounts.FindAsync(id, cancellationToken) is { } account)
        {
            me = me with
            {
                Username = account.Username,
                Email = account.Email,
                Roles = account.Roles,
                Teams = await teams.OfUserAsync(id, cancellationToken),
                KeyId = user.FindFirstValue("key_id"),
            };
        }
        return Results.Json(me, UsersJson.Default.Me);
    }

    private static async Task<IResult> ChangePasswordAsync(
        ChangePasswordBody? body,
        ClaimsPrincipal user,
        OwnPassword passwords,
        HttpContext context
    )
    {
        try
        {
            var result = await passwords.ChangeAsync(
                user.GetUserId(),
                SignInId(user),
                body?.CurrentPassword ?? "",
                body?.NewPassword ?? "",
                context.RequestAborted
            );
            return result.Error is { } error
                ? error.ToProblem(context)
                : Results.Json(
                    new SignedOut("The password has been changed. Other devices have been signed out.", result.Value),
                    UsersJson.Default.SignedOut
                );
        }
        catch (PasswordQueueFullException)
        {
            return UserErrors.Busy.ToProblem(context);
        }
    }

    private static async Task<IResult> ListAsync(ClaimsPrincipal user, OwnSignIns signIns, CancellationToken cancellationToken) =>
        Results.Json(
            new SignInList(await signIns.ListAsync(user.GetUserId(), SignInId(user), cancellationToken)),
            UsersJson.Default.SignInList
        );

    private static async Task<IResult> GetAsync(
        string id,
        ClaimsPrincipal user,
        OwnSignIns signIns,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var all = await signIns.ListAsync(user.GetUserId(), SignInId(user), cancellationToken);
        return all.FirstOrDefault(s => s.SessionId == id) is { } found
            ? Results.Json(found, UsersJson.Default.SignInInfo)
            : UserErrors.SignInNotFound.ToProblem(context);
    }

    private static async Task<IResult> EndAsync(
        string id,
        ClaimsPrincipal user,
        OwnSignIns signIns,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await signIns.EndAsync(user.GetUserId(), id, "token.revoked", cancellationToken)
            ? Results.Json(new SignedOut("The session has ended.", 1), UsersJson.Default.SignedOut)
            : UserErrors.SignInNotFound.ToProblem(context);

    private static async Task<IResult> LogoutAsync(
        ClaimsPrincipal user,
        OwnSignIns signIns,
        CancellationToken cancellationToken,
        [FromQuery(Name = "all_sessions")] bool allSessions = false
    )
    {
        var ended =
            allSessions ? await signIns.EndAllAsync(user.GetUserId(), except: null, "logout", cancellationToken)
            : await signIns.EndAsync(user.GetUserId(), SignInId(user), "logout", cancellationToken) ? 1
            : 0;
        return Results.Json(new SignedOut(allSessions ? "Signed out everywhere." : "Signed out.", ended), UsersJson.Default.SignedOut);
    }

    private static string SignInId(ClaimsPrincipal user) =>
        user.FindFirstValue("sid") ?? throw new InvalidOperationException("The policy let in who has no sign-in");
}

internal sealed record ChangePasswordBody(string? CurrentPassword, string? NewPassword);

internal sealed record SignInList(IReadOnlyList<SignInInfo> Sessions);

internal sealed record SignedOut(string Message, int RevokedCount);

internal sealed record Me(
    string Id,
    string? Username,
    string? Email,
    IReadOnlyList<string> Roles,
    IReadOnlyList<string> Scopes,
    string ClientId
)
{
    public IReadOnlyList<TeamInfo>? Teams { get; init; }

    /// <summary>The access key the caller used.</summary>
    public string? KeyId { get; init; }
}
