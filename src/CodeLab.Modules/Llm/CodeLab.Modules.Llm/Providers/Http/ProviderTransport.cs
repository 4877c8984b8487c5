using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Providers.Http;

/// <summary>The connections to all providers: pooled, no redirects, no proxy, no cookies, addresses checked at connect (security.md §9.1).</summary>
internal sealed class ProviderTransport : IDisposable
{
    private readonly ILogger<ProviderCallHandler> _logger;
    private readonly HttpMessageInvoker _public;
    private readonly HttpMessageInvoker _private;

    public ProviderTransport(IOptions<LlmOptions> options, ILogger<ProviderCallHandler> logger)
    {
        _logger = logger;
        var connect = TimeSpan.FromSeconds(options.Value.Timeouts.ConnectSeconds);
        // Two pools, so that a connection opened under the looser rule never serves a provider under the stricter one.
        _public = Open(connect, allowPrivate: false);
        _private = Open(connect, allowPrivate: true);
    }

    /// <summary>A client for one call. Disposing it leaves the connections alone.</summary>
    public HttpClient CreateClient(ProviderCall call) =>
        new(new ProviderCallHandler(call, Connections(call.Provider), _logger), disposeHandler: true)
        {
            // The limits of the call rule; HttpClient's own clock would cut long answers of SDKs that buffer.
            Timeout = Timeout.InfiniteTimeSpan,
            BaseAddress = call.Provider.BaseUrl,
        };

    /// <summary>The bare connections for a provider: status, limits and retries are the caller's.</summary>
    public HttpMessageInvoker Connections(ProviderSettings provider) => provider.AllowPrivateNetwork ? _private : _public;

    public void Dispose()
    {
        _public.Dispose();
        _private.Dispose();
    }

    private static HttpMessageInvoker Open(TimeSpan connect, bool allowPrivate) =>
        new(
            new SocketsHttpHandler
            {
                ConnectTimeout = connect,
                AllowAutoRedirect = false,
                UseProxy = false,
                UseCookies = false,
                AutomaticDecompression = DecompressionMethods.None,
                PooledConnectionLifetime = TimeSpan.FromMinutes(5),
                PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
                MaxResponseHeadersLength = 64,
                // An answer that is not read to its end was left: the provider is told at once, not after the rest was drained.
                MaxResponseDrainSize = 0,
                // Spans of ours tell of provider calls; the default handler's would carry the full address.
                ActivityHeadersPropagator = null,
                ConnectCallback = (context, cancellationToken) => ConnectAsync(context, allowPrivate, cancellationToken),
            },
            disposeHandler: true
        );

    private static async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context,
        bool allowPrivate,
        CancellationToken cancellationToken
    )
    {
        // The name is resolved here and the very address that was checked is connected to: a second lookup could give another one.
        var addresses = IPAddress.TryParse(context.DnsEndPoint.Host, out var literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancellationToken);
        if (!Array.Exists(addresses, address => AddressRules.IsAllowed(address, allowPrivate)))
        {
            throw new ProviderException(
                FailureCodes.ProviderError,
                "The address of this provider is not allowed. An administrator has to check its base URL."
            );
        }
        SocketException? last = null;
        foreach (var address in addresses.Where(address => AddressRules.IsAllowed(address, allowPrivate)))
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, context.DnsEndPoint.Port), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                last = e;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
        throw last ?? new SocketException((int)SocketError.HostNotFound);
    }
}

/// <summary>Which addresses a provider may have (security.md §9.1).</summary>
internal static class AddressRules
{
    private static readonly IPNetwork[] _never =
    [
        IPNetwork.Parse("0.0.0.0/8"),
        IPNetwork.Parse("169.254.0.0/16"), // link-local, metadata services
        IPNetwork.Parse("224.0.0.0/3"), // multicast, reserved, broadcast
        IPNetwork.Parse("::/128"),
        IPNetwork.Parse("fe80::/10"),
        IPNetwork.Parse("ff00::/8"),
        IPNetwork.Parse("fd00:ec2::254/128"), // metadata of one large cloud
    ];

    private static readonly IPNetwork[] _private =
    [
        IPNetwork.Parse("10.0.0.0/8"),
        IPNetwork.Parse("100.64.0.0/10"),
        IPNetwork.Parse("127.0.0.0/8"),
        IPNetwork.Parse("172.16.0.0/12"),
        IPNetwork.Parse("192.168.0.0/16"),
        IPNetwork.Parse("198.18.0.0/15"),
        IPNetwork.Parse("::1/128"),
        IPNetwork.Parse("fc00::/7"),
    ];

    public static bool IsAllowed(IPAddress address, bool allowPrivate)
    {
        // A v4 address may come in v6 clothes: mapped, NAT64 or 6to4.
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        else if (Embedded(address) is { } inner)
            return IsAllowed(inner, allowPrivate);
        return !Array.Exists(_never, net => net.Contains(address))
            && (allowPrivate || !Array.Exists(_private, net => net.Contains(address)));
    }

    private static IPAddress? Embedded(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return null;
        var bytes = address.GetAddressBytes();
        if (bytes is [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ..])
            return new IPAddress(bytes.AsSpan(12, 4));
        return bytes is [0x20, 0x02, ..] ? new IPAddress(bytes.AsSpan(2, 4)) : null;
    }
}
