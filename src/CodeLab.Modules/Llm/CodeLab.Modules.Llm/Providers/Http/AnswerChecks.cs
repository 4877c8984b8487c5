using System.Buffers;
using System.Net;
using System.Text;

namespace CodeLab.Modules.Llm.Providers.Http;

/// <summary>What is looked at before an answer counts as one, and the words for what is wrong with it. The same for every way to a provider.</summary>
internal static class AnswerChecks
{
    private const int MostRefusalBytes = 64 * 1024;

    /// <summary>The failure that a status other than success means.</summary>
    public static async Task<ProviderException> RefusalAsync(
        string provider,
        HttpResponseMessage response,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var buffer = ArrayPool<byte>.Shared.Rent(MostRefusalBytes);
        try
        {
            var total = 0;
            await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
            while (total < MostRefusalBytes)
            {
                var read = await body.ReadAsync(buffer.AsMemory(total, MostRefusalBytes - total), cancellationToken);
                if (read == 0)
                    break;
                total += read;
            }
            var text = Encoding.UTF8.GetString(buffer, 0, total);
            return StatusFailure.From(provider, response.StatusCode, text, StatusFailure.RetryAfter(response.Headers, time));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Refuses pages: a captive portal or a wrong base URL answers 200 as well.</summary>
    /// <exception cref="ProviderException">The answer is no model's.</exception>
    public static void ContentType(string provider, HttpResponseMessage response)
    {
        var type = response.Content.Headers.ContentType?.MediaType;
        if (
            type
            is null
                or "text/event-stream"
                or "application/json"
                or "application/x-ndjson"
                or "text/plain"
                or "application/octet-stream"
        )
            return;
        throw new ProviderException(
            FailureCodes.ProviderError,
            $"{provider} answered with a page instead of a model's answer. An administrator has to check its base URL."
        )
        {
            Status = (int)HttpStatusCode.OK,
        };
    }

    /// <summary>The connection's own clock ran out: nothing was sent, so a repetition is safe.</summary>
    public static ProviderException NotConnected(string provider, Exception cause) =>
        new(FailureCodes.Timeout, $"{provider} can not be reached in time. Check its base URL and the network.", cause)
        {
            IsTransient = true,
        };

    /// <summary>There is no connection, or it broke before the answer.</summary>
    public static ProviderException Unreachable(string provider, Exception cause) =>
        new(
            FailureCodes.ProviderError,
            cause is HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError }
                ? $"No secure connection to {provider}: its certificate is not trusted here. An administrator has to check its base URL."
                : $"{provider} can not be reached. Check that it runs, its base URL and the network.",
            cause
        )
        {
            IsTransient = cause is not HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError },
        };

    /// <summary>The connection broke when some of the answer was there.</summary>
    public static ProviderException Broken(string provider, Exception? cause) =>
        new(FailureCodes.ProviderError, $"The connection to {provider} broke in the middle of its answer. Try again.", cause);

    /// <summary>The answer ended without its end.</summary>
    public static ProviderException BrokeOff(string provider) =>
        new(FailureCodes.ProviderError, $"The answer of {provider} broke off before its end. Try again.");

    /// <summary>The answer is not what its format says.</summary>
    public static ProviderException Unreadable(string provider, Exception? cause) =>
        new(FailureCodes.ProviderError, $"{provider} sent an answer that can not be read. Try again, or choose another model.", cause);

    /// <summary>The answer says itself that it failed.</summary>
    public static ProviderException Failed(string provider) =>
        new(FailureCodes.ProviderError, $"{provider} reported a fault in the middle of its answer. Try again.");

    /// <summary>The answer is longer than we take.</summary>
    public static ProviderException TooLong(string provider, string what) =>
        new(FailureCodes.ProviderError, $"{provider} was cut off: {what}. Choose another model.");
}
