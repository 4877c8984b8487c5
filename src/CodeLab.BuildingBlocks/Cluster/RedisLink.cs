using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace CodeLab.BuildingBlocks.Cluster;

/// <summary>
/// The connection to Redis, when <c>ConnectionStrings:Redis</c> names one. It is made in the background and mends itself; while it is away
/// callers do without (security.md G11): Redis carries wake-ups, counters and caches, never truth.
/// </summary>
public sealed partial class RedisLink : IAsyncDisposable
{
    private const int TimeoutMilliseconds = 1_000;
    private readonly Lazy<Task<ConnectionMultiplexer>>? _connection;
    private readonly ILogger _logger;

    /// <summary>Reads the setting. Connects when <see cref="StartAsync"/> is called, or at first use.</summary>
    /// <exception cref="ArgumentException">The connection string can not be read.</exception>
    public RedisLink(IConfiguration configuration, IOptions<ClusterOptions> options, RedisMetrics metrics, ILogger<RedisLink> logger)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(metrics);
        Prefix = options.Value.Name + ":";
        _logger = logger;
        Metrics = metrics;
        ConnectionString = configuration.GetConnectionString("Redis") is { Length: > 0 } text ? text : null;
        if (ConnectionString is null)
            return;
        var settings = ConfigurationOptions.Parse(ConnectionString);
        settings.AbortOnConnectFail = false;
        settings.ConnectTimeout = TimeoutMilliseconds;
        settings.AsyncTimeout = TimeoutMilliseconds;
        settings.SyncTimeout = TimeoutMilliseconds;
        // What cannot be sent now is of no use later: callers have another way.
        settings.BacklogPolicy = BacklogPolicy.FailFast;
        settings.ClientName = "codelab";
        _connection = new(() => ConnectAsync(settings));
        metrics.Watch(() => IsConnected);
    }

    /// <summary>The setting; null when there is no Redis and this is the only node.</summary>
    public string? ConnectionString { get; }

    internal RedisMetrics Metrics { get; }

    /// <summary>What every key and channel begins with.</summary>
    public string Prefix { get; }

    /// <summary>True when a Redis is configured, whether or not it answers now.</summary>
    public bool IsConfigured => _connection is not null;

    /// <summary>True when it answers now.</summary>
    public bool IsConnected => Connected is not null;

    /// <summary>Its data; null when it is not configured or away. Calls fail with <see cref="RedisException"/> when it goes away meanwhile.</summary>
    public IDatabase? Database => Connected?.GetDatabase();

    private ConnectionMultiplexer? Connected =>
        _connection is { Value: { IsCompletedSuccessfully: true } task } && Finished(task) is { IsConnected: true } connection
            ? connection
            : null;

    /// <summary>The connection itself, for libraries that bring their own protocol (SignalR's backplane); null when not configured.</summary>
    public async Task<IConnectionMultiplexer?> StartAsync() => _connection is null ? null : await _connection.Value;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_connection is { IsValueCreated: true })
            await (await _connection.Value).DisposeAsync();
    }

    // Asked only when it is complete.
    private static ConnectionMultiplexer Finished(Task<ConnectionMultiplexer> task) => task.GetAwaiter().GetResult();

    private async Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions settings)
    {
        var connection = await ConnectionMultiplexer.ConnectAsync(settings);
        connection.ConnectionFailed += (_, failure) =>
        {
            Metrics.Failed();
            Lost(failure.FailureType);
        };
        connection.ConnectionRestored += (_, _) => Found();
        if (!connection.IsConnected)
        {
            Metrics.Failed();
            Lost(ConnectionFailureType.UnableToConnect);
        }
        return connection;
    }

    [LoggerMessage(42, LogLevel.Warning, "Redis is away ({Reason}): this node goes on by itself until it is back")]
    private partial void Lost(ConnectionFailureType reason);

    [LoggerMessage(43, LogLevel.Information, "Redis is back")]
    private partial void Found();
}
