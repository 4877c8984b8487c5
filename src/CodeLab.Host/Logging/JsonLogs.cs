using Serilog;
using Serilog.Events;

namespace CodeLab.Host.Logging;

/// <summary>Structured logs on standard output, one JSON object a line. The host alone knows Serilog.</summary>
internal static class JsonLogs
{
    public static void AddJsonLogs(this WebApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        var logger = new LoggerConfiguration()
            .MinimumLevel.Is(LevelOf(configuration["CodeLab:Logging:Level"]) ?? LogEventLevel.Information)
            // A line a request or a statement is noise, and statements carry values.
            .MinimumLevel.Override("Microsoft.AspNetCore", LogEventLevel.Warning)
            .MinimumLevel.Override("Microsoft.EntityFrameworkCore", LogEventLevel.Warning)
            .MinimumLevel.Override("System.Net.Http", LogEventLevel.Warning)
            .MinimumLevel.Override("OpenIddict", LogEventLevel.Warning)
            // "Now listening on" is what tools wait for.
            .MinimumLevel.Override("Microsoft.Hosting.Lifetime", LogEventLevel.Information);
        foreach (var category in configuration.GetSection("Logging:LogLevel").GetChildren())
        {
            if (category.Key != "Default" && LevelOf(category.Value) is { } level)
                logger.MinimumLevel.Override(category.Key, level);
        }
        var sink = logger.Enrich.FromLogContext().WriteTo.Console(new RedactingFormatter()).CreateLogger();
        builder.Logging.ClearProviders();
        builder.Services.AddSerilog(sink, dispose: true);
    }

    /// <summary>Levels by the names of .NET; <c>None</c> is taken as the highest.</summary>
    private static LogEventLevel? LevelOf(string? name) =>
        Enum.TryParse<LogLevel>(name, ignoreCase: true, out var level)
            ? level switch
            {
                LogLevel.Trace => LogEventLevel.Verbose,
                LogLevel.Debug => LogEventLevel.Debug,
                LogLevel.Information => LogEventLevel.Information,
                LogLevel.Warning => LogEventLevel.Warning,
                LogLevel.Error => LogEventLevel.Error,
                _ => LogEventLevel.Fatal,
            }
            : null;
}
