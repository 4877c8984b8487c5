using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CodeLab.BuildingBlocks.Data;

/// <summary>Opens connections for code that writes its own SQL (hot paths); EF contexts use the same settings.</summary>
public sealed class Database : IAsyncDisposable
{
    private readonly NpgsqlDataSource? _postgres;

    /// <summary>Reads the options; makes the data directory when it is missing.</summary>
    public Database(IOptions<DatabaseOptions> options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Provider = options.Value.Provider;
        DataDirectory = Path.GetFullPath(options.Value.DataDirectory);
        PrivateDirectory.Create(DataDirectory);
        if (Provider == DatabaseProvider.PostgreSql)
        {
            ConnectionString = options.Value.ConnectionString;
            _postgres = NpgsqlDataSource.Create(ConnectionString);
        }
        else
        {
            var configured = options.Value.ConnectionString;
            ConnectionString = string.IsNullOrWhiteSpace(configured)
                ? new SqliteConnectionStringBuilder { DataSource = Path.Combine(DataDirectory, "codelab.db") }.ToString()
                : configured;
        }
    }

    /// <summary>Which database it is.</summary>
    public DatabaseProvider Provider { get; }

    /// <summary>Absolute path of the data directory.</summary>
    public string DataDirectory { get; }

    /// <summary>Connection string in use.</summary>
    public string ConnectionString { get; }

    /// <summary>The pooled source of PostgreSQL connections.</summary>
    /// <exception cref="InvalidOperationException">The database is SQLite.</exception>
    public NpgsqlDataSource Postgres => _postgres ?? throw new InvalidOperationException("The database is not PostgreSQL");

    /// <summary>Opens a connection; SQLite ones have WAL, full synchronous commits and a busy wait of 5 s (security.md §11.10).</summary>
    public async Task<DbConnection> OpenAsync(CancellationToken cancellationToken)
    {
        if (_postgres is not null)
            return await _postgres.OpenConnectionAsync(cancellationToken);
        var connection = new SqliteConnection(ConnectionString);
        await connection.OpenAsync(cancellationToken);
        SqliteSettings.Apply(connection);
        return connection;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _postgres?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>Applies our SQLite settings to every connection EF opens.</summary>
internal sealed class SqliteSettings : DbConnectionInterceptor
{
    public static readonly SqliteSettings Instance = new();

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) => Apply(connection);

    public override Task ConnectionOpenedAsync(
        DbConnection connection,
        ConnectionEndEventData eventData,
        CancellationToken cancellationToken = default
    )
    {
        Apply(connection);
        return Task.CompletedTask;
    }

    public static void Apply(DbConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON;";
        command.ExecuteNonQuery();
    }
}

/// <summary>Folders and files that only the service's own user may read.</summary>
public static class PrivateDirectory
{
    /// <summary>Makes a folder with owner-only permissions, or leaves an existing one as it is.</summary>
    public static void Create(string path)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(path);
        else
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
