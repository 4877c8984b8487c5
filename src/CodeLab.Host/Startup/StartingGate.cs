using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;

namespace CodeLab.Host.Startup;

/// <summary>Holds requests back until the host may serve them; after 30 s they are refused with the advice to come again.</summary>
internal sealed class StartingGate(RequestDelegate next, StartupGate gate, TimeProvider time)
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private static readonly Error _starting = new("STARTING", "The server is starting. Try again in a moment.", 503)
    {
        RetryAfterSeconds = 5,
    };

    public Task InvokeAsync(HttpContext context) => gate.IsOpen ? next(context) : WaitAsync(context);

    private async Task WaitAsync(HttpContext context)
    {
        try
        {
            await gate.Opened.WaitAsync(_patience, time, context.RequestAborted);
        }
        catch (TimeoutException)
        {
            await ProblemResults.WriteAsync(context, _starting);
            return;
        }
        await next(context);
    }
}
