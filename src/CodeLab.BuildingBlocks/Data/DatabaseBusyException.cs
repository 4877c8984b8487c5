using CodeLab.BuildingBlocks.Results;
using Microsoft.AspNetCore.Http;

namespace CodeLab.BuildingBlocks.Data;

/// <summary>
/// The database could not take or answer the request in time, or is going away: nothing is known to be wrong with the request, and it may
/// be tried again with the same ids. Doors answer <see cref="Error"/> (503).
/// </summary>
public sealed class DatabaseBusyException(string message, Exception? innerException = null) : Exception(message, innerException)
{
    /// <summary>Code of the failure.</summary>
    public const string Code = "DATABASE_ERROR";

    /// <summary>The failure as a door tells it; the cause stays in the log.</summary>
    public static Error Error { get; } =
        new(Code, "The database is busy. Try again in a moment.", StatusCodes.Status503ServiceUnavailable) { RetryAfterSeconds = 1 };
}
