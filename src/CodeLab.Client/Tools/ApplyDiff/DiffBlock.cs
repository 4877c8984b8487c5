namespace CodeLab.Client.Tools;

/// <summary>One way to read a block; a block has several when the model's text is ambiguous, in order of preference.</summary>
internal sealed record BlockReading(IReadOnlyList<string> Search, IReadOnlyList<string> Replace)
{
    /// <summary>Which <c>=======</c> was taken for the separator: readings with different ones contradict each other.</summary>
    public int Separator { get; init; }

    /// <summary>A line number found in prefixes copied from a listing; counts when the block names none.</summary>
    public int? Hint { get; init; }
}

/// <summary>A SEARCH/REPLACE block.</summary>
/// <param name="Number">From 1, for sentences.</param>
/// <param name="StartLine">The line the model believes the text begins at, from 1; often wrong.</param>
/// <param name="Readings">At least one.</param>
internal sealed record DiffBlock(int Number, int? StartLine, IReadOnlyList<BlockReading> Readings);

/// <summary>What came of a diff. Either <see cref="Text"/> is set or <see cref="Error"/>.</summary>
internal sealed record DiffOutcome
{
    public string? Text { get; init; }
    public IReadOnlyList<AppliedBlock> Blocks { get; init; } = [];
    public string? Error { get; init; }

    public static DiffOutcome Failed(string error) => new() { Error = error };
}
