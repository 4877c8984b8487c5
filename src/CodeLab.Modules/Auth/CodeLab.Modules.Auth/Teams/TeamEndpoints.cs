using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Teams;

/// <summary>Teams, for administrators.</summary>
internal static class TeamEndpoints
{
    private const int MostAtOnce = 200;

    public static void Map(IEndpointRouteBuilder app)
    {
        var teams = app.MapGroup("/api/v1/admin/teams").WithTags("Teams").RequireAuthorization(Policies.Admin);
        teams.MapGet("/", ListAsync).WithName("ListTeams").Produces<TeamList>().WithSummary("Lists teams by name");
        teams.MapPost("/", CreateAsync).WithName("CreateTeam").Produces<Team>(StatusCodes.Status201Created).WithSummary("Creates a team");
        teams.MapGet("/{id}", GetAsync).WithName("GetTeam").Produces<Team>().WithSummary("Shows a team with its members");
        teams.MapPatch("/{id}", RenameAsync).WithName("RenameTeam").Produces<Team>().WithSummary("Renames a team");
        teams
            .MapDelete("/{id}", DeleteAsync)
            .WithName("DeleteTeam")
            .Produces(StatusCodes.Status204NoContent)
            .WithSummary("Deletes a team; its members stay users");
        teams
            .MapPut("/{id}/members/{userId}", PutMemberAsync)
            .WithName("PutTeamMember")
            .Produces<Team>()
            .WithSummary("Adds a member, or makes it lead");
        teams
            .MapDelete("/{id}/members/{userId}", RemoveMemberAsync)
            .WithName("RemoveTeamMember")
            .Produces(StatusCodes.Status204NoContent)
            .WithSummary("Removes a member");
    }

    private static async Task<IResult> ListAsync(
        TeamStore teams,
        CancellationToken cancellationToken,
        int limit = 50,
        string? cursor = null
    )
    {
        limit = Math.Clamp(limit, 1, MostAtOnce);
        var found = await teams.ListAsync(limit + 1, cursor, cancellationToken);
        var page = found.Take(limit).ToArray();
        var next = found.Count > limit ? TeamStore.Normalize(page[^1].Name) : null;
        return Results.Json(new TeamList(page, next), TeamsJson.Default.TeamList);
    }

    private static async Task<IResult> CreateAsync(
        TeamBody? body,
        TeamStore teams,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var result = await teams.CreateAsync(body?.Name ?? "", cancellationToken);
        if (result.Error is { } error)
            return error.ToProblem(context);
        context.Response.Headers.Location = $"/api/v1/admin/teams/{result.Value!.Id}";
        return Results.Json(result.Value, TeamsJson.Default.Team, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<IResult> GetAsync(string id, TeamStore teams, HttpContext context, CancellationToken cancellationToken) =>
        await teams.FindAsync(id, cancellationToken) is { } team
            ? Results.Json(team, TeamsJson.Default.Team)
            : TeamStore.NotFound.ToProblem(context);

    private static async Task<IResult> RenameAsync(
        string id,
        TeamBody? body,
        TeamStore teams,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var result = await teams.RenameAsync(id, body?.Name ?? "", cancellationToken);
        return result.Error is { } error ? error.ToProblem(context) : Results.Json(result.Value, TeamsJson.Default.Team);
    }

    private static async Task<IResult> DeleteAsync(string id, TeamStore teams, HttpContext context, CancellationToken cancellationToken) =>
        await teams.DeleteAsync(id, cancellationToken) ? Results.NoContent() : TeamStore.NotFound.ToProblem(context);

    private static async Task<IResult> PutMemberAsync(
        string id,
        string userId,
        TeamMemberBody? body,
        TeamStore teams,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await teams.PutMemberAsync(id, userId, body?.IsLead ?? false, cancellationToken) is { } error
            ? error.ToProblem(context)
            : Results.Json(await teams.FindAsync(id, cancellationToken), TeamsJson.Default.Team);

    private static async Task<IResult> RemoveMemberAsync(
        string id,
        string userId,
        TeamStore teams,
        HttpContext context,
        CancellationToken cancellationToken
    ) => await teams.RemoveMemberAsync(id, userId, cancellationToken) ? Results.NoContent() : Users.UserErrors.NotFound.ToProblem(context);
}

internal sealed record TeamBody(string? Name);

internal sealed record TeamMemberBody(bool? IsLead);

internal sealed record TeamList(IReadOnlyList<Team> Teams, string? NextCursor);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(CodeLab.Protocol.UtcTimestampConverter)]
)]
[JsonSerializable(typeof(TeamBody))]
[JsonSerializable(typeof(TeamMemberBody))]
[JsonSerializable(typeof(TeamList))]
internal sealed partial class TeamsJson : JsonSerializerContext;
