using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Providers.Http;

/// <summary>
/// Retries and limits of one call: repeats before the first byte only, and hands out an answer that watches its own clock and size. Sits below
/// every SDK, so that all providers fail alike.
/// </summary>
internal sealed partial class ProviderCallHandler(ProviderCall call, HttpMessageInvoker connections, ILogger<ProviderCallHandler> logger)
    : HttpMessageHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        await BufferAsync(request, cancellationToken);
        for (var retry = 0; ; retry++)
        {
            try
            {
                return await SendOnceAsync(request);
            }
            catch (ProviderException failure) when (failure.IsTransient && retry < call.Limits.Retries)
            {
                var wait = WaitBefore(retry, failure.RetryAfterSeconds);
                if (wait > CallLimits.MostRetryAfter)
                    throw;
                Retrying(call.Provider.Name, failure.Code, failure.Status ?? 0, wait.TotalMilliseconds, retry + 1);
                await WaitAsync(wait);
            }
        }
    }

    private async Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage request)
    {
        call.Attempts++;
        using var firstByte = new CancellationTokenSource(call.Limits.FirstByte, call.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(call.Token, firstByte.Token);
        var started = call.Time.GetTimestamp();
        HttpResponseMessage? response = null;
        try
        {
            response = await connections.SendAsync(request, either.Token);
            if (!response.IsSuccessStatusCode)
                throw await AnswerChecks.RefusalAsync(call.Provider.Name, response, call.Time, either.Token);
            AnswerChecks.ContentType(call.Provider.Name, response);
            var left = call.Limits.FirstByte - call.Time.GetElapsedTime(started);
            var body = await response.Content.ReadAsStreamAsync(either.Token);
            var guarded = new StreamContent(new GuardedStream(body, call, left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1)));
            foreach (var (name, values) in response.Content.Headers.NonValidated)
                guarded.Headers.TryAddWithoutValidation(name, values);
            response.Content = guarded;
            return response;
        }
        catch (Exception e)
        {
            response?.Dispose();
            // The caller's leaving is no failure and goes on as it came.
            call.Caller.ThrowIfCancellationRequested();
            if (ProviderException.In(e) is { } ours)
                throw ours;
            if (e is OperationCanceledException)
                throw OutOfTime(e, firstByte.IsCancellationRequested);
            if (e is HttpRequestException or IOException)
                throw AnswerChecks.Unreachable(call.Provider.Name, e);
            throw;
        }
    }

    private ProviderException OutOfTime(Exception cause, bool firstByteOver)
    {
        if (call.IsOverTime)
            return call.OverTime();
        if (firstByteOver)
            return call.TimedOut($"sent nothing within {call.Limits.FirstByte.TotalSeconds:0.#} s");
        return AnswerChecks.NotConnected(call.Provider.Name, cause);
    }

    private static async Task BufferAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Content is null)
            return;
        // Buffered, so that it can be sent again.
        await request.Content.LoadIntoBufferAsync(cancellationToken);
        if (request.Content.Headers.ContentLength > CallLimits.BodyBytes)
        {
            throw new ProviderException(
                FailureCodes.ContextTooLarge,
                "The conversation is larger than 16 MiB. Begin a new session, or leave out large attachments."
            );
        }
    }

    /// <summary>The provider's own wish, or 0.5, 1, 2 … s with up to a half more, so that many callers do not come back at once.</summary>
    private TimeSpan WaitBefore(int retry, int? retryAfterSeconds)
    {
        if (retryAfterSeconds is { } seconds)
            return TimeSpan.FromSeconds(seconds);
        var delay = call.Limits.RetryDelay * Math.Pow(2, retry);
        return delay * (1 + RandomNumberGenerator.GetInt32(0, 500) / 1000.0);
    }

    private async Task WaitAsync(TimeSpan wait)
    {
        try
        {
            await Task.Delay(wait, call.Time, call.Token);
        }
        catch (OperationCanceledException) when (!call.Caller.IsCancellationRequested && call.IsOverTime)
        {
            throw call.OverTime();
        }
    }

    [LoggerMessage(
        4003,
        LogLevel.Information,
        "Provider {Provider} failed with {Code} (status {Status}); retry {Retry} in {Milliseconds} ms"
    )]
    private partial void Retrying(string provider, string code, int status, double milliseconds, int retry);
}
