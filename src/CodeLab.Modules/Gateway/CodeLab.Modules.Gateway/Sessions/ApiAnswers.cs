using CodeLab.Protocol.Rest;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Gateway.Sessions;

/// <summary>Says in the API document what a route answers: its body, and the refusals every route knows.</summary>
internal static class ApiAnswers
{
    /// <summary>200 with a body, and the refusals.</summary>
    public static RouteHandlerBuilder Answers<T>(this RouteHandlerBuilder route, params ReadOnlySpan<int> refusals) =>
        route.Produces<T>().Refuses(refusals);

    /// <summary>201 with a body, and the refusals.</summary>
    public static RouteHandlerBuilder Creates<T>(this RouteHandlerBuilder route, params ReadOnlySpan<int> refusals) =>
        route.Produces<T>(StatusCodes.Status201Created).Refuses(refusals);

    private static RouteHandlerBuilder Refuses(this RouteHandlerBuilder route, ReadOnlySpan<int> refusals)
    {
        foreach (var status in refusals)
            route.Produces<ErrorBody>(status);
        return route
            .Produces<ErrorBody>(StatusCodes.Status400BadRequest)
            .Produces<ErrorBody>(StatusCodes.Status401Unauthorized)
            .Produces<ErrorBody>(StatusCodes.Status403Forbidden)
            .Produces<ErrorBody>(StatusCodes.Status429TooManyRequests);
    }
}
