using System.Security.Claims;
using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.AccessKeys;

/// <summary>One's own keys (design.md §14), and all keys for administrators.</summary>
internal static class AccessKeyEndpoints
{
    private const int MostAtOnce = 200;
    private const int LongestOverlapSeconds = 30 * 24 * 60 * 60;

    public static void Map(IEndpointRouteBuilder app)
    {
        var keys = app.MapGroup("/api/v1/keys").WithTags("Keys").RequireAuthorization(Policies.Account);
        keys.MapGet("/", ListAsync).WithName("ListKeys").Produces<AccessKeyList>().WithSummary("The caller's access keys");
        keys.MapPost("/", CreateAsync)
            .WithName("CreateKey")
            .Produces<AccessKey>(StatusCodes.Status201Created)
            .WithSummary("Makes a key; it is shown this once");
        keys.MapDelete("/{id}", RevokeAsync).WithName("RevokeKey").Produces(StatusCodes.Status204NoContent).WithSummary("Revokes a key");
        keys.MapPost("/{id}/rotate", RotateAsync)
            .WithName("RotateKey")
            .Produces<AccessKey>()
            .WithSummary("Gives a key a new secret; the old one works on a while");
        var all = app.MapGroup("/api/v1/admin/keys").WithTags("Keys").RequireAuthorization(Policies.Admin);
        all.MapGet("/", ListAllAsync).WithName("ListAllKeys").Produces<AccessKeyList>().WithSummary("Access keys of all users, or of one");
        all.MapDelete("/{id}", RevokeAnyAsync)
            .WithName("RevokeAnyKey")
            .Produces(StatusCodes.Status204NoContent)
            .WithSummary("Revokes anybody's key");
    }

    private static Task<IResult> ListAsync(
        ClaimsPrincipal user,
        AccessKeyStore keys,
        CancellationToken cancellationToken,
        int limit = 100,
        string? cursor = null
    ) => PageAsync(keys, user.GetUserId(), limit, cursor, cancellationToken);

    private static Task<IResult> ListAllAsync(
        AccessKeyStore keys,
        CancellationToken cancellationToken,
        [FromQuery(Name = "user_id")] string? userId = null,
        int limit = 100,
        string? cursor = null
    ) => PageAsync(keys, userId, limit, cursor, cancellationToken);

    private static async Task<IResult> PageAsync(
        AccessKeyStore keys,
        string? userId,
        int limit,
        string? cursor,
        CancellationToken cancellationToken
    )
    {
        limit = Math.Clamp(limit, 1, MostAtOnce);
        var found = await keys.ListAsync(userId, limit + 1, cursor, cancellationToken);
        var page = found.Take(limit).ToArray();
        return Results.Json(new AccessKeyList(page, found.Count > limit ? page[^1].Id : null), AccessKeysJson.Default.AccessKeyList);
    }

    private static async Task<IResult> CreateAsync(
        NewAccessKey? body,
        ClaimsPrincipal user,
        AccessKeyStore keys,
        TimeProvider time,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var grantable = AccessKeyRules.Grantable(user);
        var asked = body ?? new NewAccessKey(Name: null);
        if (AccessKeyRules.Fault(asked, grantable, time.GetUtcNow()) is { } fault)
            return fault.ToProblem(context);
        // What a key is for, unless it says otherwise.
        var scopes = asked.Scopes ?? (grantable.Contains("llm:invoke") ? ["llm:invoke"] : ["api:read"]);
        var result = await keys.CreateAsync(
            user.GetUserId(),
            asked,
            [.. scopes.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            cancellationToken
        );
        if (result.Error is { } error)
            return error.ToProblem(context);
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.Location = $"/api/v1/keys/{result.Value!.Id}";
        return Results.Json(result.Value, AccessKeysJson.Default.AccessKey, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<IResult> RevokeAsync(
        string id,
        ClaimsPrincipal user,
        AccessKeyStore keys,
        HttpContext context,
        CancellationToken cancellationToken
    ) => await keys.RevokeAsync(id, user.GetUserId(), cancellationToken) ? Results.NoContent() : AccessKeyRules.NotFound.ToProblem(context);

    private static async Task<IResult> RevokeAnyAsync(
        string id,
        AccessKeyStore keys,
        HttpContext context,
        CancellationToken cancellationToken
    ) => await keys.RevokeAsync(id, ownerId: null, cancellationToken) ? Results.NoContent() : AccessKeyRules.NotFound.ToProblem(context);

    private static async Task<IResult> RotateAsync(
        string id,
        RotateKeyBody? body,
        ClaimsPrincipal user,
        AccessKeyStore keys,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        if (body?.OverlapSeconds is < 0 or > LongestOverlapSeconds)
            return AccountRules.Invalid("overlap_seconds", "The old secret works on for 0 s to 30 days.").ToProblem(context);
        var overlap = body?.OverlapSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : (TimeSpan?)null;
        if (await keys.RotateAsync(id, user.GetUserId(), overlap, cancellationToken) is not { } key)
            return AccessKeyRules.NotFound.ToProblem(context);
        context.Response.Headers.CacheControl = "no-store";
        return Results.Json(key, AccessKeysJson.Default.AccessKey);
    }
}

internal sealed record RotateKeyBody(int? OverlapSeconds);

internal sealed record AccessKeyList(IReadOnlyList<AccessKey> Keys, string? NextCursor);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(CodeLab.Protocol.UtcTimestampConverter)]
)]
[JsonSerializable(typeof(NewAccessKey))]
[JsonSerializable(typeof(RotateKeyBody))]
[JsonSerializable(typeof(AccessKeyList))]
internal sealed partial class AccessKeysJson : JsonSerializerContext;
