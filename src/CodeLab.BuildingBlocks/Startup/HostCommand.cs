namespace CodeLab.BuildingBlocks.Startup;

/// <summary>
/// A command of the host program, run instead of the service: <c>CodeLab.Host audit-verify</c>. It works on the configured database, also
/// while the service runs on it.
/// </summary>
public interface IHostCommand
{
    /// <summary>Name, as it is typed.</summary>
    string Name { get; }

    /// <summary>What it does, in a line, with its options.</summary>
    string Summary { get; }

    /// <summary>Runs it.</summary>
    /// <param name="arguments">What was typed behind the name.</param>
    /// <param name="output">Where it writes what people or scripts read.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Exit code: 0 done, 1 failed or a finding, 2 wrong usage.</returns>
    Task<int> RunAsync(IReadOnlyList<string> arguments, TextWriter output, CancellationToken cancellationToken);
}
