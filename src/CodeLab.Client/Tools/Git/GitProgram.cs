using System.Buffers;
using System.Text;
using CodeLab.Client.Processes;

namespace CodeLab.Client.Tools;

/// <summary>What Git answered.</summary>
internal sealed record GitAnswer(int ExitCode, string Output, string Error, bool Truncated);

/// <summary>Runs the <c>git</c> program (client reference §5): plain formats, no pager, no prompt, nothing a repository's configuration could start on a read.</summary>
internal static class GitProgram
{
    private const int MaxOutputBytes = 32 * 1024 * 1024;
    private const int MaxErrorChars = 4_000;

    private static readonly string[] Common =
    [
        "--no-pager",
        "--literal-pathspecs",
        "-c",
        "core.quotepath=off",
        "-c",
        "color.ui=false",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "advice.detachedHead=false",
    ];

    /// <exception cref="ToolFailure">GIT_ERROR when Git is missing or takes too long; GIT_NOT_INITIALIZED outside a repository.</exception>
    public static async Task<GitAnswer> RunAsync(
        ToolContext context,
        string directory,
        bool reads,
        IReadOnlyList<string> arguments,
        CancellationToken cancellationToken
    )
    {
        var output = new BoundedBytes(MaxOutputBytes);
        var error = new OutputCapture(MaxErrorChars, live: null);
        var spec = new ProcessSpec
        {
            FileName = "git",
            Arguments = [.. Common, .. reads ? (string[])["--no-optional-locks"] : [], .. arguments],
            WorkingDirectory = directory,
            Environment = GitEnvironment(context.Options),
            Timeout = context.Options.GitTimeout,
            Stdout = output.Append,
            Stderr = error.Append,
        };
        ProcessEnd end;
        try
        {
            end = await context.Processes.RunAsync(spec, cancellationToken);
        }
        catch (ProcessStartException e)
        {
            throw new ToolFailure(
                ToolErrorCodes.GitError,
                $"Git could not be started ({e.Message}). It may not be installed; go on without it."
            );
        }
        if (end.TimedOut)
            throw new ToolFailure(
                ToolErrorCodes.GitError,
                $"Git did not finish within {context.Options.GitTimeout.TotalSeconds:0} s and was ended. Ask for less, for example one 'path'."
            );

        var answer = new GitAnswer(end.ExitCode ?? -1, output.Text(), error.Complete().Trim(), output.Truncated);
        if (answer.ExitCode != 0 && answer.Error.Contains("not a git repository", StringComparison.OrdinalIgnoreCase))
            throw new ToolFailure(
                ToolErrorCodes.GitNotInitialized,
                "The workspace is not in a Git repository. Go on without Git, or ask the person whether to run 'git init'."
            );
        return answer;
    }

    /// <summary>Runs Git and takes anything but success for a failure of the call.</summary>
    public static async Task<GitAnswer> MustAsync(
        ToolContext context,
        bool reads,
        IReadOnlyList<string> arguments,
        CancellationToken cancellationToken
    )
    {
        var answer = await RunAsync(context, context.Root.FullPath, reads, arguments, cancellationToken);
        return answer.ExitCode == 0 ? answer : throw Failed(answer);
    }

    public static ToolFailure Failed(GitAnswer answer) =>
        new(
            ToolErrorCodes.GitError,
            $"Git failed with code {answer.ExitCode}: {(answer.Error.Length > 0 ? answer.Error : answer.Output.Trim())}"
        );

    /// <summary>The way from the repository's top to the workspace: empty, or ending in <c>/</c>.</summary>
    public static async Task<string> PrefixAsync(ToolContext context, CancellationToken cancellationToken) =>
        (await MustAsync(context, reads: true, ["rev-parse", "--show-prefix"], cancellationToken)).Output.TrimEnd('\n');

    /// <summary>A path of the model as a pathspec, judged by the jail.</summary>
    public static string Pathspec(ToolContext context, string path) => context.Root.Resolve(path, keepLastLink: true).Relative;

    private static Dictionary<string, string> GitEnvironment(LocalToolOptions options)
    {
        var environment = new Dictionary<string, string>(CommandEnvironment.Create(options));
        // Variables that would make Git work on another repository than the workspace's.
        foreach (
            var name in new[]
            {
                "GIT_DIR",
                "GIT_WORK_TREE",
                "GIT_INDEX_FILE",
                "GIT_OBJECT_DIRECTORY",
                "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                "GIT_COMMON_DIR",
                "GIT_NAMESPACE",
                "GIT_PREFIX",
                "GIT_EXTERNAL_DIFF",
            }
        )
            environment.Remove(name);
        environment["LC_ALL"] = "C";
        return environment;
    }

    private sealed class BoundedBytes(int limit)
    {
        private readonly Lock _gate = new();
        private readonly ArrayBufferWriter<byte> _bytes = new();

        public bool Truncated { get; private set; }

        public void Append(ReadOnlyMemory<byte> bytes)
        {
            lock (_gate)
            {
                var room = (int)Math.Min(bytes.Length, limit - _bytes.WrittenCount);
                _bytes.Write(bytes.Span[..room]);
                Truncated |= room < bytes.Length;
            }
        }

        public string Text()
        {
            lock (_gate)
                return Encoding.UTF8.GetString(_bytes.WrittenSpan);
        }
    }
}

/// <summary>The files of a repository that are not ignored.</summary>
internal static class GitFiles
{
    /// <summary>Tracked and untracked files below a directory, relative to it; null when Git cannot tell.</summary>
    public static async Task<IReadOnlyList<string>?> ListAsync(ToolContext context, string directory, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await GitProgram.RunAsync(
                context,
                directory,
                reads: true,
                ["ls-files", "-co", "--exclude-standard", "-z"],
                cancellationToken
            );
            return answer.ExitCode == 0 && !answer.Truncated ? answer.Output.Split('\0', StringSplitOptions.RemoveEmptyEntries) : null;
        }
        catch (ToolFailure)
        {
            // No repository or no Git: the caller walks the directories itself.
            return null;
        }
    }
}
