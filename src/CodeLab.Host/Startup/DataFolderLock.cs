using CodeLab.BuildingBlocks.Data;
using Microsoft.Data.Sqlite;

namespace CodeLab.Host.Startup;

/// <summary>
/// Keeps a second process away from a SQLite database (security.md §11.10): the engine's rule of one writer a session holds inside one
/// process. The lock is the operating system's, so that it ends with the process however that ends.
/// </summary>
internal sealed class DataFolderLock : IDisposable
{
    private readonly List<FileStream> _files = [];

    private DataFolderLock() { }

    /// <summary>Takes the lock; with PostgreSQL, where leases keep hosts apart, there is none.</summary>
    /// <exception cref="DataFolderException">Somebody else has it, or the folder can not be written.</exception>
    public static DataFolderLock Take(IServiceProvider services)
    {
        var folder = new DataFolderLock();
        var path = "";
        try
        {
            var options = services.GetRequiredService<Microsoft.Extensions.Options.IOptions<DatabaseOptions>>().Value;
            path = Path.GetFullPath(options.DataDirectory);
            var database = services.GetRequiredService<Database>();
            if (database.Provider == DatabaseProvider.Sqlite)
            {
                folder.Lock(path = Path.Combine(database.DataDirectory, "codelab.lock"));
                var file = new SqliteConnectionStringBuilder(database.ConnectionString).DataSource;
                // A database outside the data directory can be reached from two data directories.
                if (Path.IsPathFullyQualified(file) && Path.GetDirectoryName(file) != database.DataDirectory)
                    folder.Lock(path = file + ".lock");
            }
            return folder;
        }
        catch (UnauthorizedAccessException)
        {
            folder.Dispose();
            throw new DataFolderException(
                $"CodeLab can not start: no right to write '{path}'. Set CodeLab__DataDirectory to a folder it may write to."
            );
        }
        catch (IOException) when (File.Exists(path))
        {
            folder.Dispose();
            throw new DataFolderException(
                $"CodeLab can not start: another CodeLab process uses '{Path.GetDirectoryName(path)}'. "
                    + "Stop it, or set CodeLab__DataDirectory to another folder; several hosts need PostgreSQL."
            );
        }
        catch (IOException exception)
        {
            folder.Dispose();
            throw new DataFolderException($"CodeLab can not start: the data directory '{path}' can not be used: {exception.Message}");
        }
    }

    public void Dispose()
    {
        foreach (var file in _files)
            file.Dispose();
    }

    private void Lock(string path) =>
        _files.Add(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, FileOptions.None));
}

/// <summary>The data directory can not be used; the message says why and what to do.</summary>
internal sealed class DataFolderException(string message) : Exception(message);
