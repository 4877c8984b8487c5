namespace CodeLab.Cli.CommandLine;

/// <summary>What the program answers to the shell; scripts rely on the numbers (design.md §10).</summary>
internal static class ExitCodes
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int StoppedForApproval = 3;
    public const int NotSignedIn = 4;
    public const int Cancelled = 130;
}

/// <summary>The command line asks for something that cannot be. The message says what to write instead.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>Something went wrong that the person can understand; the message is all they need.</summary>
internal sealed class CommandFailedException(string message) : Exception(message);
