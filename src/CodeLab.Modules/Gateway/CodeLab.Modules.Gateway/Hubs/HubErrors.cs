using FluentValidation;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Gateway.Hubs;

/// <summary>Tells every failure of a hub method as <c>CODE: text</c>; what is not foreseen is logged once, under the id the client is told.</summary>
internal sealed partial class HubErrors(ILogger<HubErrors> logger) : IHubFilter
{
    public async ValueTask<object?> InvokeMethodAsync(
        HubInvocationContext invocationContext,
        Func<HubInvocationContext, ValueTask<object?>> next
    )
    {
        try
        {
            return await next(invocationContext);
        }
        catch (HubException)
        {
            throw;
        }
        catch (ValidationException invalid)
        {
            throw new HubException("INVALID_REQUEST: " + string.Join(" ", invalid.Errors.Select(e => e.ErrorMessage)), invalid);
        }
        catch (OperationCanceledException cancelled) when (invocationContext.Context.ConnectionAborted.IsCancellationRequested)
        {
            throw new HubException("CANCELLED: The connection was closed.", cancelled);
        }
        catch (Exception exception)
        {
            var id = Guid.NewGuid().ToString("N");
            InvocationFailed(exception, invocationContext.HubMethodName, id);
            throw new HubException($"INTERNAL_ERROR: Something went wrong. Name {id} when you ask for help.", exception);
        }
    }

    [LoggerMessage(1001, LogLevel.Error, "Hub method {Method} failed; correlation id {CorrelationId}")]
    private partial void InvocationFailed(Exception exception, string method, string correlationId);
}
