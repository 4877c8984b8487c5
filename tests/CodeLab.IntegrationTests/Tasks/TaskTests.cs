using CodeLab.Client.Approvals;
using CodeLab.IntegrationTests.Turns;
using CodeLab.Protocol.Frames;
using CodeLab.Testing.Databases;
using Xunit;
using static CodeLab.IntegrationTests.Gateway.Rest.RestServer;

namespace CodeLab.IntegrationTests.Tasks;

/// <summary>An agent gives a task to another: the person's client runs its calls, the person decides, and a summary comes back.</summary>
public sealed class TaskTests
{
    private const string _give = "Find out what the README says and write it to notes.txt. [[script:child]]";

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task A_task_is_done_in_a_session_of_its_own_by_the_client_above_and_its_summary_comes_back(DatabaseKind database)
    {
        await using var server = await TurnServer.StartAsync(database);
        Script(
            server,
            new
            {
                agent = "coder",
                title = "Notes",
                task = _give,
                tools = new[] { "read_file", "write_file" },
                max_steps = 5,
            }
        );
        await using var ada = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        await ada.SayAsync("Have notes made [[script:parent]]");

        var question = await ada.HearsQuestionAsync();
        using var rest = await server.Host.SignInAsync(cancellationToken: Cancel);
        var pending = await SendAsync(rest, "GET", $"/api/v1/sessions/{ada.SessionId}/pending-approvals");
        await ada.DecideAsync(question.CallId, "approve");
        await ada.HearsTheEndAsync();

        var started = Assert.Single(ada.Durable.OfType<TaskStartedFrame>());
        var ended = Assert.Single(ada.Durable.OfType<TaskEndedFrame>());
        Assert.Equal(("write_file", started.ChildId), (question.ToolName, question.TaskId));
        Assert.Equal(1, pending.Number("count"));
        Assert.Equal(("completed", "Notes are made."), (ended.Status, ended.Content));
        Assert.Equal("hello", await File.ReadAllTextAsync(Path.Combine(ada.Workspace, "notes.txt"), Cancel));
        Assert.Contains("Notes are made.", server.Fake.LastRequest.ToolResult("delegate_task"), StringComparison.Ordinal);
        // It had the tools it was given, and none to hand on.
        var child = server.Fake.ChatRequests.First(r => r.LastUserText.Contains("[[script:child]]", StringComparison.Ordinal));
        Assert.Equal(["attempt_completion", "read_file", "write_file"], child.Tools.Select(t => t.Name).Order(StringComparer.Ordinal));
        // It is a session one can read, but not one in the list.
        Assert.Equal(200, (await SendAsync(rest, "GET", $"/api/v1/sessions/{started.ChildId}/history")).Status);
        Assert.Equal(1, (await SendAsync(rest, "GET", "/api/v1/sessions")).Number("total"));
        // What it cost is in the turn's figures.
        var turn = ada.Durable.OfType<TurnCompletedFrame>().Single();
        Assert.True(turn.Usage!.InputTokens > ended.Usage!.InputTokens && ended.Usage.InputTokens > 0);
        Assert.Equal(200, (await SendAsync(rest, "POST", $"/api/v1/sessions/{ada.SessionId}/rerun")).Status);
        Assert.True((await SendAsync(rest, "POST", $"/api/v1/sessions/{ada.SessionId}/rerun")).Json.GetProperty("same").GetBoolean());
        Assert.True((await SendAsync(rest, "POST", $"/api/v1/sessions/{started.ChildId}/rerun")).Json.GetProperty("same").GetBoolean());
    }

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task A_task_survives_that_the_host_is_killed_while_it_waits_for_a_person(DatabaseKind database)
    {
        await using var server = await TurnServer.StartAsync(database);
        Script(
            server,
            new
            {
                agent = "coder",
                title = "Notes",
                task = _give,
            }
        );
        await using var ada = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        await ada.SayAsync("Have notes made [[script:parent]]");
        var question = await ada.HearsQuestionAsync();

        await server.Host.KillAsync();
        await server.Host.RestartAsync(Cancel);
        await ada.DecideAsync(question.CallId, "approve");
        await ada.HearsTheEndAsync();

        Assert.Equal("completed", ada.Durable.OfType<TaskEndedFrame>().Single().Status);
        Assert.Equal("hello", await File.ReadAllTextAsync(Path.Combine(ada.Workspace, "notes.txt"), Cancel));
        Assert.Single(ada.Durable.OfType<TaskStartedFrame>());
    }

    [Fact]
    public async Task Who_cancels_the_turn_cancels_its_task()
    {
        await using var server = await TurnServer.StartAsync();
        server.Fake.Script("child", s => s.Text("Slowly, slowly").DeltaSize(3).Hold("child", after: 1));
        server.Fake.Script(
            "parent",
            s =>
                s.ToolCall(
                        "delegate_task",
                        new
                        {
                            agent = "ask",
                            title = "Slow",
                            task = "Think [[script:child]]",
                        }
                    )
                    .Then()
                    .Text("never")
        );
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("Go [[script:parent]]");
        await server.Fake.WaitForGateAsync("child", cancellationToken: Cancel);

        await ada.Client.CancelAsync(Cancel);
        await ada.HearsAsync<TurnCancelledFrame>();
        await server.Fake.LastRequest.Ended;

        Assert.True(server.Fake.LastRequest.ClientLeft);
        using var rest = await server.Host.SignInAsync(cancellationToken: Cancel);
        var child = ada.Durable.OfType<TaskStartedFrame>().Single().ChildId;
        Assert.Equal("idle", (await SendAsync(rest, "GET", $"/api/v1/sessions/{child}")).String("status"));
    }

    [Fact]
    public async Task Tasks_have_limits_and_what_is_wrong_is_told_to_the_model()
    {
        await using var server = await TurnServer.StartAsync(
            settings: [("CodeLab__Agent__TasksPerTurn", "1"), ("CodeLab__Agent__TaskSteps", "1")]
        );
        server.Fake.Script("child", s => s.ToolCall("read_file", new { path = "README.md" }).Then().Text("never"));
        server.Fake.Script(
            "parent",
            s =>
                s.ToolCall(
                        "delegate_task",
                        new
                        {
                            agent = "ask",
                            title = "T",
                            task = "x",
                            tools = new[] { "write_file" },
                        }
                    )
                    .Then()
                    .ToolCall(
                        "delegate_task",
                        new
                        {
                            agent = "ask",
                            title = "T",
                            task = "Read [[script:child]]",
                        }
                    )
                    .Then()
                    .ToolCall(
                        "delegate_task",
                        new
                        {
                            agent = "ask",
                            title = "T",
                            task = "More [[script:child]]",
                        }
                    )
                    .Then()
                    .Text("Enough.")
        );
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("Go [[script:parent]]");
        await ada.HearsTheEndAsync();

        var results = ada.Durable.OfType<ToolResultFrame>().Select(f => f.ErrorCode).ToList();
        Assert.Equal(["INVALID_ARGUMENTS", "TASK_FAILED", "TASK_LIMIT"], results);
        Assert.Equal("failed", ada.Durable.OfType<TaskEndedFrame>().Single().Status);
    }

    private static void Script(TurnServer server, object task)
    {
        server.Fake.Script(
            "child",
            s =>
                s.ToolCall("read_file", new { path = "README.md" })
                    .Then()
                    .ToolCall("write_file", new { path = "notes.txt", content = "hello" })
                    .Then()
                    .ToolCall("attempt_completion", new { result = "Notes are made." })
        );
        server.Fake.Script("parent", s => s.ToolCall("delegate_task", task).Then().Text("They are in notes.txt."));
    }
}
