namespace CodeLab.Client.Tools;

/// <summary>The limits of the local tools. The defaults suit a developer's machine; sizes are in bytes unless said otherwise.</summary>
public sealed record LocalToolOptions
{
    /// <summary>Largest file that is read. Default 10 MiB.</summary>
    public long MaxReadFileBytes { get; init; } = 10 * 1024 * 1024;

    /// <summary>Largest content one <c>read_file</c> answers, in UTF-8 and whole lines. Default 256 KiB.</summary>
    public int MaxReadResultBytes { get; init; } = 256 * 1024;

    /// <summary>Largest file that is written, encoded. Default 5 MiB.</summary>
    public long MaxWriteBytes { get; init; } = 5 * 1024 * 1024;

    /// <summary>Most entries <c>list_files</c> answers. Default 2,000.</summary>
    public int MaxListEntries { get; init; } = 2_000;

    /// <summary>Deepest level a recursive listing descends to. Default 12.</summary>
    public int MaxListDepth { get; init; } = 12;

    /// <summary>Most matches <c>search_in_code</c> answers. Default 1,000.</summary>
    public int MaxSearchMatches { get; init; } = 1_000;

    /// <summary>Most characters of a line in a match. Default 400.</summary>
    public int MaxSearchLineLength { get; init; } = 400;

    /// <summary>Largest file that is searched. Default 2 MiB.</summary>
    public long MaxSearchFileBytes { get; init; } = 2 * 1024 * 1024;

    /// <summary>Longest a search runs. Default 10 seconds.</summary>
    public TimeSpan SearchTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a command runs when the call names no time. Default 60 seconds.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The longest time a call may name. Default 300 seconds.</summary>
    public TimeSpan MaxCommandTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>Characters kept of the beginning, and as many of the end, of each output stream of a command. Default 30,000.</summary>
    public int MaxCommandOutputChars { get; init; } = 30_000;

    /// <summary>How long a Git command of the <c>git_*</c> tools may run. Default 60 seconds.</summary>
    public TimeSpan GitTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Most characters of a diff <c>git_diff</c> answers. Default 200,000.</summary>
    public int MaxGitDiffChars { get; init; } = 200_000;

    /// <summary>How many reading calls run at once. Default 8.</summary>
    public int ParallelReads { get; init; } = 8;

    /// <summary>
    /// Environment variables that commands do not see, beside those that begin with <c>CODELAB_</c>. A command is the agent's,
    /// and the agent must not learn the keys that pay for it.
    /// </summary>
    public IReadOnlyList<string> SecretVariables { get; init; } = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY"];
}
