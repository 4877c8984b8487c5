using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol.Hub;
using MessagePack;
using MessagePack.Resolvers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Modules.Gateway.Hubs;

internal static class SessionHubRegistration
{
    private const int LargestMessage = 10 * 1024 * 1024;

    public static void AddSessionHub(IServiceCollection services)
    {
        services.AddSingleton<HubErrors>();
        services.AddSingleton<HubConnections>();
        services.AddSingleton<HubLifetimeManager<SessionHub>>(provider => provider.GetRequiredService<HubConnections>());
        services
            .AddSignalR(hub =>
            {
                hub.MaximumReceiveMessageSize = LargestMessage;
                hub.MaximumParallelInvocationsPerClient = 1;
                hub.EnableDetailedErrors = false;
                hub.HandshakeTimeout = TimeSpan.FromSeconds(10);
                hub.KeepAliveInterval = TimeSpan.FromSeconds(15);
                hub.ClientTimeoutInterval = TimeSpan.FromSeconds(45);
                // What a connection that broke keeps for its return; a longer gap is filled by attaching with last_seq.
                hub.StatefulReconnectBufferSize = 128 * 1024;
            })
            .AddHubOptions<SessionHub>(hub => hub.AddFilter<HubErrors>())
            .AddJsonProtocol(json => json.PayloadSerializerOptions = FrameJson.Options)
            .AddMessagePackProtocol(pack =>
                pack.SerializerOptions = MessagePackSerializerOptions
                    .Standard.WithResolver(CompositeResolver.Create(WireRecordResolver.Instance, StandardResolver.Instance))
                    .WithSecurity(MessagePackSecurity.UntrustedData)
            );
    }

    public static void MapSessionHub(IEndpointRouteBuilder app) =>
        app.MapHub<SessionHub>(
                SessionHubNames.Path,
                connection =>
                {
                    connection.AllowStatefulReconnects = true;
                    connection.CloseOnAuthenticationExpiration = true;
                    connection.ApplicationMaxBufferSize = LargestMessage;
                    // Small, because every reader that stopped reading holds one: past it the queue fills and its limits decide.
                    connection.TransportMaxBufferSize = 64 * 1024;
                }
            )
            .RequireAuthorization(Policies.Read)
            .WithMetadata(new LargeBody());

    /// <summary>Long polling sends messages as request bodies.</summary>
    private sealed class LargeBody : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => LargestMessage;
    }
}
