using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.BuildingBlocks.Http;

/// <summary>Writes failures of HTTP routes in one place.</summary>
public static class ProblemResults
{
    /// <summary>The published error body (protocol.md §3.1) with the error's status, for <c>/api/v1</c> routes.</summary>
    public static IResult ToProblem(this Error error, HttpContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(error);
        return new ErrorResult(error, context?.TraceIdentifier);
    }

    private sealed class ErrorResult(Error error, string? correlationId) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => WriteAsync(httpContext, error, correlationId);
    }

    /// <summary>Writes the published error body to a response that has not started.</summary>
    /// <remarks>People who look at a page get a page (<see cref="IErrorPages"/>).</remarks>
    public static Task WriteAsync(HttpContext context, Error error, string? correlationId = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(error);
        context.Response.StatusCode = error.Status;
        if (error.RetryAfterSeconds is { } seconds)
            context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (IsPage(context.Request) && context.RequestServices?.GetService<IErrorPages>() is { } pages)
            return pages.WriteAsync(context, error);
        var body = new ErrorBody
        {
            Error = error.Code,
            ErrorCode = error.Code,
            Message = error.Message,
            Detail = error.Message,
            Details = error.Details is null ? null : DetailsOf(error),
            RetryAfter = error.RetryAfterSeconds,
            Limit = Detail(error, "limit") is { } limit && int.TryParse(limit, CultureInfo.InvariantCulture, out var most) ? most : null,
            Window = Detail(error, "window"),
            CorrelationId = correlationId ?? context.TraceIdentifier,
        };
        return context.Response.WriteAsJsonAsync(body, ProtocolJson.Default.ErrorBody, cancellationToken: context.RequestAborted);
    }

    // What a limit allows stands in the body itself (protocol.md §3.5).
    private static string? Detail(Error error, string name) =>
        error.Status == StatusCodes.Status429TooManyRequests ? error.Details?.GetValueOrDefault(name) : null;

    /// <summary>The facts; those of a validation also as the published list <c>errors</c> (protocol.md §3.1).</summary>
    private static JsonElement DetailsOf(Error error)
    {
        var details = new JsonObject();
        foreach (var (name, text) in error.Details!)
            details[name] = text;
        if (error.Status == StatusCodes.Status422UnprocessableEntity)
        {
            details["errors"] = new JsonArray([
                .. error.Details.Select(d => (JsonNode)new JsonObject { ["field"] = d.Key, ["message"] = d.Value }),
            ]);
        }
        return JsonSerializer.SerializeToElement(details, ProtocolJson.Default.JsonObject);
    }

    /// <summary>True when a person looks at a page, and not a program at an API.</summary>
    public static bool IsPage(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase)
            && !request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
            && !request.Path.StartsWithSegments("/hubs", StringComparison.OrdinalIgnoreCase)
            && !request.Path.StartsWithSegments("/v1", StringComparison.OrdinalIgnoreCase);
    }
}

/// <summary>Shows failures to people as pages in their language. The status is set already.</summary>
public interface IErrorPages
{
    /// <summary>Writes a page to a response that has not started.</summary>
    Task WriteAsync(HttpContext context, Error error);
}
