using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;

// These names are those of later MediatR versions, which the version that restores here lacks: an upgrade deletes this file (ADR 0002).
namespace MediatR;

/// <summary>Sends requests to their one handler and opens streams.</summary>
public interface ISender
{
    /// <summary>Sends a request and awaits its answer.</summary>
    Task<TResponse> Send<TResponse>(IRequest<TResponse> request, CancellationToken cancellationToken = default);

    /// <summary>Opens a stream; the handler runs as the stream is read.</summary>
    IAsyncEnumerable<TResponse> CreateStream<TResponse>(IStreamRequest<TResponse> request, CancellationToken cancellationToken = default);
}

/// <summary>Tells notifications to everybody who listens.</summary>
public interface IPublisher
{
    /// <summary>Tells a notification; returns when every handler has run.</summary>
    Task Publish<TNotification>(TNotification notification, CancellationToken cancellationToken = default)
        where TNotification : INotification;
}

/// <summary>A request answered by a stream of items, the last of which says how it ended.</summary>
/// <typeparam name="TResponse">Type of the items.</typeparam>
public interface IStreamRequest<out TResponse>;

/// <summary>Handles a <see cref="IStreamRequest{TResponse}"/>.</summary>
public interface IStreamRequestHandler<in TRequest, out TResponse>
    where TRequest : IStreamRequest<TResponse>
{
    /// <summary>Produces the items.</summary>
    IAsyncEnumerable<TResponse> Handle(TRequest request, CancellationToken cancellationToken);
}

/// <summary>The rest of a stream's pipeline.</summary>
public delegate IAsyncEnumerable<TResponse> StreamHandlerDelegate<out TResponse>();

/// <summary>Surrounds stream handlers.</summary>
public interface IStreamPipelineBehavior<in TRequest, TResponse>
    where TRequest : IStreamRequest<TResponse>
{
    /// <summary>Produces the items, usually those of <paramref name="next"/>.</summary>
    IAsyncEnumerable<TResponse> Handle(TRequest request, StreamHandlerDelegate<TResponse> next, CancellationToken cancellationToken);
}

internal sealed class Sender(IMediator mediator, IServiceProvider services) : ISender, IPublisher
{
    private static readonly ConcurrentDictionary<Type, object> _openers = new();

    public Task<TResponse> Send<TResponse>(IRequest<TResponse> request, CancellationToken cancellationToken = default) =>
        mediator.Send(request, cancellationToken);

    public Task Publish<TNotification>(TNotification notification, CancellationToken cancellationToken = default)
        where TNotification : INotification => mediator.Publish(notification, cancellationToken);

    public IAsyncEnumerable<TResponse> CreateStream<TResponse>(
        IStreamRequest<TResponse> request,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(request);
        var opener =
            (StreamOpener<TResponse>)
                _openers.GetOrAdd(
                    request.GetType(),
                    static type =>
                        Activator.CreateInstance(typeof(StreamOpener<,>).MakeGenericType(type, ResponseOf(type)))
                        ?? throw new InvalidOperationException($"{type} can not be opened as a stream")
                );
        return opener.Open(request, services, cancellationToken);
    }

    private static Type ResponseOf(Type request) =>
        request
            .GetInterfaces()
            .First(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IStreamRequest<>))
            .GetGenericArguments()[0];

    private abstract class StreamOpener<TResponse>
    {
        public abstract IAsyncEnumerable<TResponse> Open(
            IStreamRequest<TResponse> request,
            IServiceProvider services,
            CancellationToken cancellationToken
        );
    }

    private sealed class StreamOpener<TRequest, TResponse> : StreamOpener<TResponse>
        where TRequest : IStreamRequest<TResponse>
    {
        public override IAsyncEnumerable<TResponse> Open(
            IStreamRequest<TResponse> request,
            IServiceProvider services,
            CancellationToken cancellationToken
        )
        {
            StreamHandlerDelegate<TResponse> next = () =>
                services.GetRequiredService<IStreamRequestHandler<TRequest, TResponse>>().Handle((TRequest)request, cancellationToken);
            foreach (var behavior in services.GetServices<IStreamPipelineBehavior<TRequest, TResponse>>().Reverse())
            {
                var inner = next;
                next = () => behavior.Handle((TRequest)request, inner, cancellationToken);
            }
            return next();
        }
    }
}
