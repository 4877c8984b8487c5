using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace CodeLab.BuildingBlocks.Data.Sqlite;

/// <summary>
/// Times in SQLite: whole microseconds since 1970 UTC. SQLite has no type for them; a number is small, sorts rightly, and has the precision
/// PostgreSQL has.
/// </summary>
public static class UnixMicroseconds
{
    /// <summary>The number of a time.</summary>
    public static long From(DateTimeOffset time) => (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    /// <summary>The time of a number.</summary>
    public static DateTimeOffset ToTime(long microseconds) =>
        DateTimeOffset.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);
}

/// <summary>The same for EF.</summary>
public sealed class UnixMicrosecondsConverter()
    : ValueConverter<DateTimeOffset, long>(time => UnixMicroseconds.From(time), number => UnixMicroseconds.ToTime(number));
