using CodeLab.Modules.Gateway;

namespace CodeLab.Host;

/// <summary>The modules of this host, in the order of the house: trust first, doors last.</summary>
internal static class Modules
{
    public static void AddModules(this WebApplicationBuilder builder)
    {
        builder.Services.AddAuthorization();
        builder.AddGatewayModule();
    }

    public static void UseModules(this WebApplication app)
    {
        app.UseGatewayGate();
        app.UseAuthorization();
        app.UseGatewayModule();
    }

    public static void MapModules(this WebApplication app)
    {
        app.MapGatewayModule();
    }
}
