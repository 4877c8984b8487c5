using CodeLab.Client.Approvals;
using CodeLab.IntegrationTests.Gateway.Rest;
using CodeLab.IntegrationTests.Turns;
using CodeLab.Protocol.Frames;
using CodeLab.Testing.Databases;
using Xunit;
using static CodeLab.IntegrationTests.Gateway.Rest.RestServer;

namespace CodeLab.IntegrationTests.Transfer;

/// <summary>
/// Real turns against the fake model, played again by the server that just lived through them: nothing may come out otherwise. With
/// CODELAB_TESTS_RECORD=1 they are kept as the recordings of <c>RecordedSessionTests</c>, which every later version has to decide alike.
/// </summary>
public sealed class RecordingTests
{
    private static readonly bool _record = Environment.GetEnvironmentVariable("CODELAB_TESTS_RECORD") == "1";

    private static readonly Dictionary<string, Func<TurnServer, Task<string>>> _scenes = new(StringComparer.Ordinal)
    {
        ["reading"] = ReadingAsync,
        ["approvals"] = ApprovalsAsync,
        ["routing"] = RoutingAsync,
        ["refusals"] = RefusalsAsync,
        ["question"] = QuestionAsync,
        ["interruptions"] = InterruptionsAsync,
        ["failures"] = FailuresAsync,
        ["restart"] = RestartAsync,
    };

    public static TheoryData<string> Scenes => [.. _scenes.Keys];

    [Theory, MemberData(nameof(Scenes))]
    public async Task What_was_lived_through_comes_out_the_same(string scene)
    {
        await using var server = await RestServer.StartAsync();
        var session = await _scenes[scene](server);
        using var ada = await server.Host.SignInAsync(cancellationToken: Cancel);

        var again = await SendAsync(ada, "POST", $"/api/v1/sessions/{session}/rerun", """{"strict_prompt":true}""");

        Assert.Equal(200, again.Status);
        Assert.True(again.Json.GetProperty("same").GetBoolean(), again.Text);
        Assert.Equal(again.Number("events"), again.Number("compared"));
        if (_record)
            await KeepAsync(scene, (await SendAsync(ada, "GET", $"/api/v1/sessions/{session}/export")).Text);
    }

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task Another_policy_is_told_by_the_first_event_it_changes(DatabaseKind database)
    {
        await using var server = await RestServer.StartAsync(database);
        var session = await ReadingAsync(server);
        using var ada = await server.Host.SignInAsync(cancellationToken: Cancel);
        var asked = server.Fake.Requests.Count;
        var path = $"/api/v1/sessions/{session}/rerun";

        var stricter = await SendAsync(ada, "POST", path, """{"autonomy":"paranoid"}""");
        var forbidden = await SendAsync(
            ada,
            "POST",
            path,
            """{"rules":[{"level":"organisation","effect":"deny","when":{"tools":["list_files"]}}]}"""
        );
        var same = await SendAsync(ada, "POST", path);
        var wrong = await SendAsync(ada, "POST", path, """{"autonomy":"reckless"}""");
        var noRule = await SendAsync(ada, "POST", path, """{"rules":[{"level":"galaxy"}]}""");

        var first = stricter.Json.GetProperty("difference");
        Assert.False(stricter.Json.GetProperty("same").GetBoolean());
        Assert.Equal(("tool.allowed", "approval.requested"), (Text(first, "kind"), Text(first, "actual_kind")));
        Assert.Equal("read_file", Text(first.GetProperty("expected"), "tool_name"));
        Assert.Equal(first.GetProperty("seq").GetInt64() - 1, stricter.Number("compared"));
        var denied = forbidden.Json.GetProperty("difference");
        Assert.Equal("list_files", Text(denied.GetProperty("actual"), "tool_name"));
        Assert.Equal("POLICY_DENIED", Text(denied.GetProperty("actual"), "error_code"));
        Assert.True(same.Json.GetProperty("same").GetBoolean());
        Assert.Equal((400, "INVALID_LEVEL"), (wrong.Status, wrong.Code));
        Assert.Equal((400, "INVALID_RULE"), (noRule.Status, noRule.Code));
        // Nothing was called and nothing written.
        Assert.Equal(asked, server.Fake.Requests.Count);
        Assert.Equal(same.Number("events"), (await SendAsync(ada, "POST", path)).Number("events"));
    }

    private static string? Text(System.Text.Json.JsonElement from, string name) => from.GetProperty(name).GetString();

    private static async Task<string> ReadingAsync(TurnServer server)
    {
        server.Fake.Reply(s =>
            s.Text("I look.")
                .ToolCall("read_file", new { path = "README.md" })
                .Then()
                .ToolCall("list_files", new { path = "." })
                .ToolCall("search_in_code", new { query = "Hello" })
                .Then()
                .Text("It says hello.")
        );
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("What does it say?");
        await ada.HearsTheEndAsync();
        return ada.SessionId;
    }

    private static async Task<string> ApprovalsAsync(TurnServer server)
    {
        var (ada, waiting) = await LiveAsync(server);
        await using var sitting = ada;
        await ada.DecideAsync(waiting, "approve", remember: true);
        await ada.HearsEndsAsync(2);
        return ada.SessionId;
    }

    private static async Task<string> RoutingAsync(TurnServer server)
    {
        server.Fake.Route("architect");
        server.Fake.Reply(s =>
            s.ToolCall("write_file", new { path = "code.cs", content = "x" })
                .Then()
                .ToolCall("switch_mode", new { mode = "debug", reason = "It does not build" })
                .Then()
                .ToolCall("attempt_completion", new { result = "Found it." })
        );
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.Client.SendAsync("Draw up a plan and see why it fails", cancellationToken: Cancel);
        await ada.HearsTheEndAsync();
        server.Fake.Route(null);
        server.Fake.Reply(s => s.Text("So."));
        return ada.SessionId;
    }

    private static async Task<string> RefusalsAsync(TurnServer server)
    {
        server.Fake.Reply(s =>
            s.ToolCall("no_such_tool", new { x = 1 })
                .ToolCall("read_file", new { path = "../../etc/passwd" })
                .ToolCall("read_file", new { file = 7 })
                .Then()
                .ToolCall("read_file", new { path = "README.md" })
                .Then()
                .ToolCall("read_file", new { path = "README.md" })
                .Then()
                .ToolCall("read_file", new { path = "README.md" })
                .Then()
                .ToolCall("read_file", new { path = "README.md" })
                .Then()
                .ToolCall("read_file", new { path = "missing.txt" })
                .Then()
                .Text("I give up.")
        );
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("Try everything");
        await ada.HearsTheEndAsync();
        return ada.SessionId;
    }

    private static async Task<string> QuestionAsync(TurnServer server)
    {
        server.Fake.Reply(s =>
            s.ToolCall("ask_followup_question", new { question = "Tabs or spaces?", suggestions = new[] { "Tabs", "Spaces" } })
                .Then()
                .Text("Spaces it is.")
        );
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("Format it");
        await ada.HearsTheEndAsync();
        await ada.SayAsync("Spaces");
        await ada.HearsEndsAsync(2);
        return ada.SessionId;
    }

    private static async Task<string> InterruptionsAsync(TurnServer server)
    {
        server.Fake.Script("long", s => s.Text("Roses are red, violets are blue").DeltaSize(5).Hold("poem", after: 2));
        server.Fake.Script("next", s => s.Text("Very well."));
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("A poem [[script:long]]");
        await server.Fake.WaitForGateAsync("poem", cancellationToken: Cancel);
        await ada.HearsAsync<AssistantMessageFrame>(f => f.Token is not null);
        await ada.SayAsync("Wait [[script:next]]", whenBusy: "queue");
        await ada.SayAsync("Shorter [[script:next]]", whenBusy: "steer");
        await ada.SayAsync("Stop that [[script:next]]", whenBusy: "interrupt");
        await ada.HearsEndsAsync(2);
        await ada.SayAsync("Another poem [[script:long]]");
        await server.Fake.WaitForGateAsync("poem", 2, cancellationToken: Cancel);
        await ada.Client.CancelAsync(Cancel);
        await ada.HearsAsync<TurnCancelledFrame>();
        server.Fake.Release("poem");
        return ada.SessionId;
    }

    private static async Task<string> FailuresAsync(TurnServer server)
    {
        server.Fake.Script("broken", s => s.Text("never").Fails(FakeLlm.Fault.Http(500)));
        server.Fake.Script("well", s => s.ToolCall("execute_command", new { command = "exit 3" }).Then().Text("It failed."));
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("Fail [[script:broken]]");
        await ada.HearsAsync<TurnFailedFrame>();
        await ada.SayAsync("Run it [[script:well]]");
        await ada.HearsTheEndAsync();
        return ada.SessionId;
    }

    private static async Task<string> RestartAsync(TurnServer server)
    {
        server.Fake.Script("held", s => s.Text("Slowly").DeltaSize(2).Hold("slow", after: 1).Then().Text("never"));
        server.Fake.Script("ask", s => s.ToolCall("write_file", new { path = "a.txt", content = "x" }).Then().Text("Written."));
        await using var ada = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        await ada.SayAsync("Slowly [[script:held]]");
        await server.Fake.WaitForGateAsync("slow", cancellationToken: Cancel);
        await server.Host.KillAsync();
        server.Fake.Release("slow");
        await server.Host.RestartAsync(Cancel);
        await ada.HearsTheEndAsync();
        await ada.SayAsync("Write [[script:ask]]");
        var question = await ada.HearsQuestionAsync();
        await server.Host.KillAsync();
        await server.Host.RestartAsync(Cancel);
        await ada.DecideAsync(question.CallId, "approve");
        await ada.HearsEndsAsync(2);
        return ada.SessionId;
    }

    private static Task KeepAsync(string scene, string lines) =>
        File.WriteAllTextAsync(
            Path.GetFullPath(
                Path.Combine(AppContext.BaseDirectory, "../../../../..", "tests/CodeLab.UnitTests/Agent/Rerun/Recordings", scene + ".jsonl")
            ),
            lines,
            Cancel
        );
}
