namespace CodeLab.Client.Processes;

/// <summary>A program to run to its end, without a terminal and with empty input.</summary>
internal sealed record ProcessSpec
{
    /// <summary>The program: a path, or a name that is looked for on the path.</summary>
    public required string FileName { get; init; }

    /// <summary>The arguments, without the program's own name.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>An existing directory.</summary>
    public required string WorkingDirectory { get; init; }

    /// <summary>The whole environment; nothing is inherited beside it.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>After this time the program and all it started are ended.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>Gets the bytes of standard output as they come, on a thread of the runner.</summary>
    public required Action<ReadOnlyMemory<byte>> Stdout { get; init; }

    /// <summary>Gets the bytes of standard error as they come, on another thread.</summary>
    public required Action<ReadOnlyMemory<byte>> Stderr { get; init; }
}

/// <summary>How a program ended.</summary>
/// <param name="ExitCode">Its code; 128 + signal when a signal ended it; null when it is unknown or the time was up.</param>
/// <param name="TimedOut">Whether the time was up.</param>
/// <param name="OutputComplete">False when something still held the output open after the end, so that the rest was not waited for.</param>
/// <param name="Duration">From start to end.</param>
internal sealed record ProcessEnd(int? ExitCode, bool TimedOut, bool OutputComplete, TimeSpan Duration);

/// <summary>The program could not be started.</summary>
internal sealed class ProcessStartException(string message) : Exception(message);
