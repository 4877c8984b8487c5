using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace CodeLab.Host.Configuration;

/// <summary>Where the host listens, and the limits of every connection (security.md §7.9).</summary>
internal static class Listener
{
    private const string DefaultUrl = "http://localhost:8000";

    public static void AddListener(this WebApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        if (
            string.IsNullOrWhiteSpace(configuration["urls"])
            && string.IsNullOrWhiteSpace(configuration["http_ports"])
            && string.IsNullOrWhiteSpace(configuration["https_ports"])
            && !configuration.GetSection("Kestrel:Endpoints").GetChildren().Any()
        )
            builder.WebHost.UseUrls(DefaultUrl);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            var limits = kestrel.Limits;
            limits.MaxRequestBodySize = 1024 * 1024;
            limits.MaxRequestHeadersTotalSize = 32 * 1024;
            limits.MaxRequestHeaderCount = 100;
            limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            limits.KeepAliveTimeout = TimeSpan.FromSeconds(130);
            limits.MaxConcurrentConnections = 20_000;
            limits.MaxConcurrentUpgradedConnections = 12_000;
            limits.MinRequestBodyDataRate = new MinDataRate(240, TimeSpan.FromSeconds(5));
            limits.MinResponseDataRate = new MinDataRate(240, TimeSpan.FromSeconds(5));
            limits.Http2.MaxStreamsPerConnection = 100;
        });
    }

    /// <summary>Believes forwarded headers of listed proxies only; the client is then the right-most hop that is not listed.</summary>
    public static void UseTrustedProxies(this WebApplication app)
    {
        var proxies = app.Services.GetRequiredService<HostSettings>().TrustedProxies;
        if (proxies.Count == 0)
            return;
        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
            ForwardLimit = null,
        };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var proxy in proxies)
        {
            if (System.Net.IPAddress.TryParse(proxy, out var address))
                options.KnownProxies.Add(address);
            else
                options.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(proxy));
        }
        app.UseForwardedHeaders(options);
    }
}
