using CodeLab.BuildingBlocks.Limits;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Calls;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Admission;

/// <summary>
/// Limits of requests, tokens and calls at once, per user and per key. The standard ones are for the doors: calls of agents are already
/// limited by their sessions; a limit an administrator sets is for all. Requests are counted by all nodes together, tokens and calls at once
/// by each node.
/// </summary>
internal sealed class CallLimiter(IRateCounter counter, IOptions<LlmOptions> options, IConfiguration configuration, TimeProvider time)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly bool _isOff = configuration["CodeLab:RateLimits:Enabled"] is { } set && bool.TryParse(set, out var on) && !on;

    /// <summary>Lets a call in or says when to come again. Who is let in must <see cref="Leave"/>.</summary>
    public async ValueTask<Error?> EnterAsync(CallRequest request, CallerRights rights, CancellationToken cancellationToken)
    {
        if (_isOff)
            return null;
        var isDoor = request.Dialect != CallDialect.Internal;
        var limits = options.Value.Limits;
        if (await EnterAsync(request, rights.User, isDoor ? limits : null, cancellationToken) is { } refused)
            return refused;
        if (rights.Key is null || await EnterAsync(request, rights.Key, null, cancellationToken) is not { } keyRefused)
            return null;
        Depart(rights.User, isDoor ? limits : null);
        return keyRefused;
    }

    /// <summary>The call has ended.</summary>
    public void Leave(CallRequest request, CallerRights rights, long tokens)
    {
        if (_isOff)
            return;
        Depart(rights.User, request.Dialect != CallDialect.Internal ? options.Value.Limits : null);
        var correction = tokens - request.EstimatedInputTokens;
        Correct(rights.User, correction);
        if (rights.Key is { } key)
            Correct(key, correction);
    }

    private async ValueTask<Error?> EnterAsync(
        CallRequest request,
        CallerLimits caller,
        CallLimitOptions? standard,
        CancellationToken cancellationToken
    )
    {
        if ((caller.Concurrent ?? standard?.Concurrent) is { } most && !caller.Meter.TryEnter(most))
            return AdmissionErrors.TooManyAtOnce(most);
        var entered = false;
        try
        {
            if ((caller.RequestsPerMinute ?? standard?.RequestsPerMinute) is { } requests)
            {
                var decision = await counter.TakeAsync(caller.RateKey, requests, Minute, cancellationToken);
                Show(request, decision);
                if (!decision.Allowed)
                    return AdmissionErrors.TooManyRequests(requests, decision.RetryAfter);
            }
            if (caller.TokensPerMinute is { } tokens && !caller.Meter.TryTake(Second(), request.EstimatedInputTokens, tokens, out var wait))
                return AdmissionErrors.TooManyTokens(tokens, wait);
            entered = true;
            return null;
        }
        finally
        {
            if (!entered)
                Depart(caller, standard);
        }
    }

    private static void Depart(CallerLimits caller, CallLimitOptions? standard)
    {
        if (caller.Concurrent is not null || standard is not null)
            caller.Meter.Leave();
    }

    private void Correct(CallerLimits caller, long tokens)
    {
        if (caller.TokensPerMinute is not null)
            caller.Meter.Correct(Second(), tokens);
    }

    // Of several limits the caller is shown the one it will meet first.
    private void Show(CallRequest request, in RateDecision decision)
    {
        if (request.Limit is { } shown && shown.Remaining <= decision.Remaining)
            return;
        var whole = decision.Allowed ? Minute : decision.RetryAfter;
        request.Limit = new CallLimitState(
            decision.Limit,
            decision.Remaining,
            (long)Math.Ceiling((time.GetUtcNow() + whole - DateTimeOffset.UnixEpoch).TotalSeconds)
        );
    }

    private long Second() => time.GetUtcNow().ToUnixTimeSeconds();
}
