using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using FluentValidation;
using FluentValidation.Results;
using MediatR;
using Microsoft.Extensions.Logging;

namespace CodeLab.BuildingBlocks.Messages;

/// <summary>Counts and times messages by name and outcome. Labels never hold ids.</summary>
internal sealed class MessageMetrics(IMeterFactory meters)
{
    private readonly Histogram<double> _duration = meters
        .Create("CodeLab.Messages")
        .CreateHistogram<double>("codelab_message_duration_seconds", "s", "Time to handle a message");

    public void Record(string message, string outcome, long started) =>
        _duration.Record(
            Stopwatch.GetElapsedTime(started).TotalSeconds,
            new KeyValuePair<string, object?>("message", message),
            new KeyValuePair<string, object?>("outcome", outcome)
        );
}

internal sealed class MetricsBehavior<TRequest, TResponse>(MessageMetrics metrics) : IPipelineBehavior<TRequest, TResponse>
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        var started = Stopwatch.GetTimestamp();
        var outcome = "failed";
        try
        {
            var response = await next();
            outcome = "ok";
            return response;
        }
        catch (OperationCanceledException)
        {
            outcome = "cancelled";
            throw;
        }
        finally
        {
            metrics.Record(typeof(TRequest).Name, outcome, started);
        }
    }
}

internal sealed class StreamMetricsBehavior<TRequest, TResponse>(MessageMetrics metrics) : IStreamPipelineBehavior<TRequest, TResponse>
    where TRequest : IStreamRequest<TResponse>
{
    public async IAsyncEnumerable<TResponse> Handle(
        TRequest request,
        StreamHandlerDelegate<TResponse> next,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var started = Stopwatch.GetTimestamp();
        var outcome = "failed";
        try
        {
            await foreach (var item in next().WithCancellation(cancellationToken))
                yield return item;
            outcome = "ok";
        }
        finally
        {
            metrics.Record(typeof(TRequest).Name, cancellationToken.IsCancellationRequested ? "cancelled" : outcome, started);
        }
    }
}

internal sealed partial class LoggingBehavior<TRequest, TResponse>(ILogger<LoggingBehavior<TRequest, TResponse>> logger)
    : IPipelineBehavior<TRequest, TResponse>
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        if (!logger.IsEnabled(LogLevel.Debug))
            return await next();
        var started = Stopwatch.GetTimestamp();
        var response = await next();
        MessageHandled(typeof(TRequest).Name, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        return response;
    }

    // Names only: requests carry prompts and tool arguments, which never reach a log (security.md §13).
    [LoggerMessage(100, LogLevel.Debug, "{Message} handled in {Milliseconds} ms")]
    private partial void MessageHandled(string message, double milliseconds);
}

internal sealed partial class StreamLoggingBehavior<TRequest, TResponse>(ILogger<StreamLoggingBehavior<TRequest, TResponse>> logger)
    : IStreamPipelineBehavior<TRequest, TResponse>
    where TRequest : IStreamRequest<TResponse>
{
    public async IAsyncEnumerable<TResponse> Handle(
        TRequest request,
        StreamHandlerDelegate<TResponse> next,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var items = 0L;
        var started = Stopwatch.GetTimestamp();
        await foreach (var item in next().WithCancellation(cancellationToken))
        {
            items++;
            yield return item;
        }
        if (logger.IsEnabled(LogLevel.Debug))
            StreamEnded(typeof(TRequest).Name, items, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
    }

    [LoggerMessage(101, LogLevel.Debug, "{Message} streamed {Items} items in {Milliseconds} ms")]
    private partial void StreamEnded(string message, long items, double milliseconds);
}

internal sealed class ValidationBehavior<TRequest, TResponse>(IEnumerable<IValidator<TRequest>> validators)
    : IPipelineBehavior<TRequest, TResponse>
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        await Validation.ThrowIfInvalidAsync(request, validators, cancellationToken);
        return await next();
    }
}

internal sealed class StreamValidationBehavior<TRequest, TResponse>(IEnumerable<IValidator<TRequest>> validators)
    : IStreamPipelineBehavior<TRequest, TResponse>
    where TRequest : IStreamRequest<TResponse>
{
    public async IAsyncEnumerable<TResponse> Handle(
        TRequest request,
        StreamHandlerDelegate<TResponse> next,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await Validation.ThrowIfInvalidAsync(request, validators, cancellationToken);
        await foreach (var item in next().WithCancellation(cancellationToken))
            yield return item;
    }
}

internal static class Validation
{
    /// <summary>Runs every rule, so that all faults are told at once.</summary>
    public static async Task ThrowIfInvalidAsync<T>(T request, IEnumerable<IValidator<T>> validators, CancellationToken cancellationToken)
    {
        List<ValidationFailure>? failures = null;
        foreach (var validator in validators)
        {
            var result = await validator.ValidateAsync(request, cancellationToken);
            if (!result.IsValid)
                (failures ??= []).AddRange(result.Errors);
        }
        if (failures is not null)
            throw new ValidationException(failures);
    }
}
