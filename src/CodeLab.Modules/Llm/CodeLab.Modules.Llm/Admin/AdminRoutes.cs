using System.Text.Json.Serialization.Metadata;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Llm.Admin;

/// <summary>What the administrators' endpoints have in common.</summary>
internal static class AdminRoutes
{
    private const int LongestUserAgent = 256;

    public static AdminActor Actor(this HttpContext context, ClientAddress addresses)
    {
        var agent = context.Request.Headers.UserAgent.ToString();
        return new AdminActor(
            context.User.GetUserId(),
            addresses.Of(context),
            agent.Length > LongestUserAgent ? agent[..LongestUserAgent] : agent
        );
    }

    public static IResult ToAnswer<T>(
        this Result<T> result,
        HttpContext context,
        JsonTypeInfo<T> type,
        int status = StatusCodes.Status200OK
    ) => result.Error is { } error ? error.ToProblem(context) : Results.Json(result.Value!, type, statusCode: status);

    /// <summary>An answer of 204 for what is gone.</summary>
    public static IResult ToAnswer(this Result<Deleted> result, HttpContext context) =>
        result.Error is { } error ? error.ToProblem(context) : Results.NoContent();
}

/// <summary>Errors of the administrators' requests.</summary>
internal static class AdminErrors
{
    public static Error Invalid(string field, string message) =>
        new("INVALID_REQUEST", message, 400) { Details = new Dictionary<string, string>(StringComparer.Ordinal) { [field] = message } };

    public static Error NotFound(string code, string what) => new(code, $"There is no such {what}. List them to see which there are.", 404);

    public static Error Exists(string code, string message) => new(code, message, 409);
}
