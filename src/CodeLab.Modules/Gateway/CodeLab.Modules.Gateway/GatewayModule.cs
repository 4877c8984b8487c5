using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Messages;
using CodeLab.BuildingBlocks.Modules;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Gateway.Agents;
using CodeLab.Modules.Gateway.Events;
using CodeLab.Modules.Gateway.Follow;
using CodeLab.Modules.Gateway.Hubs;
using CodeLab.Modules.Gateway.Limits;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Modules.Gateway.Relay;
using CodeLab.Modules.Gateway.Sessions;
using CodeLab.Modules.Gateway.Sessions.Sharing;
using CodeLab.Modules.Gateway.Sockets;
using CodeLab.Protocol.Hub;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace CodeLab.Modules.Gateway;

/// <summary>The live edge: hub, session routes and their limits.</summary>
public static class GatewayModule
{
    /// <summary>Registers the module.</summary>
    public static void AddGatewayModule(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddModuleOptions<GatewayOptions>(GatewayOptions.Section);
        builder.AddModuleOptions<RateLimitOptions>(RateLimitOptions.Section);
        builder.AddModuleMessages(typeof(GatewayModule).Assembly);
        builder.Services.TryAddSingleton<ClientAddress>();
        builder.Services.AddSingleton<GatewayMetrics>();
        builder.Services.AddSingleton<Delivery>();
        builder.Services.AddSingleton<SessionFanout>();
        builder.Services.AddSingleton<RestLimits>();
        builder.Services.AddSingleton<MessageLimits>();
        builder.Services.AddSingleton<ConnectionSlots>();
        builder.Services.AddSingleton<ConnectLimits>();
        builder.Services.AddSingleton<InFlightBytes>();
        builder.Services.AddSingleton<LiveDoor>();
        builder.Services.AddSingleton<SessionAddresses>();
        builder.Services.AddSingleton<SocketCredentials>();
        builder.Services.AddSingleton<SocketServices>();
        builder.Services.AddSingleton<SocketDoor>();
        builder.Services.AddScoped<SessionFollower>();
        builder.Services.AddHostedService<Heartbeat>();
        builder.Services.AddSingleton<LiveAudit>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<LiveAudit>());
        builder.Services.AddHostedService<RightsWatch>();
        builder.Services.AddSingleton<SessionRelay>();
        builder.Services.AddHostedService<RelayClock>();
        builder.Services.AddTransient<IPipelineBehavior<AcceptInputCommand, Result<InputAck>>, RelayInput>();
        builder.Services.AddTransient<IPipelineBehavior<AttachSessionCommand, Result<AttachResponse>>, RelayAttach>();
        builder.Services.AddTransient<IPipelineBehavior<ChooseExecutorCommand, Result<Unit>>, RelayChoice>();
        builder.Services.AddTransient<IPipelineBehavior<DetachSessionCommand, Unit>, RelayDetach>();
        builder.Services.AddSingleton<IDrainTask, CloseConnections>();
        builder.Services.AddTickets();
        SessionHubRegistration.AddSessionHub(builder.Services);
    }

    /// <summary>Stands before sign-in: an address that keeps failing to sign in is slowed down before its tokens are looked at.</summary>
    public static void UseGatewayGate(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseMiddleware<AnonymousLimit>();
    }

    /// <summary>Stands after sign-in: limits of a user, origins, and whether new connections are taken at all.</summary>
    public static void UseGatewayModule(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseMiddleware<RestLimit>();
        app.UseMiddleware<HubDoor>();
        // Only for our own sockets: the hub brings this with settings of its own.
        app.UseWhen(SocketDoor.IsFor, sockets => sockets.Use(next => context => SocketTransport.UseAsync(context, next)).UseWebSockets());
    }

    /// <summary>Maps the hub and the routes.</summary>
    public static void MapGatewayModule(this IEndpointRouteBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        SessionEndpoints.Map(app);
        DecisionEndpoints.Map(app);
        TransferEndpoints.Map(app);
        FollowEndpoint.Map(app);
        ShareEndpoints.Map(app);
        AgentEndpoints.Map(app);
        EventEndpoints.Map(app);
        SessionHubRegistration.MapSessionHub(app);
        SocketDoor.Map(app);
        SocketTicketEndpoint.Map(app);
    }
}
