using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Llm.Doors;

/// <summary>Says "sign in" and "not you" in the words of the door's dialect, since its clients look for the reason there.</summary>
internal sealed class DoorRefusals : IAuthorizationMiddlewareResultHandler
{
    private readonly AuthorizationMiddlewareResultHandler _others = new();

    public Task HandleAsync(
        RequestDelegate next,
        HttpContext context,
        AuthorizationPolicy policy,
        PolicyAuthorizationResult authorizeResult
    )
    {
        if (authorizeResult.Succeeded || context.GetEndpoint()?.Metadata.GetMetadata<DoorMetadata>() is not { Shape: { } shape })
            return _others.HandleAsync(next, context, policy, authorizeResult);
        if (authorizeResult.Challenged)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            return shape.RefuseAsync(
                context,
                new DoorError("UNAUTHORIZED", "The key or token is missing, unknown or has expired. Send one as a bearer token.", 401)
            );
        }
        return shape.RefuseAsync(
            context,
            new DoorError("PERMISSION_DENIED", "This key or token may not call models: it needs the scope llm:invoke.", 403)
        );
    }
}
