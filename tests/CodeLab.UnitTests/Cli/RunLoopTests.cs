using System.Text.Json;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Run;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Approvals;
using CodeLab.Client.Storage;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CodeLab.UnitTests.Client.Sessions;
using Xunit;

namespace CodeLab.UnitTests.Cli;

public sealed class RunLoopTests : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("codelab-test-");
    private readonly StringWriter _output = new() { NewLine = "\n" };
    private readonly StringWriter _error = new();
    private FakeSessionServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeSessionServer.StartAsync();
        Directory.CreateDirectory(Workspace);
        await File.WriteAllTextAsync(Path.Combine(Workspace, "a.txt"), "one\n");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private string Workspace => Path.Combine(_folder.FullName, "workspace");

    [Fact]
    public async Task A_task_runs_its_tools_and_every_line_of_json_is_an_object()
    {
        var run = RunAsync("write it", new CommonSettings { Json = true, Approve = ApprovalMode.All });
        var attach = await _server.NextAsync<AttachRequest>(SessionHubNames.Attach);
        await _server.NextAsync<SendMessageRequest>(SessionHubNames.SendMessage);
        var call = Write(2, attach, approval: true);
        await _server.TellAsync(call);
        await _server.NextAsync<DecideRequest>(SessionHubNames.Decide);
        await _server.TellAsync(call with { Seq = 3, RequiresApproval = false });
        var result = await _server.NextAsync<SubmitToolResultRequest>(SessionHubNames.SubmitToolResult);
        await _server.TellAsync(Ended(4, attach));

        Assert.Equal(0, await run);
        Assert.Null(result.Error);
        Assert.Equal("two\n", await File.ReadAllTextAsync(Path.Combine(Workspace, "a.txt"), TestContext.Current.CancellationToken));
        var lines = Lines();
        Assert.Equal(
            ["tool_call", "tool_call", "turn_completed", "run_completed"],
            lines.Select(line => line.GetProperty("type").GetString())
        );
        Assert.Equal(0, lines[^1].GetProperty("exit_code").GetInt32());
        Assert.Equal(attach.SessionId, lines[^1].GetProperty("session_id").GetString());
    }

    [Fact]
    public async Task An_approval_without_a_terminal_stops_with_three_and_says_how_to_go_on()
    {
        var run = RunAsync("write it", new CommonSettings { Json = true });
        var attach = await _server.NextAsync<AttachRequest>(SessionHubNames.Attach);
        await _server.NextAsync<SendMessageRequest>(SessionHubNames.SendMessage);
        await _server.TellAsync(Write(2, attach, approval: true));

        Assert.Equal(3, await run);
        Assert.Contains($"codelab run --session {attach.SessionId}", _error.ToString(), StringComparison.Ordinal);
        Assert.Equal(["tool_call", "run_completed"], Lines().Select(line => line.GetProperty("type").GetString()));
        Assert.Equal(3, Lines()[^1].GetProperty("exit_code").GetInt32());
        Assert.Equal("one\n", await File.ReadAllTextAsync(Path.Combine(Workspace, "a.txt"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_session_whose_approval_was_given_elsewhere_is_followed_to_its_end()
    {
        _server.OnAttach = (request, _) =>
        {
            var call = Write(2, request, approval: true);
            return Task.FromResult(
                FakeSessionServer.Empty(request.SessionId) with
                {
                    Frames =
                    [
                        new UserMessageFrame
                        {
                            SessionId = request.SessionId,
                            Seq = 1,
                            MessageId = "u",
                            Content = "write it",
                        },
                        call,
                        call with
                        {
                            Seq = 3,
                            RequiresApproval = false,
                        },
                    ],
                    LastSeq = 3,
                    OpenCalls = [call with { Seq = 3, RequiresApproval = false, Redelivered = true }],
                }
            );
        };

        var run = RunAsync(null, new CommonSettings { Json = true, Session = "s-7" });
        var attach = await _server.NextAsync<AttachRequest>(SessionHubNames.Attach);
        await _server.NextAsync<SubmitToolResultRequest>(SessionHubNames.SubmitToolResult);
        await _server.TellAsync(Ended(4, attach));

        Assert.Equal(0, await run);
        Assert.Equal("s-7", attach.SessionId);
        Assert.Equal("two\n", await File.ReadAllTextAsync(Path.Combine(Workspace, "a.txt"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_failed_turn_is_exit_code_one_with_the_servers_sentence()
    {
        var run = RunAsync("x", new CommonSettings());
        var attach = await _server.NextAsync<AttachRequest>(SessionHubNames.Attach);
        await _server.NextAsync<SendMessageRequest>(SessionHubNames.SendMessage);
        await _server.TellAsync(
            new TurnFailedFrame
            {
                SessionId = attach.SessionId,
                Seq = 2,
                TurnId = "t",
                ErrorCode = "LLM_ERROR",
                Content = "The model does not answer.",
            }
        );

        Assert.Equal(1, await run);
        Assert.Contains("The model does not answer. (LLM_ERROR)", _error.ToString(), StringComparison.Ordinal);
    }

    private async Task<int> RunAsync(string? task, CommonSettings settings)
    {
        var data = ClientDataDirectory.Open(Path.Combine(_folder.FullName, "data"));
        using var connection = new ServerConnection(data, _server.Address, new FixedToken(), TimeProvider.System);
        using var limit = new CancellationTokenSource(FakeSessionServer.Patience);
        return await RunLoop.RunAsync(connection, Workspace, settings, task, CliConsole.Over(_output, _error), limit.Token);
    }

    private List<JsonElement> Lines() =>
        [.. _output.ToString().TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement)];

    private static ToolCallFrame Write(long seq, AttachRequest attach, bool approval) =>
        new()
        {
            SessionId = attach.SessionId,
            Seq = seq,
            CallId = "c1",
            ToolName = "write_file",
            Arguments = JsonDocument.Parse("""{"path":"a.txt","content":"two\n","backup":false}""").RootElement,
            RequiresApproval = approval,
            Executor = attach.Client!.Id,
        };

    private static TurnCompletedFrame Ended(long seq, AttachRequest attach) =>
        new()
        {
            SessionId = attach.SessionId,
            Seq = seq,
            TurnId = "t",
        };
}
