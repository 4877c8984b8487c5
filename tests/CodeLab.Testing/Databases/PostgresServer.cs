using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using CodeLab.Testing.Servers;
using Npgsql;

namespace CodeLab.Testing.Databases;

/// <summary>
/// A throw-away PostgreSQL on loopback, started once a test run and stopped with it. <c>CODELAB_TEST_POSTGRES</c> names a server to use
/// instead (a connection string whose user may create databases).
/// </summary>
public sealed class PostgresServer
{
    private static readonly Lazy<Task<PostgresServer?>> _shared = new(StartAsync);
    private readonly string _connection;

    private PostgresServer(string connection) => _connection = connection;

    /// <summary>The server of this test run; null when the machine has none.</summary>
    public static Task<PostgresServer?> Shared => _shared.Value;

    /// <summary>Makes an empty database; returns its connection string.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = "codelab_" + Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
        await using var connection = new NpgsqlConnection(_connection);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = $"CREATE DATABASE {name}";
        await command.ExecuteNonQueryAsync();
        return new NpgsqlConnectionStringBuilder(_connection) { Database = name, MaxPoolSize = 20 }.ConnectionString;
    }

    private static async Task<PostgresServer?> StartAsync()
    {
        if (Environment.GetEnvironmentVariable("CODELAB_TEST_POSTGRES") is { Length: > 0 } given)
            return new PostgresServer(given);
        if (Folder() is not { } binaries)
            return null;
        var folder = Directory.CreateTempSubdirectory("codelab-pg-").FullName;
        var data = Path.Combine(folder, "data");
        var port = FreePort();
        if (Environment.IsPrivilegedProcess)
            await Commands.RunAsync("chown", "postgres", folder);
        await RunAsync(
            Path.Combine(binaries, "initdb"),
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8"
        );
        var options = string.Create(
            CultureInfo.InvariantCulture,
            $"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off -c synchronous_commit=off -c max_connections=300"
        );
        await RunAsync(Path.Combine(binaries, "pg_ctl"), "-D", data, "-w", "-l", Path.Combine(folder, "log"), "-o", options, "start");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Stop(data, folder);
        return new PostgresServer(
            string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port};Username=postgres;Database=postgres")
        );
    }

    private static string? Folder()
    {
        const string debian = "/usr/lib/postgresql";
        var packaged = Directory.Exists(debian)
            ? Directory.GetDirectories(debian).Select(d => Path.Combine(d, "bin")).OrderDescending(StringComparer.Ordinal).ToArray()
            : [];
        return Path.GetDirectoryName(Commands.Find("initdb", packaged));
    }

    // The server refuses to run as root.
    private static Task RunAsync(string program, params string[] arguments) =>
        Environment.IsPrivilegedProcess
            ? Commands.RunAsync("runuser", ["-u", "postgres", "--", program, .. arguments])
            : Commands.RunAsync(program, arguments);

    private static void Stop(string data, string folder)
    {
        // At the end of the process there is nobody left to await; the postmaster ends itself and its children on SIGQUIT.
        var pidFile = Path.Combine(data, "postmaster.pid");
        if (File.Exists(pidFile) && int.TryParse(File.ReadLines(pidFile).First(), CultureInfo.InvariantCulture, out var id))
        {
            using var kill = Process.Start("kill", ["-QUIT", id.ToString(CultureInfo.InvariantCulture)]);
            kill?.WaitForExit(5_000);
        }
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>A port nobody listens on now.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
