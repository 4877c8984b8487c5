using System.Globalization;
using System.Net;
using Microsoft.Extensions.Configuration.Memory;
using Npgsql;

namespace CodeLab.Host.Configuration;

/// <summary>
/// Environment names of the original services (protocol.md §11) as aliases of ours. An alias is weaker than our own name and stronger
/// than <c>appsettings.json</c>. Names without a service prefix that mean something else on a developer's machine (<c>DATABASE_URL</c>,
/// <c>REDIS_URL</c>) are not taken: they belong to whatever project that machine works on.
/// </summary>
internal static class SettingAliases
{
    private static readonly (string Alias, string Setting)[] _plain =
    [
        ("AUTH_SERVICE:JWT_ISSUER", "CodeLab:Auth:Issuer"),
        ("AUTH_SERVICE:ENABLE_RATE_LIMITING", "CodeLab:RateLimits:Enabled"),
        ("AUTH_SERVICE:BRUTE_FORCE_THRESHOLD", "CodeLab:Auth:Lockout:Threshold"),
        ("AUTH_SERVICE:MASTER_KEY", "CODELAB_ADMIN_PASSWORD"),
        ("LLM_PROXY:DEFAULT_MODEL", "CodeLab:Llm:DefaultModel"),
        ("AGENT_RUNTIME:LLM_MODEL", "CodeLab:Llm:DefaultModel"),
        ("AGENT_RUNTIME:APPROVAL_TIMEOUT", "CodeLab:Agent:ApprovalTimeoutSeconds"),
        ("HITL_APPROVAL_TIMEOUT", "CodeLab:Agent:ApprovalTimeoutSeconds"),
        ("GATEWAY:LOG_LEVEL", "CodeLab:Logging:Level"),
    ];

    /// <summary>Adds what the present aliases mean, below the environment variables.</summary>
    public static void Apply(ConfigurationManager configuration)
    {
        var meant = Read(configuration);
        if (meant.Count == 0)
            return;
        // After the files, before the environment and the command line.
        var files = configuration
            .Sources.TakeWhile(s =>
                s
                    is not Microsoft.Extensions.Configuration.EnvironmentVariables.EnvironmentVariablesConfigurationSource
                    {
                        Prefix: null or ""
                    }
            )
            .Count();
        configuration.Sources.Insert(files, new MemoryConfigurationSource { InitialData = meant });
    }

    internal static Dictionary<string, string?> Read(IConfiguration configuration)
    {
        var meant = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var (alias, setting) in _plain)
        {
            if (configuration[alias] is { Length: > 0 } value)
                meant[setting] = Translate(setting, value);
        }
        // The fake model of the original compose file means "no model chosen".
        if (meant.TryGetValue("CodeLab:Llm:DefaultModel", out var model) && model is "fake-llm")
            meant.Remove("CodeLab:Llm:DefaultModel");
        if (meant.ContainsKey("CODELAB_ADMIN_PASSWORD"))
            meant["CODELAB_ADMIN_USERNAME"] = "admin";
        if (int.TryParse(configuration["AUTH_SERVICE:BRUTE_FORCE_LOCKOUT_DURATION"], CultureInfo.InvariantCulture, out var seconds))
            meant["CodeLab:Auth:Lockout:Minutes"] = Math.Max(1, seconds / 60).ToString(CultureInfo.InvariantCulture);
        if (Postgres(configuration["AGENT_RUNTIME:DB_URL"]) is { } connection)
        {
            meant["ConnectionStrings:CodeLab"] = connection;
            meant["CodeLab:Database:Provider"] = "PostgreSql";
        }
        // HOST alone is set by many shells; together with a port and an address it is meant for us.
        if (
            IPAddress.TryParse(configuration["HOST"], out var address)
            && ushort.TryParse(configuration["PORT"], CultureInfo.InvariantCulture, out var port)
        )
            meant["urls"] = $"http://{new IPEndPoint(address, port)}";
        return meant;
    }

    private static string Translate(string setting, string value) =>
        setting == "CodeLab:Logging:Level"
            ? value.ToUpperInvariant() switch
            {
                "INFO" => "Information",
                "WARN" => "Warning",
                "FATAL" => "Critical",
                _ => value,
            }
            : value;

    /// <summary><c>postgresql+asyncpg://user:password@host:port/database</c> as a connection string; null when it is none.</summary>
    private static string? Postgres(string? url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || !uri.Scheme.StartsWith("postgres", StringComparison.OrdinalIgnoreCase))
            return null;
        var user = uri.UserInfo.Split(':', 2);
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port > 0 ? uri.Port : 5432,
            Database = Uri.UnescapeDataString(uri.AbsolutePath.TrimStart('/')),
            Username = Uri.UnescapeDataString(user[0]),
        };
        if (user.Length > 1)
            builder.Password = Uri.UnescapeDataString(user[1]);
        return builder.ConnectionString;
    }
}
