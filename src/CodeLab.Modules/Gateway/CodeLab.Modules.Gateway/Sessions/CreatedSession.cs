using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Gateway.Sessions;

/// <summary>201 with the address of the session; the body is written by the source-generated serializer.</summary>
internal sealed class CreatedSession(SessionInfo session) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.StatusCode = StatusCodes.Status201Created;
        httpContext.Response.Headers.Location = $"/api/v1/sessions/{session.Id}";
        return httpContext.Response.WriteAsJsonAsync(
            session,
            ProtocolJson.Default.SessionInfo,
            cancellationToken: httpContext.RequestAborted
        );
    }
}
