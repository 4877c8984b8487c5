using System.Data.Common;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;

namespace CodeLab.Host.Health;

/// <summary>What health answers are made of. Looked at most once a second, whoever asks how often.</summary>
internal sealed partial class HealthState(
    Database database,
    StartupGate gate,
    DrainState drain,
    TimeProvider time,
    ILogger<HealthState> logger
)
{
    private const long EnoughBytes = 500L * 1024 * 1024;
    private const double EnoughShare = 0.05;
    private static readonly TimeSpan _fresh = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _databaseTime = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private Task<Look>? _latest;
    private long _lookedAt;

    /// <summary>True when migrations and seeds are done.</summary>
    public bool IsStarted => gate.IsOpen;

    /// <summary>Names of the parts that keep the host from being ready.</summary>
    public async Task<IReadOnlyList<string>> FailingAsync()
    {
        var failing = new List<string>();
        if (drain.IsDraining)
            failing.Add("draining");
        if (!gate.IsOpen)
        {
            failing.Add("starting");
            return failing;
        }
        var look = await LookAsync();
        if (!look.Database)
            failing.Add("database");
        if (!look.Disk)
            failing.Add("disk");
        return failing;
    }

    /// <summary>False only when the database can not be reached.</summary>
    public async Task<bool> DatabaseAsync() => !gate.IsOpen || (await LookAsync()).Database;

    private Task<Look> LookAsync()
    {
        lock (_lock)
        {
            if (_latest is null || (_latest.IsCompleted && time.GetElapsedTime(_lookedAt) > _fresh))
            {
                _lookedAt = time.GetTimestamp();
                _latest = LookNowAsync();
            }
            return _latest;
        }
    }

    private async Task<Look> LookNowAsync() => new(await ReachesDatabaseAsync(), HasDisk());

    private async Task<bool> ReachesDatabaseAsync()
    {
        using var limit = new CancellationTokenSource(_databaseTime, time);
        try
        {
            await using var connection = await database.OpenAsync(limit.Token);
            await using var command = connection.CreateCommand();
            command.CommandText = "SELECT 1";
            await command.ExecuteScalarAsync(limit.Token);
            return true;
        }
        catch (Exception exception) when (exception is DbException or OperationCanceledException or TimeoutException or IOException)
        {
            DatabaseUnreachable(exception);
            return false;
        }
    }

    private bool HasDisk()
    {
        try
        {
            var drive = new DriveInfo(database.DataDirectory);
            return drive.AvailableFreeSpace > EnoughBytes || drive.AvailableFreeSpace > drive.TotalSize * EnoughShare;
        }
        catch (IOException)
        {
            return false;
        }
    }

    [LoggerMessage(9, LogLevel.Warning, "The database can not be reached")]
    private partial void DatabaseUnreachable(Exception exception);

    private sealed record Look(bool Database, bool Disk);
}
