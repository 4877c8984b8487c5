using System.Security.Cryptography;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Usage;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Routing;

/// <summary>
/// Retries a target while that makes sense, then goes on to the next. Targets whose breaker is open are passed over; when all are, the call
/// fails at once instead of waiting for providers that are known to be down.
/// </summary>
internal sealed partial class CallRouter(CircuitBreakers breakers, ProviderHealthBook health, TimeProvider time, ILogger<CallRouter> logger)
    : ICallRouter
{
    public async ValueTask<CallStart<T>> StartAsync<TState, T>(
        CallAdmission admission,
        TState state,
        Func<TState, CallTarget, CancellationToken, ValueTask<T>> attempt,
        CancellationToken cancellationToken
    )
    {
        var attempts = 0;
        ProviderException? last = null;
        foreach (var target in admission.Targets)
        {
            var breaker = breakers.Of(target);
            for (var retry = 0; breaker.TryPass(); retry++)
            {
                attempts++;
                try
                {
                    var answer = await attempt(state, target, cancellationToken);
                    breaker.Succeeded();
                    health.Succeeded(target.Provider, EgressReasons.Call, target.Model);
                    return new(answer, target, attempts);
                }
                catch (ProviderException failure)
                {
                    failure.Attempts = attempts;
                    failure.Target = target;
                    last = failure;
                    health.Failed(target.Provider, EgressReasons.Call, failure, target.Model);
                    Count(breaker, failure);
                    // A request nobody would take: asking others only costs time.
                    if (failure.Code == FailureCodes.InvalidRequest)
                        throw;
                    if (!failure.IsTransient)
                        break;
                    var wait = WaitBefore(target.Limits, retry, failure.RetryAfterSeconds);
                    if (retry >= target.Limits.Retries || wait > CallLimits.MostRetryAfter)
                        break;
                    Retrying(target.Provider.Name, failure.Code, failure.Status ?? 0, wait.TotalMilliseconds, retry + 1);
                    await Task.Delay(wait, time, cancellationToken);
                }
            }
        }
        throw last ?? AllDown(admission);
    }

    /// <summary>Limits and refusals are no sign that a deployment is down; faults, silence and wrong keys are.</summary>
    private static void Count(CircuitBreaker breaker, ProviderException failure)
    {
        if (failure.Code is FailureCodes.ProviderError or FailureCodes.Timeout)
            breaker.Failed();
        else
            breaker.Succeeded();
    }

    /// <summary>The provider's own wish, or 0.5, 1, 2 … s with up to a half more, so that many callers do not come back at once.</summary>
    private static TimeSpan WaitBefore(CallLimits limits, int retry, int? retryAfterSeconds)
    {
        if (retryAfterSeconds is { } seconds)
            return TimeSpan.FromSeconds(seconds);
        var delay = limits.RetryDelay * Math.Pow(2, retry);
        return delay * (1 + RandomNumberGenerator.GetInt32(0, 500) / 1000.0);
    }

    private static ProviderException AllDown(CallAdmission admission) =>
        new(
            FailureCodes.ProviderError,
            $"{admission.Targets[0].Provider.Name} failed several times in a row and is given a rest. Try again in half a minute, or choose another model."
        )
        {
            Target = admission.Targets[0],
        };

    [LoggerMessage(
        4010,
        LogLevel.Information,
        "Provider {Provider} failed with {Code} (status {Status}); retry {Retry} in {Milliseconds} ms"
    )]
    private partial void Retrying(string provider, string code, int status, double milliseconds, int retry);
}
