using System.Reflection;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace CodeLab.BuildingBlocks.Messages;

/// <summary>The only place that knows how MediatR is registered.</summary>
public static class MessageRegistration
{
    private static readonly Type[] _handlers =
    [
        typeof(IRequestHandler<,>),
        typeof(INotificationHandler<>),
        typeof(IStreamRequestHandler<,>),
        typeof(IValidator<>),
    ];

    /// <summary>Registers the bus and every handler and validator of a module's assembly.</summary>
    public static void AddModuleMessages(this IHostApplicationBuilder builder, Assembly assembly)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(assembly);
        AddBus(builder.Services);
        foreach (var type in assembly.GetTypes())
        {
            if (type is not { IsClass: true, IsAbstract: false, IsGenericTypeDefinition: false })
                continue;
            foreach (var contract in type.GetInterfaces())
            {
                if (contract.IsGenericType && _handlers.Contains(contract.GetGenericTypeDefinition()))
                    builder.Services.AddTransient(contract, type);
            }
        }
    }

    private static void AddBus(IServiceCollection services)
    {
        if (services.Any(s => s.ServiceType == typeof(IMediator)))
            return;
        services.AddTransient<ServiceFactory>(provider => provider.GetRequiredService);
        services.AddTransient<IMediator, Mediator>();
        services.TryAddTransient<Sender>();
        services.TryAddTransient<ISender>(provider => provider.GetRequiredService<Sender>());
        services.TryAddTransient<IPublisher>(provider => provider.GetRequiredService<Sender>());
        services.AddSingleton<MessageMetrics>();
        // Outermost first: what is refused by validation is still counted and logged.
        services.AddTransient(typeof(IPipelineBehavior<,>), typeof(MetricsBehavior<,>));
        services.AddTransient(typeof(IPipelineBehavior<,>), typeof(LoggingBehavior<,>));
        services.AddTransient(typeof(IPipelineBehavior<,>), typeof(ValidationBehavior<,>));
        services.AddTransient(typeof(IStreamPipelineBehavior<,>), typeof(StreamMetricsBehavior<,>));
        services.AddTransient(typeof(IStreamPipelineBehavior<,>), typeof(StreamLoggingBehavior<,>));
        services.AddTransient(typeof(IStreamPipelineBehavior<,>), typeof(StreamValidationBehavior<,>));
    }
}
