using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace CodeLab.BuildingBlocks.Modules;

/// <summary>Binds options so that a bad value stops the start.</summary>
public static class ModuleOptions
{
    /// <summary>
    /// Binds <typeparamref name="TOptions"/> to a section, checks its data annotations (also <see cref="System.ComponentModel.DataAnnotations.IValidatableObject"/>),
    /// and validates at start: the host tells all faults of all modules at once.
    /// </summary>
    public static void AddModuleOptions<TOptions>(this IHostApplicationBuilder builder, string section)
        where TOptions : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder
            .Services.AddOptions<TOptions>()
            .Bind(builder.Configuration.GetSection(section), binder => binder.ErrorOnUnknownConfiguration = false)
            .ValidateDataAnnotations()
            .ValidateOnStart();
    }
}
