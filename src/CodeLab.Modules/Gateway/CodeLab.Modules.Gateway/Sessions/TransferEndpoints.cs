using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Access;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Gateway.Sessions;

/// <summary>Sessions as files, and forks of sessions.</summary>
internal static class TransferEndpoints
{
    private const string _lines = "application/jsonl";

    public static void Map(IEndpointRouteBuilder app)
    {
        var sessions = app.MapGroup("/api/v1/sessions").WithTags("Sessions").AddEndpointFilter<SessionIdFilter>();
        sessions
            .MapGet("/{id}/export", ExportAsync)
            .WithName("ExportSession")
            .WithSummary("Exports a session as JSON Lines")
            .WithDescription("A header, then one line an event of the log. For owners: what was cleared from the history is in it too.")
            .RequireAuthorization(Policies.Read)
            .Produces<string>(StatusCodes.Status200OK, _lines)
            .Produces<ErrorBody>(StatusCodes.Status404NotFound);
        sessions
            .MapPost("/import", ImportAsync)
            .WithName("ImportSession")
            .WithSummary("Makes a session of an exported one")
            .WithDescription(
                "The body is the file. The session gets a new id, belongs to the caller and is idle. A line that is wrong answers 400 with its number."
            )
            .RequireAuthorization(Policies.Write)
            .WithMetadata(new AnyLength())
            .Creates<SessionInfo>(StatusCodes.Status413PayloadTooLarge, StatusCodes.Status503ServiceUnavailable);
        sessions
            .MapPost("/{id}/fork", ForkAsync)
            .WithName("ForkSession")
            .WithSummary("Makes a session that shares the events of another up to one of them")
            .WithDescription("The body may be absent: then all events. The fork is idle; calls that were open are closed in it.")
            .RequireAuthorization(Policies.Write)
            .Creates<SessionInfo>(StatusCodes.Status404NotFound, StatusCodes.Status422UnprocessableEntity);
        sessions
            .MapPost("/{id}/rerun", RerunAsync)
            .WithName("RerunSession")
            .WithSummary("Plays a session once more and tells the first difference")
            .WithDescription(
                "What people said, the model answered and the tools brought is taken from the log; what the server decides is decided anew, by "
                    + "the rules and prompts of now or of the body, which may be absent. Nothing is called, run or stored."
            )
            .RequireAuthorization(Policies.Write)
            .Answers<RerunAnswer>(StatusCodes.Status404NotFound, StatusCodes.Status413PayloadTooLarge);
    }

    private static async Task<IResult> RerunAsync(
        string id,
        [FromBody(EmptyBodyBehavior = Microsoft.AspNetCore.Mvc.ModelBinding.EmptyBodyBehavior.Allow)] RerunBody? body,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var played = await sender.Send(new RerunSessionQuery(SessionEndpoints.Caller(user), id, body ?? new()), cancellationToken);
        return played.Error is { } error ? error.ToProblem() : TypedResults.Json(played.Value, ProtocolJson.Default.RerunAnswer);
    }

    private static async Task<IResult> ExportAsync(string id, ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken)
    {
        var export = await sender.Send(new ExportSessionQuery(SessionEndpoints.Caller(user), id), cancellationToken);
        return export.Error is { } error ? error.ToProblem() : new LinesResult(export.Value!);
    }

    // The body is read as it comes, whatever its media type: one that were declared would be asked for before anybody's rights.
    private static async Task<IResult> ImportAsync(HttpContext http, ISender sender, CancellationToken cancellationToken)
    {
        var command = new ImportSessionCommand(SessionEndpoints.Caller(http.User), http.Request.Body);
        var imported = await sender.Send(command, cancellationToken);
        return imported.Error is { } error ? error.ToProblem() : new CreatedSession(imported.Value!);
    }

    private static async Task<IResult> ForkAsync(
        string id,
        [FromBody(EmptyBodyBehavior = Microsoft.AspNetCore.Mvc.ModelBinding.EmptyBodyBehavior.Allow)] ForkSessionBody? body,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var command = new ForkSessionCommand(SessionEndpoints.Caller(user), id, body?.AtSeq, body?.Title);
        var fork = await sender.Send(command, cancellationToken);
        return fork.Error is { } error ? error.ToProblem() : new CreatedSession(fork.Value!);
    }

    /// <summary>Lines as they are read; a slow reader holds up the reading, and nothing is gathered.</summary>
    private sealed class LinesResult(SessionExport export) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.ContentType = _lines;
            response.Headers.ContentDisposition = $"attachment; filename=\"{export.FileName}\"";
            await foreach (var line in export.Lines.WithCancellation(httpContext.RequestAborted))
                await response.BodyWriter.WriteAsync(line, httpContext.RequestAborted);
        }
    }

    /// <summary>The handler counts by itself, to the limit that is configured.</summary>
    private sealed class AnyLength : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => null;
    }
}
