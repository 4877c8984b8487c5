using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Llm.Doors;

/// <summary>
/// Stands before sign-in: clients of a dialect send their key under the vendor's own header name, and what signs in looks at
/// <c>Authorization</c> only.
/// </summary>
internal sealed class DoorKeys(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (
            headers.Authorization.Count == 0
            && HeaderOf(context.Request.Path) is { } name
            && headers[name].ToString() is { Length: > 0 } key
        )
            headers.Authorization = "Bearer " + key;
        return next(context);
    }

    private static string? HeaderOf(PathString path) =>
        path.StartsWithSegments("/v1/messages", StringComparison.Ordinal) ? "x-api-key"
        : path.StartsWithSegments("/v1/models", StringComparison.Ordinal) ? "x-api-key"
        : path.StartsWithSegments("/v1", StringComparison.Ordinal) ? "api-key"
        : null;
}
