using CodeLab.Modules.Agent;
using CodeLab.Modules.Auth;
using CodeLab.Modules.Gateway;
using CodeLab.Modules.Llm;

namespace CodeLab.Host;

/// <summary>The modules of this host, in the order of the house: trust first, doors last.</summary>
internal static class Modules
{
    public static void AddModules(this WebApplicationBuilder builder)
    {
        builder.AddAuthModule();
        builder.AddLlmModule();
        builder.AddAgentModule();
        builder.AddGatewayModule();
    }

    public static void UseModules(this WebApplication app)
    {
        // Before sign-in: who keeps failing is slowed down before tokens are looked at. After it: limits of a user, and who may connect.
        app.UseGatewayGate();
        app.UseLlmDoors();
        app.UseAuthModule();
        app.UseGatewayModule();
    }

    public static void MapModules(this WebApplication app)
    {
        app.MapAuthModule();
        app.MapLlmModule();
        app.MapAgentModule();
        app.MapGatewayModule();
    }
}
