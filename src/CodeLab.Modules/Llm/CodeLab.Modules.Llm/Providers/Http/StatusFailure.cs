using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace CodeLab.Modules.Llm.Providers.Http;

/// <summary>Turns a provider's refusal into one of our failures. The body is searched for what kind of refusal it is, and is shown to administrators alone.</summary>
internal static class StatusFailure
{
    private const int MostUpstream = 4096;

    private static readonly string[] _tooLong =
    [
        "context_length_exceeded",
        "context length",
        "context window",
        "maximum context",
        "prompt is too long",
        "too many tokens",
        "input is too long",
        "exceeds the available context",
    ];

    private static readonly string[] _noMoney = ["insufficient_quota", "credit balance", "billing", "exceeded your current quota"];

    public static ProviderException From(string provider, HttpStatusCode statusCode, string body, int? retryAfter)
    {
        var status = (int)statusCode;
        var (code, message, transient) = status switch
        {
            401 or 403 => (
                FailureCodes.ProviderError,
                $"{provider} refused the key (status {status}). An administrator has to check the key of this provider.",
                false
            ),
            402 => NoMoney(provider),
            400 or 422 when Mentions(body, _tooLong) => TooLong(),
            400 or 422 when Mentions(body, _noMoney) => NoMoney(provider),
            404 when body.Contains("model", StringComparison.OrdinalIgnoreCase) => (
                FailureCodes.InvalidModel,
                $"{provider} does not serve this model. Choose another one.",
                false
            ),
            404 => (
                FailureCodes.ProviderError,
                $"{provider} does not know the address asked (status 404). An administrator has to check the base URL of this provider.",
                false
            ),
            408 => (FailureCodes.Timeout, $"{provider} gave up waiting (status 408). Try again.", true),
            413 => TooLong(),
            429 when Mentions(body, _noMoney) => NoMoney(provider),
            429 => (
                FailureCodes.RateLimitExceeded,
                retryAfter is { } seconds
                    ? string.Create(CultureInfo.InvariantCulture, $"{provider} limits the requests. Try again in {seconds} s.")
                    : $"{provider} limits the requests. Try again in a minute.",
                true
            ),
            504 => (FailureCodes.Timeout, $"{provider} did not answer in time (status 504). Try again.", true),
            >= 500 => (
                FailureCodes.ProviderError,
                $"{provider} has a fault of its own (status {status}). Try again, or choose another model.",
                true
            ),
            >= 300 and < 400 => (
                FailureCodes.ProviderError,
                $"{provider} wants to redirect the request (status {status}), which is not followed. An administrator has to check the base URL of this provider.",
                false
            ),
            _ => (
                FailureCodes.InvalidRequest,
                $"{provider} did not accept the request (status {status}). Choose another model, or tell an administrator.",
                false
            ),
        };
        return new ProviderException(code, message)
        {
            Status = status,
            Upstream = body.Length <= MostUpstream ? body : body[..MostUpstream],
            RetryAfterSeconds = retryAfter,
            IsTransient = transient,
        };
    }

    /// <summary>Seconds of <c>Retry-After</c>, given as a number or a date, rounded up.</summary>
    public static int? RetryAfter(HttpResponseHeaders headers, TimeProvider time)
    {
        var wait = headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - time.GetUtcNow(),
            _ => (TimeSpan?)null,
        };
        return wait is { } known ? (int)Math.Clamp(Math.Ceiling(known.TotalSeconds), 0, 86_400) : null;
    }

    private static (string, string, bool) TooLong() =>
        (
            FailureCodes.ContextTooLarge,
            "The conversation is longer than this model can read. Begin a new session, or choose a model with a larger context window.",
            false
        );

    private static (string, string, bool) NoMoney(string provider) =>
        (
            FailureCodes.InsufficientQuota,
            $"The account at {provider} has no credit left. An administrator has to top it up, or choose another model.",
            false
        );

    private static bool Mentions(string body, string[] phrases) =>
        Array.Exists(phrases, phrase => body.Contains(phrase, StringComparison.OrdinalIgnoreCase));
}
