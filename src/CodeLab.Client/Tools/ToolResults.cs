using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace CodeLab.Client.Tools;

internal sealed record ReadFileResult
{
    public bool Success { get; init; } = true;
    public required string Path { get; init; }
    public required string Content { get; init; }
    public required int LinesRead { get; init; }
    public required int StartLine { get; init; }
    public required int EndLine { get; init; }
    public required int TotalLines { get; init; }
    public required bool Truncated { get; init; }
    public int? NextLine { get; init; }
    public required long Size { get; init; }
    public required string Encoding { get; init; }
    public string? Note { get; init; }
}

internal sealed record WriteFileResult
{
    public bool Success { get; init; } = true;
    public required string Path { get; init; }
    public required bool Created { get; init; }
    public required long BytesWritten { get; init; }
    public required int LinesAdded { get; init; }
    public required int LinesRemoved { get; init; }
    public string? BackupPath { get; init; }
    public string? Note { get; init; }
}

internal sealed record ApplyDiffResult
{
    public bool Success { get; init; } = true;
    public required string Path { get; init; }
    public required int Applied { get; init; }
    public int Failed { get; init; }
    public required int LinesAdded { get; init; }
    public required int LinesRemoved { get; init; }
    public required IReadOnlyList<AppliedBlock> Blocks { get; init; }
    public string? Note { get; init; }
}

internal sealed record AppliedBlock(int StartLine, int EndLine, string? Note);

internal sealed record ListedItem(string Name, string Path, string Type, long? Size, string? Modified);

internal sealed record ListFilesResult
{
    public bool Success { get; init; } = true;
    public required string Path { get; init; }
    public required int TotalCount { get; init; }
    public required bool Truncated { get; init; }
    public required IReadOnlyList<ListedItem> Items { get; init; }
    public string? Note { get; init; }
}

internal sealed record SearchMatch(string File, int Line, int Column, string MatchedText, string LineContent);

internal sealed record SearchResult
{
    public required string Query { get; init; }
    public required IReadOnlyList<SearchMatch> Matches { get; init; }
    public required int TotalMatches { get; init; }
    public required bool Truncated { get; init; }
    public required int FilesSearched { get; init; }
    public int? FilesSkipped { get; init; }
    public string? Note { get; init; }
}

internal sealed record PathResult
{
    public bool Success { get; init; } = true;
    public required string Path { get; init; }
    public string? NewPath { get; init; }
    public bool? Created { get; init; }
    public bool? AlreadyExists { get; init; }
    public string? Note { get; init; }
}

internal sealed record CommandResult
{
    public required string Command { get; init; }
    public required int ExitCode { get; init; }
    public required string Stdout { get; init; }
    public required string Stderr { get; init; }
    public required long DurationMs { get; init; }
    public required bool TimedOut { get; init; }
    public string? ErrorCode { get; init; }
    public string? Note { get; init; }
}

internal sealed record GitStatusResult
{
    public bool Success { get; init; } = true;
    public string? Branch { get; init; }
    public string? Head { get; init; }
    public string? Upstream { get; init; }
    public int? Ahead { get; init; }
    public int? Behind { get; init; }
    public required IReadOnlyList<string> Staged { get; init; }
    public required IReadOnlyList<string> Modified { get; init; }
    public required IReadOnlyList<string> Deleted { get; init; }
    public required IReadOnlyList<string> Untracked { get; init; }
    public required IReadOnlyList<string> Conflicted { get; init; }
    public required bool Clean { get; init; }
    public bool Truncated { get; init; }
}

internal sealed record GitDiffResult
{
    public bool Success { get; init; } = true;
    public required string Diff { get; init; }
    public required bool Truncated { get; init; }
    public string? Note { get; init; }
}

internal sealed record GitCommitInfo(string Hash, string Author, string Email, string Date, string Message);

internal sealed record GitLogResult
{
    public bool Success { get; init; } = true;
    public required IReadOnlyList<GitCommitInfo> Commits { get; init; }
}

internal sealed record GitCommitResult
{
    public bool Success { get; init; } = true;
    public required string CommitHash { get; init; }
    public string? Branch { get; init; }
    public required IReadOnlyList<string> Files { get; init; }
}

[JsonSerializable(typeof(ReadFileResult))]
[JsonSerializable(typeof(WriteFileResult))]
[JsonSerializable(typeof(ApplyDiffResult))]
[JsonSerializable(typeof(ListFilesResult))]
[JsonSerializable(typeof(SearchResult))]
[JsonSerializable(typeof(PathResult))]
[JsonSerializable(typeof(CommandResult))]
[JsonSerializable(typeof(GitStatusResult))]
[JsonSerializable(typeof(GitDiffResult))]
[JsonSerializable(typeof(GitLogResult))]
[JsonSerializable(typeof(GitCommitResult))]
[JsonSerializable(typeof(JournalLine))]
internal sealed partial class ToolJson : JsonSerializerContext
{
    // The relaxed encoder keeps source code readable and short in the journal and in the prompt; nothing here is embedded in HTML.
    public static ToolJson Wire { get; } =
        new(
            new JsonSerializerOptions
            {
                PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
                DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
                Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            }
        );

    public static JsonElement Element<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToElement(value, type);
}
