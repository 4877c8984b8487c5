using System.Globalization;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Providers.Http;

namespace CodeLab.Modules.Llm.Admission;

internal static class AdmissionErrors
{
    public static readonly Error UnknownKey = new(
        "INVALID_TOKEN",
        "This key was revoked or has expired. Use another one, or make one under your keys.",
        401
    );

    public static Error ModelNotAllowed(string model) =>
        new(
            "MODEL_NOT_ALLOWED",
            $"You may not use the model '{model}'. Choose one of the models listed by GET /api/v1/models, or ask an administrator.",
            403
        );

    public static Error TooManyRequests(int limit, TimeSpan wait) =>
        Limited(
            string.Create(CultureInfo.InvariantCulture, $"More than {limit} requests a minute."),
            (int)Math.Ceiling(Math.Max(1, wait.TotalSeconds))
        );

    public static Error TooManyTokens(int limit, int wait) =>
        Limited(string.Create(CultureInfo.InvariantCulture, $"More than {limit} tokens a minute."), Math.Max(1, wait));

    public static Error TooManyAtOnce(int limit) =>
        Limited(string.Create(CultureInfo.InvariantCulture, $"More than {limit} requests at once."), 1);

    private static Error Limited(string what, int seconds) =>
        new(FailureCodes.RateLimitExceeded, string.Create(CultureInfo.InvariantCulture, $"{what} Try again in {seconds} s."), 429)
        {
            RetryAfterSeconds = seconds,
        };
}
