using CodeLab.Client.Approvals;
using CodeLab.Client.Rest;
using CodeLab.Protocol.Frames;
using Xunit;

namespace CodeLab.IntegrationTests.Turns;

public sealed class DecisionTests
{
    [Fact]
    public async Task A_rejected_call_is_told_to_the_model_and_nothing_is_written()
    {
        await using var server = await TurnServer.StartAsync();
        server.Fake.Reply(s => s.ToolCall("write_file", new { path = "a.txt", content = "x" }).Then().Text("Understood."));
        await using var ada = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        await ada.SayAsync("Write a.txt");

        await ada.DecideAsync((await ada.HearsQuestionAsync()).CallId, "reject", feedback: "not now");
        await ada.HearsTheEndAsync();

        Assert.Contains("not now", server.Fake.LastRequest.ToolResult("write_file"), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(ada.Workspace, "a.txt")));
    }

    [Fact]
    public async Task An_edited_call_runs_as_the_person_wrote_it()
    {
        await using var server = await TurnServer.StartAsync();
        server.Fake.Reply(s => s.ToolCall("write_file", new { path = "a.txt", content = "x" }).Then().Text("Done."));
        await using var ada = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        await ada.SayAsync("Write a.txt");
        var question = await ada.HearsQuestionAsync();

        var refused = await Assert.ThrowsAsync<ServerException>(() =>
            ada.DecideAsync(question.CallId, "edit", new { path = "../b.txt", content = "y" })
        );
        await ada.DecideAsync(question.CallId, "edit", new { path = "b.txt", content = "y" });
        await ada.HearsTheEndAsync();

        Assert.Equal("INVALID_ARGUMENTS", refused.Code);
        Assert.Equal("y", await File.ReadAllTextAsync(Path.Combine(ada.Workspace, "b.txt"), TestContext.Current.CancellationToken));
        Assert.False(File.Exists(Path.Combine(ada.Workspace, "a.txt")));
    }

    [Fact]
    public async Task Always_asks_once()
    {
        await using var server = await TurnServer.StartAsync();
        server.Fake.Reply(s =>
            s.ToolCall("write_file", new { path = "a.txt", content = "x" })
                .Then()
                .ToolCall("write_file", new { path = "b.txt", content = "x" })
                .Then()
                .Text("Done.")
        );
        await using var ada = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        await ada.SayAsync("Write both");

        await ada.DecideAsync((await ada.HearsQuestionAsync()).CallId, "approve", remember: true);
        await ada.HearsTheEndAsync();

        Assert.Single(ada.Durable.OfType<ToolCallFrame>(), f => f.RequiresApproval);
        Assert.True(File.Exists(Path.Combine(ada.Workspace, "b.txt")));
    }

    [Fact]
    public async Task Cancel_reaches_the_provider_and_keeps_what_was_written()
    {
        await using var server = await TurnServer.StartAsync();
        server.Fake.Reply(s => s.Text("Roses are red, violets are blue").DeltaSize(5).Hold("poem", after: 2));
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("A poem");
        await server.Fake.WaitForGateAsync("poem", cancellationToken: TestContext.Current.CancellationToken);
        await ada.HearsAsync<AssistantMessageFrame>(f => f.Token is not null);

        await ada.Client.CancelAsync(TestContext.Current.CancellationToken);
        await ada.HearsAsync<TurnCancelledFrame>();
        await server.Fake.LastRequest.Ended;

        Assert.True(server.Fake.LastRequest.ClientLeft);
        Assert.StartsWith("Roses", Assert.Single(ada.Durable.OfType<AssistantMessageFrame>()).Content, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failing_provider_ends_the_turn_and_the_session_stays_usable()
    {
        await using var server = await TurnServer.StartAsync(settings: ("CodeLab__Llm__Retries__DelayMilliseconds", "10"));
        server.Fake.Script("broken", s => s.Text("never").Fails(FakeLlm.Fault.Http(500)));
        server.Fake.Reply(s => s.Text("Here I am."));
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("Say something [[script:broken]]");

        var failed = await ada.HearsAsync<TurnFailedFrame>();
        server.Fake.Script("broken", s => s.Text("Here I am."));
        await ada.SayAsync("And now?");
        await ada.HearsTheEndAsync();

        Assert.Equal("PROVIDER_ERROR", failed.ErrorCode);
        Assert.Equal("Here I am.", ada.Durable.OfType<AssistantMessageFrame>().Last().Content);
    }
}
