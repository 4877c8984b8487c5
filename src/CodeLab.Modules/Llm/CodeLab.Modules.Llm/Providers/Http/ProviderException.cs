namespace CodeLab.Modules.Llm.Providers.Http;

/// <summary>A call to a provider failed, in our own words: no upstream text, no address, no key.</summary>
internal sealed class ProviderException(string code, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Code of protocol.md §9.5.</summary>
    public string Code { get; } = code;

    /// <summary>HTTP status of the provider; null when there was no answer.</summary>
    public int? Status { get; init; }

    /// <summary>Seconds the provider asked to wait.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>
    /// The beginning of what the provider said itself. For <see cref="Routing.ProviderHealthBook"/> alone, which masks it; never logged, stored or
    /// handed to a caller.
    /// </summary>
    public string? Upstream { get; init; }

    /// <summary>A repetition may help.</summary>
    public bool IsTransient { get; init; }

    /// <summary>Requests sent until then, as the router counted them.</summary>
    public int Attempts { get; set; }

    /// <summary>Who was asked last.</summary>
    public Calls.CallTarget? Target { get; set; }

    /// <summary>Finds ours below whatever an SDK wrapped around it.</summary>
    public static ProviderException? In(Exception? exception) =>
        exception switch
        {
            null => null,
            ProviderException ours => ours,
            AggregateException many => many.InnerExceptions.Select(In).FirstOrDefault(e => e is not null),
            _ => In(exception.InnerException),
        };
}

/// <summary>Codes of a failed call (protocol.md §9.5).</summary>
internal static class FailureCodes
{
    public const string InvalidModel = "INVALID_MODEL";
    public const string InvalidRequest = "INVALID_REQUEST";
    public const string ContextTooLarge = "CONTEXT_TOO_LARGE";
    public const string InsufficientQuota = "INSUFFICIENT_QUOTA";
    public const string RateLimitExceeded = "RATE_LIMIT_EXCEEDED";
    public const string ProviderError = "PROVIDER_ERROR";
    public const string Timeout = "TIMEOUT";
}
