using CodeLab.BuildingBlocks.Results;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using Microsoft.AspNetCore.Http;

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
    public static Task WriteAsync(HttpContext context, Error error, string? correlationId = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(error);
        context.Response.StatusCode = error.Status;
        if (error.RetryAfterSeconds is { } seconds)
            context.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var body = new ErrorBody
        {
            Error = error.Code,
            ErrorCode = error.Code,
            Message = error.Message,
            Detail = error.Message,
            Details = error.Details is null
                ? null
                : System.Text.Json.JsonSerializer.SerializeToElement(
                    new Dictionary<string, string>(error.Details),
                    ProtocolJson.Default.DictionaryStringString
                ),
            RetryAfter = error.RetryAfterSeconds,
            CorrelationId = correlationId ?? context.TraceIdentifier,
        };
        return context.Response.WriteAsJsonAsync(body, ProtocolJson.Default.ErrorBody, cancellationToken: context.RequestAborted);
    }
}
