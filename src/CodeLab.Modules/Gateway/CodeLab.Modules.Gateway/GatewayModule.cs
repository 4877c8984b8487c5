using CodeLab.BuildingBlocks.Messages;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;

namespace CodeLab.Modules.Gateway;

/// <summary>The live edge: hub, session routes and their limits.</summary>
public static class GatewayModule
{
    /// <summary>Registers the module.</summary>
    public static void AddGatewayModule(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddModuleMessages(typeof(GatewayModule).Assembly);
    }

    /// <summary>Maps the hub and the routes.</summary>
    public static void MapGatewayModule(this IEndpointRouteBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
    }
}
