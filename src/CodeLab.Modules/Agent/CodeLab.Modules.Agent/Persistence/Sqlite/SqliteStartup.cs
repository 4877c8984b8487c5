using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Data.Sqlite;
using CodeLab.BuildingBlocks.Startup;
using Microsoft.Data.Sqlite;

namespace CodeLab.Modules.Agent.Persistence.Sqlite;

/// <summary>
/// Before anything touches the file: the library must be new enough, and no other process may use the file (security.md §11.10). Two
/// processes would not corrupt it, but each would believe that it alone runs the sessions in it. The lock goes with the process, however it ends.
/// </summary>
internal sealed class SqliteFileGuard(Database database) : IStartupTask, IDisposable
{
    private FileStream? _lock;

    /// <inheritdoc/>
    public int Order => -10;

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (database.Provider != DatabaseProvider.Sqlite)
            return;
        await using (var connection = new SqliteConnection("Data Source=:memory:"))
        {
            await connection.OpenAsync(cancellationToken);
            SqliteSession.CheckLibrary(connection.ServerVersion);
        }
        var file = Path.GetFullPath(new SqliteConnectionStringBuilder(database.ConnectionString).DataSource);
        try
        {
            _lock = new(file + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException taken)
        {
            throw new InvalidOperationException(
                $"Another process uses {file}. Stop it, name another folder with CodeLab__DataDirectory, or use PostgreSQL for several hosts.",
                taken
            );
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _lock?.Dispose();
}

/// <summary>After the migrations: leases of the process before this one are void, since nobody else can hold the file.</summary>
internal sealed class SqliteLeaseReset(ISessionStore store) : IStartupTask
{
    /// <inheritdoc/>
    public int Order => 290;

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken cancellationToken) =>
        store is SqliteSessionStore sqlite ? sqlite.ReleaseAllLeasesAsync(cancellationToken) : Task.CompletedTask;
}
