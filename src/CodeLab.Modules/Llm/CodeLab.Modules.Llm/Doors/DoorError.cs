using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Providers.Http;

namespace CodeLab.Modules.Llm.Doors;

/// <summary>A failure at a door, before it is put into the words of a dialect.</summary>
/// <param name="Code">Our code (protocol.md §9.5).</param>
/// <param name="Message">Sentence for a person.</param>
/// <param name="Status">HTTP status.</param>
internal sealed record DoorError(string Code, string Message, int Status)
{
    public int? RetryAfterSeconds { get; init; }

    /// <summary>Name of the provider that failed, when one did.</summary>
    public string? Provider { get; init; }

    /// <summary>Its status.</summary>
    public int? ProviderStatus { get; init; }

    public static DoorError Invalid(string message) => new(FailureCodes.InvalidRequest, message, 400);

    public static DoorError From(Error error) =>
        new(error.Code, error.Message, error.Status) { RetryAfterSeconds = error.RetryAfterSeconds };

    public static DoorError From(ProviderException failure) =>
        new(failure.Code, failure.Message, StatusOf(failure.Code))
        {
            RetryAfterSeconds = failure.RetryAfterSeconds,
            Provider = failure.Target?.Provider.Name,
            ProviderStatus = failure.Status,
        };

    private static int StatusOf(string code) =>
        code switch
        {
            FailureCodes.InvalidModel or FailureCodes.InvalidRequest or FailureCodes.ContextTooLarge => 400,
            FailureCodes.InsufficientQuota => 402,
            FailureCodes.RateLimitExceeded => 429,
            FailureCodes.Timeout => 504,
            _ => 502,
        };
}
