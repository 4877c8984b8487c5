using System.Data.Common;
using CodeLab.BuildingBlocks.Data.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CodeLab.BuildingBlocks.Data;

/// <summary>Opens connections for code that writes its own SQL (hot paths); EF contexts use the same settings.</summary>
public sealed class Database : IAsyncDisposable
{
    private const int Attempts = 4;
    private const int UsualBytes = 1024;
    private readonly NpgsqlDataSource? _postgres;
    private readonly SqliteWriter? _writer;
    private readonly SqliteReaders? _readers;

    /// <summary>Reads the options; makes the data directory when it is missing. Opens nothing.</summary>
    public Database(IOptions<DatabaseOptions> options, TimeProvider? time = null, ILogger<Database>? logger = null)
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
            _writer = new(ConnectionString, time ?? TimeProvider.System, logger ?? NullLogger<Database>.Instance);
            _readers = new(ConnectionString);
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

    /// <summary>The writer of the SQLite file, for hot paths that prepare their own statements.</summary>
    /// <exception cref="InvalidOperationException">The database is not SQLite.</exception>
    public SqliteWriter Writer => _writer ?? throw new InvalidOperationException("The database is not SQLite");

    /// <summary>Connections for reading the SQLite file, with their prepared statements.</summary>
    /// <exception cref="InvalidOperationException">The database is not SQLite.</exception>
    public SqliteReaders Readers => _readers ?? throw new InvalidOperationException("The database is not SQLite");

    /// <summary>
    /// Runs <paramref name="work"/> in a transaction and commits it; completes when it is durable. An exception undoes it. On SQLite it joins
    /// the group of the file's writer; on PostgreSQL it is done again when it met another transaction. So it may run more than once, changes
    /// nothing but the database, and awaits nothing else.
    /// </summary>
    /// <param name="work">What to do, on the connection and transaction it is given (the transaction is null on SQLite).</param>
    /// <param name="cancellationToken">Stops waiting; a write that has begun may still be made.</param>
    /// <exception cref="DatabaseBusyException">SQLite is locked or overloaded, or the service is stopping.</exception>
    public Task<T> TransactAsync<T>(Func<DbConnection, DbTransaction?, Task<T>> work, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(work);
        return _writer is null
            ? TransactOnPostgresAsync(work, cancellationToken)
            : _writer.WriteAsync(session => Finished(work(session.Connection, null)), UsualBytes, cancellationToken);
    }

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
    public async ValueTask DisposeAsync()
    {
        if (_writer is not null)
            await _writer.DisposeAsync();
        _readers?.Dispose();
        if (_postgres is not null)
            await _postgres.DisposeAsync();
    }

    // SQLite has no asynchronous calls: work that is not done by now has awaited something else, and would write outside its transaction.
    private static T Finished<T>(Task<T> work) =>
        work.IsCompleted
            ? work.GetAwaiter().GetResult()
            : throw new InvalidOperationException("Work in a transaction may await nothing but its own connection");

    private async Task<T> TransactOnPostgresAsync<T>(Func<DbConnection, DbTransaction?, Task<T>> work, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = await _postgres!.OpenConnectionAsync(cancellationToken);
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
                var answer = await work(connection, transaction);
                await transaction.CommitAsync(cancellationToken);
                return answer;
            }
            catch (PostgresException met) when (attempt < Attempts && (met.SqlState is "40001" or "40P01"))
            {
                // A serialization failure or a deadlock: the other one is done now.
            }
        }
    }
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
