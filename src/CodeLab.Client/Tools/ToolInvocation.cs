using System.Text.Json;

namespace CodeLab.Client.Tools;

/// <summary>A tool call as the server dispatched it.</summary>
/// <param name="CallId">The id of the call, unique within the session; the journal knows a call by it.</param>
/// <param name="ToolName">The catalogue name, for example <c>read_file</c>.</param>
/// <param name="Arguments">A JSON object; <c>null</c> members count as absent. <c>null</c> or undefined stands for an empty object.</param>
/// <param name="Redelivered">Whether the server says that it has sent this call before. The journal decides either way; the flag is for logs and faces.</param>
public sealed record ToolInvocation(string CallId, string ToolName, JsonElement Arguments, bool Redelivered = false);

/// <summary>What a tool call came to. Exactly one of <see cref="Result"/> and <see cref="Error"/> is set.</summary>
public sealed record ToolOutcome
{
    /// <summary>The result object of the tool (protocol reference §6.3), or <c>null</c> when the call failed.</summary>
    public JsonElement? Result { get; init; }

    /// <summary>A sentence that tells the model what went wrong and what to do next, or <c>null</c> when the call succeeded.</summary>
    public string? Error { get; init; }

    /// <summary>The stable code of <see cref="Error"/>, one of <see cref="ToolErrorCodes"/>.</summary>
    public string? ErrorCode { get; init; }

    /// <summary>Whether the call succeeded.</summary>
    public bool Succeeded => Error is null;

    internal static ToolOutcome Success(JsonElement result) => new() { Result = result };

    internal static ToolOutcome Failure(string code, string error) => new() { Error = error, ErrorCode = code };
}

/// <summary>A piece of a running command's output, for the person who watches. Escape sequences are kept.</summary>
/// <param name="CallId">The call whose command wrote it.</param>
/// <param name="Stream"><c>stdout</c> or <c>stderr</c>.</param>
/// <param name="Text">Decoded text; a character is never split between two pieces.</param>
public sealed record CommandOutput(string CallId, string Stream, string Text);

/// <summary>What a tool call would change, computed without changing anything, so that a face can draw a diff before it asks.</summary>
public sealed record FileChangePreview
{
    /// <summary>What happens to the file.</summary>
    public required FileChangeKind Kind { get; init; }

    /// <summary>The file, relative to the workspace, with <c>/</c>.</summary>
    public required string Path { get; init; }

    /// <summary>The new place, relative to the workspace, when <see cref="Kind"/> is <see cref="FileChangeKind.Move"/>.</summary>
    public string? NewPath { get; init; }

    /// <summary>The text before, with <c>\n</c> newlines; <c>null</c> when there is no file, or it is not text or too large to show.</summary>
    public string? OldText { get; init; }

    /// <summary>The text after, with <c>\n</c> newlines; <c>null</c> when the file goes away, or when the call would fail.</summary>
    public string? NewText { get; init; }

    /// <summary>The sentence the model would be told if the call ran now; <c>null</c> when the call would succeed.</summary>
    public string? Error { get; init; }

    /// <summary>The code of <see cref="Error"/>, one of <see cref="ToolErrorCodes"/>.</summary>
    public string? ErrorCode { get; init; }
}

/// <summary>What happens to a file.</summary>
public enum FileChangeKind
{
    /// <summary>A new file is written.</summary>
    Create,

    /// <summary>An existing file gets new text.</summary>
    Modify,

    /// <summary>A file or directory is moved.</summary>
    Move,

    /// <summary>A file or directory is deleted.</summary>
    Delete,
}
