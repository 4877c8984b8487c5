using Xunit;

namespace CodeLab.Testing.Databases;

/// <summary>Databases that every data test runs on.</summary>
public enum DatabaseKind
{
    /// <summary>A file in a folder of its own.</summary>
    Sqlite,

    /// <summary>A database of its own on the throw-away server.</summary>
    PostgreSql,
}

/// <summary>For <c>[Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]</c>.</summary>
public static class DatabaseKinds
{
    /// <summary>Every kind; where the machine has no PostgreSQL, its row is shown as skipped.</summary>
    public static TheoryData<DatabaseKind> All => [DatabaseKind.Sqlite, DatabaseKind.PostgreSql];
}

/// <summary>An empty database for one test.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private TestDatabase(DatabaseKind kind, string directory, string connectionString)
    {
        Kind = kind;
        DataDirectory = directory;
        ConnectionString = connectionString;
    }

    /// <summary>Which.</summary>
    public DatabaseKind Kind { get; }

    /// <summary>Data folder; deleted at the end.</summary>
    public string DataDirectory { get; }

    /// <summary>Connection string; empty with SQLite: the file in the data folder.</summary>
    public string ConnectionString { get; }

    /// <summary>Environment variables that make a host use it.</summary>
    public (string Name, string? Value)[] Environment =>
        [
            ("CodeLab__Database__Provider", Kind.ToString()),
            ("ConnectionStrings__CodeLab", ConnectionString.Length == 0 ? null : ConnectionString),
        ];

    /// <summary>Makes an empty database; the test is skipped where the machine has no server for it.</summary>
    public static async Task<TestDatabase> CreateAsync(DatabaseKind kind)
    {
        var connection = "";
        if (kind == DatabaseKind.PostgreSql)
        {
            // The prefix is how xunit.v3 knows a test that skips itself.
            var server =
                await PostgresServer.Shared ?? throw new InvalidOperationException("$XunitDynamicSkip$No PostgreSQL on this machine");
            connection = await server.CreateDatabaseAsync();
        }
        return new TestDatabase(kind, Directory.CreateTempSubdirectory("codelab-db-").FullName, connection);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Directory.Delete(DataDirectory, recursive: true);
        return ValueTask.CompletedTask;
    }
}
