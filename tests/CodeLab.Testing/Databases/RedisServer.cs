using System.Globalization;
using System.Net.Sockets;
using CodeLab.Testing.Servers;

namespace CodeLab.Testing.Databases;

/// <summary>
/// A throw-away Redis on loopback, started once a test run and stopped with it. <c>CODELAB_TEST_REDIS</c> names a server to use instead.
/// </summary>
public sealed class RedisServer
{
    private static readonly Lazy<Task<RedisServer?>> _shared = new(StartAsync);

    private RedisServer(string connectionString) => ConnectionString = connectionString;

    /// <summary>The server of this test run; null when the machine has none.</summary>
    public static Task<RedisServer?> Shared => _shared.Value;

    /// <summary><c>host:port</c>, as <c>ConnectionStrings:Redis</c> takes it.</summary>
    public string ConnectionString { get; }

    private static async Task<RedisServer?> StartAsync()
    {
        if (Environment.GetEnvironmentVariable("CODELAB_TEST_REDIS") is { Length: > 0 } given)
            return new RedisServer(given);
        if (Commands.Find("redis-server") is not { } program)
            return null;
        var port = PostgresServer.FreePort();
        var text = port.ToString(CultureInfo.InvariantCulture);
        var process = Commands.Start(program, "--port", text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => process.Kill();
        await WaitAsync(port);
        return new RedisServer("127.0.0.1:" + text);
    }

    private static async Task WaitAsync(int port)
    {
        using var limit = new CancellationTokenSource(HostProcess.Patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (await timer.WaitForNextTickAsync(limit.Token))
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync("127.0.0.1", port, limit.Token);
                return;
            }
            catch (SocketException)
            {
                // Not listening yet.
            }
        }
    }
}
