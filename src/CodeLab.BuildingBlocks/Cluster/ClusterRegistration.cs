using CodeLab.BuildingBlocks.Limits;
using CodeLab.BuildingBlocks.Modules;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace CodeLab.BuildingBlocks.Cluster;

/// <summary>Registers what nodes share beside the database.</summary>
public static class ClusterRegistration
{
    /// <summary>Adds <see cref="RedisLink"/>, <see cref="IClusterBus"/> and <see cref="IRateCounter"/>.</summary>
    public static void AddCluster(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddModuleOptions<ClusterOptions>(ClusterOptions.Section);
        var services = builder.Services;
        services.AddSingleton<RedisMetrics>();
        services.AddSingleton<RedisLink>();
        services.AddSingleton<IClusterBus, ClusterBus>();
        services.AddSingleton<MemoryRateCounter>();
        services.AddSingleton<RedisRateCounter>();
        // Chosen once: with no Redis configured nobody pays for the question.
        services.AddSingleton<IRateCounter>(provider =>
            provider.GetRequiredService<RedisLink>().IsConfigured
                ? provider.GetRequiredService<RedisRateCounter>()
                : provider.GetRequiredService<MemoryRateCounter>()
        );
    }
}
