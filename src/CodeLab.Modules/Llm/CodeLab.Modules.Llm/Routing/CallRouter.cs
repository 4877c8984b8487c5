using System.Security.Cryptography;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers.Http;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Routing;

/// <summary>Retries a target while that makes sense, then goes on to the next.</summary>
internal sealed partial class CallRouter(TimeProvider time, ILogger<CallRouter> logger) : ICallRouter
{
    public async ValueTask<CallStart<T>> StartAsync<TState, T>(
        CallAdmission admission,
        TState state,
        Func<TState, CallTarget, CancellationToken, ValueTask<T>> attempt,
        CancellationToken cancellationToken
    )
    {
        var attempts = 0;
        for (var i = 0; ; i++)
        {
            var target = admission.Targets[i];
            for (var retry = 0; ; retry++)
            {
                attempts++;
                try
                {
                    return new(await attempt(state, target, cancellationToken), target, attempts);
                }
                catch (ProviderException failure)
                {
                    failure.Attempts = attempts;
                    failure.Target = target;
                    if (!failure.IsTransient)
                        throw;
                    var wait = WaitBefore(target.Limits, retry, failure.RetryAfterSeconds);
                    if (retry >= target.Limits.Retries || wait > CallLimits.MostRetryAfter)
                    {
                        if (i + 1 < admission.Targets.Count)
                            break;
                        throw;
                    }
                    Retrying(target.Provider.Name, failure.Code, failure.Status ?? 0, wait.TotalMilliseconds, retry + 1);
                    await Task.Delay(wait, time, cancellationToken);
                }
            }
        }
    }

    /// <summary>The provider's own wish, or 0.5, 1, 2 … s with up to a half more, so that many callers do not come back at once.</summary>
    private static TimeSpan WaitBefore(CallLimits limits, int retry, int? retryAfterSeconds)
    {
        if (retryAfterSeconds is { } seconds)
            return TimeSpan.FromSeconds(seconds);
        var delay = limits.RetryDelay * Math.Pow(2, retry);
        return delay * (1 + RandomNumberGenerator.GetInt32(0, 500) / 1000.0);
    }

    [LoggerMessage(
        4010,
        LogLevel.Information,
        "Provider {Provider} failed with {Code} (status {Status}); retry {Retry} in {Milliseconds} ms"
    )]
    private partial void Retrying(string provider, string code, int status, double milliseconds, int retry);
}
