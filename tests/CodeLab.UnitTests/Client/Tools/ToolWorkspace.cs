using System.Text;
using System.Text.Json;
using CodeLab.Client.Tools;
using Xunit;

namespace CodeLab.UnitTests.Client.Tools;

/// <summary>A workspace in a temporary directory, with a neighbour directory that must stay untouched.</summary>
internal sealed class ToolWorkspace : IAsyncDisposable
{
    private readonly string _base = Directory.CreateTempSubdirectory("codelab-tools-").FullName;
    private ToolJournal? _journal;
    private int _calls;

    private ToolWorkspace()
    {
        Directory.CreateDirectory(Root);
        Directory.CreateDirectory(Outside);
        File.WriteAllText(SecretFile, "secret");
    }

    public string Root => Path.Combine(_base, "work");

    public string Outside => Path.Combine(_base, "outside");

    public string SecretFile => Path.Combine(Outside, "secret.txt");

    public string JournalPath => Path.Combine(_base, "journal", "session.jsonl");

    public LocalTools Tools { get; private set; } = null!;

    public static async Task<ToolWorkspace> CreateAsync(LocalToolOptions? options = null)
    {
        var workspace = new ToolWorkspace();
        await workspace.OpenAsync(options);
        return workspace;
    }

    /// <summary>Starts again on the same journal, as after a crash.</summary>
    public async Task OpenAsync(LocalToolOptions? options = null)
    {
        await CloseAsync();
        _journal = await ToolJournal.OpenAsync(JournalPath);
        Tools = new LocalTools(WorkspaceRoot.Open(Root), options ?? new LocalToolOptions(), _journal, TimeProvider.System);
    }

    public async Task CloseAsync()
    {
        if (_journal is null)
            return;
        await Tools.DisposeAsync();
        await _journal.DisposeAsync();
        _journal = null;
    }

    public string PathOf(string relative) => Path.Combine(Root, relative);

    public string Write(string relative, string text)
    {
        var path = PathOf(relative);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text, new UTF8Encoding(false));
        return path;
    }

    public string Read(string relative) => File.ReadAllText(PathOf(relative), new UTF8Encoding(false));

    public void Link(string relative, string target) => File.CreateSymbolicLink(PathOf(relative), target);

    public ToolInvocation Call(string tool, object arguments, string? callId = null) =>
        new(callId ?? $"call_{Interlocked.Increment(ref _calls)}", tool, JsonSerializer.SerializeToElement(arguments));

    public Task<ToolOutcome> RunAsync(string tool, object arguments, string? callId = null) =>
        Tools.ExecuteAsync(Call(tool, arguments, callId), TestContext.Current.CancellationToken);

    public async Task<JsonElement> OkAsync(string tool, object arguments)
    {
        var outcome = await RunAsync(tool, arguments);
        Assert.True(outcome.Succeeded, $"{outcome.ErrorCode}: {outcome.Error}");
        return outcome.Result!.Value;
    }

    public async Task<string> FailAsync(string code, string tool, object arguments)
    {
        var outcome = await RunAsync(tool, arguments);
        Assert.Null(outcome.Result);
        Assert.Equal(code, outcome.ErrorCode);
        return outcome.Error!;
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        Directory.Delete(_base, recursive: true);
    }
}
