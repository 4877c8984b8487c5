using System.Text.Json;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using FluentValidation;

namespace CodeLab.Host.Http;

/// <summary>The one place where exceptions become answers: logged once, told without cause, with the id to ask about.</summary>
internal sealed partial class ErrorHandling(RequestDelegate next, ILogger<ErrorHandling> logger)
{
    private const int ClientClosedRequest = 499;

    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client left: nobody reads an answer, and nothing is wrong.
            if (!context.Response.HasStarted)
                context.Response.StatusCode = ClientClosedRequest;
        }
        catch (Exception exception)
        {
            var error = ErrorOf(exception, context.Request.Path);
            if (error.Status >= 500)
                RequestFailed(exception, context.Request.Method, context.GetEndpoint()?.DisplayName, context.TraceIdentifier);
            if (context.Response.HasStarted)
            {
                // Half an answer is out; only a broken connection tells the client that the rest is missing.
                context.Abort();
                return;
            }
            context.Response.Clear();
            await ProblemResults.WriteAsync(context, error);
        }
    }

    private static Error ErrorOf(Exception exception, PathString path) =>
        exception switch
        {
            ValidationException invalid => new(
                "INVALID_REQUEST",
                "The request is not valid. The details name the fields.",
                RequestPaths.IsPublished(path) ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status400BadRequest
            )
            {
                Details = invalid
                    .Errors.GroupBy(e => FieldName(e.PropertyName), StringComparer.Ordinal)
                    .ToDictionary(g => g.Key, g => string.Join(" ", g.Select(e => e.ErrorMessage)), StringComparer.Ordinal),
            },
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => StatusErrors.Of(413),
            BadHttpRequestException bad => StatusErrors.Of(bad.StatusCode is >= 400 and < 500 ? bad.StatusCode : 400),
            _ => StatusErrors.Of(500),
        };

    /// <summary>The wire name of a property, without the record it sits in.</summary>
    private static string FieldName(string property) =>
        JsonNamingPolicy.SnakeCaseLower.ConvertName(property[(property.LastIndexOf('.') + 1)..]);

    [LoggerMessage(8, LogLevel.Error, "{Method} {Endpoint} failed; correlation id {CorrelationId}")]
    private partial void RequestFailed(Exception exception, string method, string? endpoint, string correlationId);
}

/// <summary>Which addresses speak JSON to programs.</summary>
internal static class RequestPaths
{
    public static bool IsApi(PathString path) =>
        path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
        || path.StartsWithSegments("/hubs", StringComparison.OrdinalIgnoreCase);

    /// <summary>Routes whose shapes were published before us (protocol.md §3): what does not validate is 422 there.</summary>
    public static bool IsPublished(PathString path) =>
        path.StartsWithSegments("/api/v1/sessions", StringComparison.OrdinalIgnoreCase)
        || path.StartsWithSegments("/api/v1/agents", StringComparison.OrdinalIgnoreCase)
        || path.StartsWithSegments("/api/v1/events", StringComparison.OrdinalIgnoreCase);
}

/// <summary>Gives answers that are only a status the published error body.</summary>
internal static class StatusErrors
{
    public static void UseErrorBodies(this WebApplication app) =>
        app.UseStatusCodePages(async pages =>
        {
            var context = pages.HttpContext;
            var path = context.Request.Path;
            if (RequestPaths.IsApi(path) || ProblemResults.IsPage(context.Request))
                await ProblemResults.WriteAsync(context, Of(context.Response.StatusCode));
        });

    public static Error Of(int status) =>
        status switch
        {
            400 => new("INVALID_REQUEST", "The request can not be read: check its body and parameters.", status),
            401 => new("UNAUTHORIZED", "Sign in first.", status),
            403 => new("PERMISSION_DENIED", "Your account may not do this.", status),
            404 => new("NOT_FOUND", "There is nothing at this address.", status),
            405 => new("METHOD_NOT_ALLOWED", "This address does not take this method.", status),
            413 => new("PAYLOAD_TOO_LARGE", "The request is larger than this address takes.", status),
            415 => new("UNSUPPORTED_MEDIA_TYPE", "Send the body as application/json.", status),
            429 => new("RATE_LIMIT_EXCEEDED", "Too many requests. Wait a moment.", status),
            503 => new("UNAVAILABLE", "The server can not do this now. Try again in a moment.", status),
            >= 500 => new("INTERNAL_ERROR", "Something went wrong. Name the correlation id when you ask for help.", status),
            _ => new("INVALID_REQUEST", "The request was refused.", status),
        };
}
