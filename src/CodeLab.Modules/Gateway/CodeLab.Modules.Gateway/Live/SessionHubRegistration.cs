using CodeLab.Modules.Auth.Access;
using CodeLab.Protocol.Hub;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Modules.Gateway.Live;

internal static class SessionHubRegistration
{
    private const int LargestMessage = 10 * 1024 * 1024;

    public static void AddSessionHub(IServiceCollection services)
    {
        services.AddSingleton<HubErrors>();
        services
            .AddSignalR(hub =>
            {
                hub.MaximumReceiveMessageSize = LargestMessage;
                hub.MaximumParallelInvocationsPerClient = 1;
                hub.EnableDetailedErrors = false;
                hub.HandshakeTimeout = TimeSpan.FromSeconds(10);
                hub.KeepAliveInterval = TimeSpan.FromSeconds(15);
                hub.ClientTimeoutInterval = TimeSpan.FromSeconds(45);
                hub.StatefulReconnectBufferSize = 1024 * 1024;
            })
            .AddHubOptions<SessionHub>(hub => hub.AddFilter<HubErrors>())
            .AddJsonProtocol(json => json.PayloadSerializerOptions = FrameJson.Options);
    }

    public static void MapSessionHub(IEndpointRouteBuilder app) =>
        app.MapHub<SessionHub>(
                SessionHubNames.Path,
                connection =>
                {
                    connection.AllowStatefulReconnects = true;
                    connection.CloseOnAuthenticationExpiration = true;
                    connection.ApplicationMaxBufferSize = LargestMessage;
                    // Bounded below a connection's queue: past it the queue fills and its limits decide.
                    connection.TransportMaxBufferSize = 1024 * 1024;
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
