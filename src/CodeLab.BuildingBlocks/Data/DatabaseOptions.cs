using System.ComponentModel.DataAnnotations;

namespace CodeLab.BuildingBlocks.Data;

/// <summary>Which database holds the data (design.md §12).</summary>
public sealed class DatabaseOptions : IValidatableObject
{
    /// <summary>Configuration section.</summary>
    public const string Section = "CodeLab:Database";

    /// <summary><c>Sqlite</c> (default) or <c>PostgreSql</c>.</summary>
    public DatabaseProvider Provider { get; set; } = DatabaseProvider.Sqlite;

    /// <summary>Connection string; default: the file <c>codelab.db</c> in the data directory. Required with <c>PostgreSql</c>.</summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>Folder of the SQLite file, keys and backups. Default <c>./data</c>.</summary>
    public string DataDirectory { get; set; } = "./data";

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Provider == DatabaseProvider.PostgreSql && string.IsNullOrWhiteSpace(ConnectionString))
            yield return new("CodeLab:Database:Provider is PostgreSql: set ConnectionStrings__CodeLab.", [nameof(ConnectionString)]);
        if (string.IsNullOrWhiteSpace(DataDirectory))
            yield return new("CodeLab:DataDirectory is empty: name a folder the service may write to.", [nameof(DataDirectory)]);
    }
}

/// <summary>Databases that are supported.</summary>
public enum DatabaseProvider
{
    /// <summary>One file, one process.</summary>
    Sqlite,

    /// <summary>A server; several hosts may share it.</summary>
    PostgreSql,
}
