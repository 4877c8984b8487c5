namespace CodeLab.Client.Tools;

/// <summary>The stable codes of failed tool calls. Tests and faces compare these, never the sentences.</summary>
public static class ToolErrorCodes
{
    /// <summary>No tool of this name runs here.</summary>
    public const string ToolNotFound = "TOOL_NOT_FOUND";

    /// <summary>An argument is missing, of the wrong type or out of range.</summary>
    public const string InvalidArguments = "INVALID_ARGUMENTS";

    /// <summary>The path is malformed: empty, too long, or with characters that are refused.</summary>
    public const string InvalidPath = "INVALID_PATH";

    /// <summary>The path leads out of the workspace, by itself or through a link.</summary>
    public const string PathOutsideWorkspace = "PATH_OUTSIDE_WORKSPACE";

    /// <summary>There is no such file.</summary>
    public const string FileNotFound = "FILE_NOT_FOUND";

    /// <summary>There is no such directory.</summary>
    public const string DirectoryNotFound = "DIRECTORY_NOT_FOUND";

    /// <summary>Something is already at the place.</summary>
    public const string AlreadyExists = "ALREADY_EXISTS";

    /// <summary>The path is a directory (or something else that is no file) where a file is meant.</summary>
    public const string NotAFile = "NOT_A_FILE";

    /// <summary>The directory still has entries.</summary>
    public const string DirectoryNotEmpty = "DIRECTORY_NOT_EMPTY";

    /// <summary>The file, or the text to write, is over the limit.</summary>
    public const string FileTooLarge = "FILE_TOO_LARGE";

    /// <summary>The file is not text.</summary>
    public const string BinaryFile = "BINARY_FILE";

    /// <summary>The bytes or the text do not fit the encoding.</summary>
    public const string EncodingError = "ENCODING_ERROR";

    /// <summary>The file is not what the agent read any more.</summary>
    public const string FileChanged = "FILE_CHANGED";

    /// <summary>The operating system refused access.</summary>
    public const string PermissionDenied = "PERMISSION_DENIED";

    /// <summary>The operating system failed the operation for another reason, for example a full disk.</summary>
    public const string IoError = "IO_ERROR";

    /// <summary>A block of a diff does not apply, or is ambiguous; nothing was written.</summary>
    public const string PatchApplyFailed = "PATCH_APPLY_FAILED";

    /// <summary>The search ran out of time without a match.</summary>
    public const string SearchTimeout = "SEARCH_TIMEOUT";

    /// <summary>The command ran out of time and was ended. Stands in the result beside <c>timed_out</c>.</summary>
    public const string CommandTimeout = "COMMAND_TIMEOUT";

    /// <summary>The command could not be started.</summary>
    public const string CommandFailed = "COMMAND_FAILED";

    /// <summary>The workspace is not in a Git repository.</summary>
    public const string GitNotInitialized = "GIT_NOT_INITIALIZED";

    /// <summary>Git failed; its own words are in the sentence.</summary>
    public const string GitError = "GIT_ERROR";

    /// <summary>The person stopped the call.</summary>
    public const string Cancelled = "CANCELLED";

    /// <summary>The call had been started before a crash, and nobody knows whether it finished.</summary>
    public const string OutcomeUnknown = "OUTCOME_UNKNOWN";

    /// <summary>The call id was used before with other arguments.</summary>
    public const string InvalidCallId = "INVALID_CALL_ID";

    /// <summary>A fault of the client itself.</summary>
    public const string InternalError = "INTERNAL_ERROR";
}
