using System.Collections.Concurrent;
using System.Text.Json;
using CodeLab.Client.Processes;

namespace CodeLab.Client.Tools;

/// <summary>
/// Runs the tool calls of one session in one workspace. Every call takes the same way: known tool, already executed?, jail, limits,
/// execute, bounded result, journal. A failing tool is an outcome that tells the model what to do next, never an exception.
/// </summary>
/// <remarks>Thread-safe. Eight reading calls run at once; what writes or starts a command runs alone in its workspace, across sessions.</remarks>
public sealed class LocalTools : IAsyncDisposable
{
    private static readonly Dictionary<string, LocalTool> Catalogue = Register();

    private readonly ConcurrentDictionary<string, (string Arguments, Lazy<Task<ToolOutcome>> Run)> _running = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _reads;
    private readonly ToolContext _context;
    private readonly ToolJournal _journal;

    /// <summary>Makes the tools of a session.</summary>
    /// <param name="root">The workspace.</param>
    /// <param name="options">The limits.</param>
    /// <param name="journal">The journal of this session. It stays the caller's to dispose, after these tools.</param>
    /// <param name="time">The clock of time-outs.</param>
    public LocalTools(WorkspaceRoot root, LocalToolOptions options, ToolJournal journal, TimeProvider time)
    {
        Root = root;
        _journal = journal;
        _reads = new SemaphoreSlim(options.ParallelReads, options.ParallelReads);
        _context = new ToolContext(new WorkspaceFiles(root, options), new ProcessRunner(time), time, output => Output?.Invoke(output));
    }

    /// <summary>The catalogue tools this client can run, as announced to the server on attach.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Catalogue.Keys];

    /// <summary>The workspace the tools work in.</summary>
    public WorkspaceRoot Root { get; }

    /// <summary>Output of a running command, as it comes, for the person. Raised on a background thread; handlers must be quick.</summary>
    public event Action<CommandOutput>? Output;

    /// <summary>Executes a call, or answers it from the journal when it was executed before.</summary>
    /// <param name="call">The call. The server has validated it and a person or rule has allowed it.</param>
    /// <param name="cancellationToken">Stops the call; the outcome is then <see cref="ToolErrorCodes.Cancelled"/>.</param>
    /// <returns>The outcome; the same one, byte for byte, however often the call is delivered.</returns>
    /// <exception cref="IOException">The journal could not be written. The call must then count as not answered.</exception>
    public async Task<ToolOutcome> ExecuteAsync(ToolInvocation call, CancellationToken cancellationToken)
    {
        if (!Catalogue.TryGetValue(call.ToolName, out var tool))
            return ToolOutcome.Failure(
                ToolErrorCodes.ToolNotFound,
                $"This client has no tool '{WorkspacePath.Shown(call.ToolName)}'. It has: {string.Join(", ", Names)}."
            );
        if (call.Arguments.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null or JsonValueKind.Undefined))
            return ToolOutcome.Failure(ToolErrorCodes.InvalidArguments, $"The arguments of {call.ToolName} must be a JSON object.");

        var hash = ToolJournal.HashOf(call.ToolName, call.Arguments);
        // A call delivered twice while it runs is one run with two listeners.
        var (arguments, run) = _running.GetOrAdd(
            call.CallId,
            _ => (hash, new Lazy<Task<ToolOutcome>>(() => RunOnceAsync(tool, call, hash, cancellationToken)))
        );
        if (arguments != hash)
            return ToolOutcome.Failure(
                ToolErrorCodes.InvalidCallId,
                $"The call id {call.CallId} is running with other arguments, so this call was not executed. Make a new call."
            );
        try
        {
            return await run.Value;
        }
        finally
        {
            _running.TryRemove(call.CallId, out _);
        }
    }

    /// <summary>Computes what a call would change, without changing anything.</summary>
    /// <param name="call">Any call.</param>
    /// <param name="cancellationToken">Stops the computing.</param>
    /// <returns>The change, with an error text when the call would fail; null for tools that change no file by themselves.</returns>
    public async Task<FileChangePreview?> PreviewAsync(ToolInvocation call, CancellationToken cancellationToken)
    {
        if (!Catalogue.TryGetValue(call.ToolName, out var tool) || tool.Preview is not { } preview)
            return null;
        var arguments = new ToolArguments(call.ToolName, call.Arguments);
        try
        {
            return await preview(_context, arguments, cancellationToken);
        }
        catch (Exception e) when (AsFailure(e) is { } failure)
        {
            return new FileChangePreview
            {
                Kind = tool.Change,
                Path = arguments.Text("path", "from", "source") ?? "",
                NewPath = tool.Change == FileChangeKind.Move ? arguments.Text("to", "destination") : null,
                Error = failure.Message,
                ErrorCode = failure.Code,
            };
        }
    }

    /// <summary>Waits for the calls that are running. Cancel them first to be quick.</summary>
    /// <returns>When none is left.</returns>
    public async ValueTask DisposeAsync()
    {
        foreach (var (_, run) in _running.Values)
            await run.Value;
        _reads.Dispose();
    }

    private async Task<ToolOutcome> RunOnceAsync(LocalTool tool, ToolInvocation call, string hash, CancellationToken cancellationToken)
    {
        if (await _journal.FindAsync(call.CallId, hash, CancellationToken.None) is { } known)
            return known; // quick, and true even for a cancelled caller

        var gate = tool.Reads ? _reads : Root.WriteGate;
        try
        {
            await gate.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return await FinishAsync(call, hash, Stopped());
        }
        try
        {
            // A read can be repeated after a crash, so only what changes something needs the mark before it begins.
            if (!tool.Reads)
                await _journal.StartAsync(call.CallId, hash, CancellationToken.None);
            return await FinishAsync(call, hash, await InvokeAsync(tool, call, cancellationToken));
        }
        finally
        {
            gate.Release();
        }
    }

    // What was done is recorded whether or not anybody still waits for it.
    private async Task<ToolOutcome> FinishAsync(ToolInvocation call, string hash, ToolOutcome outcome)
    {
        await _journal.FinishAsync(call.CallId, hash, outcome, CancellationToken.None);
        return outcome;
    }

    private async Task<ToolOutcome> InvokeAsync(LocalTool tool, ToolInvocation call, CancellationToken cancellationToken)
    {
        try
        {
            var result = await tool.Execute(
                _context with
                {
                    CallId = call.CallId,
                },
                new ToolArguments(call.ToolName, call.Arguments),
                cancellationToken
            );
            return ToolOutcome.Success(result);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Stopped();
        }
        catch (Exception e) when (AsFailure(e) is { } failure)
        {
            return failure.ToOutcome();
        }
    }

    private static ToolOutcome Stopped() =>
        ToolOutcome.Failure(ToolErrorCodes.Cancelled, "The call was stopped before it finished. Do not repeat it unless you are asked to.");

    // The one place where the system's refusals become sentences. What is not listed is a fault of ours; it is told as one, since a call
    // without an outcome would block its session for ever.
    private static ToolFailure? AsFailure(Exception e) =>
        e switch
        {
            OperationCanceledException => null,
            ToolFailure failure => failure,
            UnauthorizedAccessException => new(
                ToolErrorCodes.PermissionDenied,
                $"The system refused access: {e.Message} Ask the person to change the permissions, or use another file."
            ),
            FileNotFoundException or DirectoryNotFoundException => new(
                ToolErrorCodes.FileNotFound,
                "The file went away while the tool was working. Look with list_files and try again."
            ),
            IOException => new(ToolErrorCodes.IoError, $"The system could not do it: {e.Message}"),
            _ => new(
                ToolErrorCodes.InternalError,
                $"The client failed ({e.GetType().Name}: {e.Message}). Try another way, and tell the person."
            ),
        };

    private static Dictionary<string, LocalTool> Register() =>
        new(StringComparer.Ordinal)
        {
            ["read_file"] = ReadFileTool.Tool,
            ["write_file"] = WriteFileTool.Tool,
            ["apply_diff"] = ApplyDiffTool.Tool,
            ["list_files"] = ListFilesTool.Tool,
            ["search_in_code"] = SearchInCodeTool.Tool,
            ["create_directory"] = CreateDirectoryTool.Tool,
            ["delete_file"] = DeleteFileTool.Tool,
            ["move_file"] = MoveFileTool.Tool,
            ["execute_command"] = ExecuteCommandTool.Tool,
            ["git_status"] = GitStatusTool.Tool,
            ["git_diff"] = GitDiffTool.Tool,
            ["git_log"] = GitLogTool.Tool,
            ["git_commit"] = GitCommitTool.Tool,
        };
}
