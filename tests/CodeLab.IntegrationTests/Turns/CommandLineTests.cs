using System.Diagnostics;
using System.Net;
using System.Text.Json;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Turns;

/// <summary>The <c>codelab</c> program as a person and a script use it.</summary>
public sealed class CommandLineTests
{
    private const string _diff = "<<<<<<< SEARCH\n# Sample\n=======\n# Sample\n\nA line from the model.\n>>>>>>> REPLACE\n";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Up_with_a_task_and_no_key_edits_the_file_with_the_demo_model()
    {
        using var folder = new Folder();

        var run = await folder.RunAsync("up", "--task", "add a line to README", "--approve", "all");

        Assert.Equal((0, ""), (run.ExitCode, run.ExitCode == 0 ? "" : run.Errors));
        Assert.Contains("codelab-demo", run.Errors + run.Output, StringComparison.Ordinal);
        var lines = await File.ReadAllLinesAsync(folder.Readme, Cancel);
        Assert.Equal(4, lines.Length);
        Assert.Equal(["# Sample", "", "Hello."], lines[..3]);
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    [InlineData("ollama")]
    public async Task Run_works_through_a_scripted_turn_with_every_kind_of_provider(string provider)
    {
        await using var server = await TurnServer.StartAsync(provider: provider);
        server.Fake.Reply(s =>
            s.Text("I look.")
                .ToolCall("list_files", new { path = "." })
                .Then()
                .ToolCall("read_file", new { path = "README.md" })
                .Then()
                .ToolCall("apply_diff", new { path = "README.md", diff = _diff })
                .Then()
                .ToolCall("execute_command", new { command = "cat README.md" })
                .Then()
                .Text("The line is there.")
        );
        using var folder = new Folder();
        await folder.LoginAsync(server.Host);

        var run = await folder.RunAsync("run", "add a line", "--approve", "all", "--json", "--server", server.Host.BaseAddress.AbsoluteUri);

        Assert.Equal((0, ""), (run.ExitCode, run.ExitCode == 0 ? "" : run.Errors + run.Output));
        Assert.Equal("# Sample\n\nA line from the model.\n\nHello.\n", await File.ReadAllTextAsync(folder.Readme, Cancel));
        var lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement).ToArray();
        Assert.All(lines, l => Assert.Equal(JsonValueKind.Object, l.ValueKind));
        Assert.Equal(("run_completed", 0), (lines[^1].GetProperty("type").GetString(), lines[^1].GetProperty("exit_code").GetInt32()));
        // The model saw what its command printed.
        Assert.Contains("A line from the model.", server.Fake.LastRequest.ToolResult("execute_command"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_terminal_a_question_stops_the_run_and_an_answer_by_rest_lets_it_finish()
    {
        await using var server = await TurnServer.StartAsync();
        server.Fake.Reply(s => s.ToolCall("write_file", new { path = "new.txt", content = "hello" }).Then().Text("Written."));
        using var folder = new Folder();
        await folder.LoginAsync(server.Host);
        string[] where = ["--server", server.Host.BaseAddress.AbsoluteUri];
        var rest = await server.Host.SignInAsync(cancellationToken: Cancel);

        var stopped = await folder.RunAsync(["run", "write it", "--approve", "ask", .. where]);
        Assert.Equal(3, stopped.ExitCode);
        Assert.False(File.Exists(Path.Combine(folder.Workspace, "new.txt")));
        var session = (await rest.GetAsync("/api/v1/sessions", ProtocolJson.Default.SessionList, Cancel)).Sessions[0].Id;
        Assert.Contains(session, stopped.Errors, StringComparison.Ordinal);
        var waiting = await rest.GetAsync(
            $"/api/v1/sessions/{session}/pending-approvals",
            ProtocolJson.Default.PendingApprovalList,
            Cancel
        );
        var approval = Assert.Single(waiting.PendingApprovals);
        await rest.PostAsync(
            $"/api/v1/sessions/{session}/hitl-decision",
            new HitlDecisionBody { CallId = approval.CallId, Decision = "approve" },
            ProtocolJson.Default.HitlDecisionBody,
            ProtocolJson.Default.HitlDecisionAnswer,
            Cancel
        );
        var finished = await folder.RunAsync(["run", "--session", session, .. where]);

        Assert.Equal((0, ""), (finished.ExitCode, finished.ExitCode == 0 ? "" : finished.Errors + finished.Output));
        Assert.Equal("hello", await File.ReadAllTextAsync(Path.Combine(folder.Workspace, "new.txt"), Cancel));
    }

    [Fact]
    public async Task A_session_goes_to_a_file_comes_back_and_is_forked()
    {
        await using var server = await TurnServer.StartAsync();
        server.Fake.Reply(s => s.Text("Hello yourself."));
        using var folder = new Folder();
        await folder.LoginAsync(server.Host);
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("Hello");
        await ada.HearsTheEndAsync();
        string[] where = ["--server", server.Host.BaseAddress.AbsoluteUri];
        var file = Path.Combine(folder.Workspace, "s.jsonl");

        var printed = await folder.DataAsync(["sessions", "export", ada.SessionId, .. where]);
        var written = await folder.DataAsync(["sessions", "export", ada.SessionId, "--output", file, .. where]);
        var imported = await folder.DataAsync(["sessions", "import", file, "--json", .. where]);
        var fork = await folder.DataAsync(["sessions", "fork", ada.SessionId, "--at", "3", "--title", "Mine", .. where]);
        await File.AppendAllTextAsync(file, "{}\n", Cancel);
        var refused = await folder.DataAsync(["sessions", "import", file, .. where]);

        Assert.Equal((0, 0, 0, 0), (printed.ExitCode, written.ExitCode, imported.ExitCode, fork.ExitCode));
        var lines = (await File.ReadAllLinesAsync(file, Cancel))[..^1];
        Assert.Equal(lines[1..], printed.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..]);
        Assert.Equal("import", JsonDocument.Parse(imported.Output).RootElement.GetProperty("parent_kind").GetString());
        var rest = await server.Host.SignInAsync(cancellationToken: Cancel);
        var made = await rest.GetAsync("/api/v1/sessions/" + fork.Output.Trim(), ProtocolJson.Default.SessionDetail, Cancel);
        Assert.Equal(("Mine", 3L, ada.SessionId), (made.Title, made.ParentSeq, made.ParentId));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("INVALID_EXPORT", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_sign_in_the_exit_code_says_so()
    {
        await using var server = await TurnServer.StartAsync();
        using var folder = new Folder();

        var run = await folder.RunAsync("run", "anything", "--server", server.Host.BaseAddress.AbsoluteUri);

        Assert.Equal(4, run.ExitCode);
        Assert.Contains("codelab login", run.Errors, StringComparison.Ordinal);
    }

    /// <summary>A project folder and a data folder of its own.</summary>
    private sealed class Folder : IDisposable
    {
        private readonly string _root = Directory.CreateTempSubdirectory("codelab-cli-").FullName;

        public Folder()
        {
            Directory.CreateDirectory(Workspace);
            File.WriteAllText(Readme, "# Sample\n\nHello.\n");
        }

        public string Workspace => Path.Combine(_root, "workspace");

        public string Readme => Path.Combine(Workspace, "README.md");

        public async Task LoginAsync(CodeLabServer server)
        {
            string[] arguments =
            [
                "login",
                "--server",
                server.BaseAddress.AbsoluteUri,
                "--username",
                CodeLabServer.AdminName,
                "--password-stdin",
                "--data",
                Path.Combine(_root, "data"),
            ];
            var run = await StartAsync(arguments, CodeLabServer.AdminPassword);
            Assert.Equal((0, ""), (run.ExitCode, run.ExitCode == 0 ? "" : run.Errors));
        }

        public Task<(int ExitCode, string Output, string Errors)> RunAsync(params string[] arguments) =>
            StartAsync([.. arguments, "--workspace", Workspace, "--data", Path.Combine(_root, "data")], "");

        /// <summary>Runs a command that has no workspace.</summary>
        public Task<(int ExitCode, string Output, string Errors)> DataAsync(params string[] arguments) =>
            StartAsync([.. arguments, "--data", Path.Combine(_root, "data")], "");

        public void Dispose() => Directory.Delete(_root, recursive: true);

        private static async Task<(int ExitCode, string Output, string Errors)> StartAsync(string[] arguments, string input)
        {
            // Its own folder, with its own libraries: the copy beside the tests has theirs.
            var here = AppContext.BaseDirectory.TrimEnd('/');
            var program = Path.GetFullPath(
                Path.Combine(
                    here,
                    "../../../../..",
                    "src/CodeLab.Cli/bin",
                    Path.GetFileName(Path.GetDirectoryName(here)!),
                    Path.GetFileName(here),
                    "codelab.dll"
                )
            );
            var start = new ProcessStartInfo("dotnet", [program, .. arguments])
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            // The machine's own models are not this test's business.
            foreach (
                var name in new[] { "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OLLAMA_BASE_URL" }
            )
                start.Environment.Remove(name);
            start.Environment["CodeLab__Llm__Ollama__Probe"] = "false";
            using var process = Process.Start(start)!;
            await process.StandardInput.WriteLineAsync(input);
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(Cancel);
            var errors = process.StandardError.ReadToEndAsync(Cancel);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            patience.CancelAfter(TimeSpan.FromSeconds(60));
            try
            {
                await process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                throw;
            }
            return (process.ExitCode, await output, await errors);
        }
    }
}
