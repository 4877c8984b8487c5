using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

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
        builder.Services.AddSingleton(
            new OptionsCheck(
                section,
                typeof(TOptions),
                services => _ = services.GetRequiredService<IOptions<TOptions>>().Value,
                services =>
                {
                    var options = Activator.CreateInstance<TOptions>();
                    foreach (var configure in services.GetServices<IConfigureOptions<TOptions>>())
                        configure.Configure(options);
                    return options;
                }
            )
        );
    }
}

/// <summary>Reads and validates one class of options; the host runs all of them before it starts anything.</summary>
/// <param name="Section">Configuration section.</param>
/// <param name="Options">The class.</param>
/// <param name="Run">Throws when a value can not be read or is refused.</param>
/// <param name="Bind">Reads the values without validating them.</param>
public sealed record OptionsCheck(string Section, Type Options, Action<IServiceProvider> Run, Func<IServiceProvider, object> Bind);
