using CodeLab.Client.Approvals;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Testing.Databases;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Turns;

/// <summary>
/// The host is killed with five sessions in five places at once: input acknowledged, model streaming, awaiting approval, dispatched, result
/// acknowledged. Started again, every one of them goes on by itself to its end (security.md G4, G5, §11.6).
/// </summary>
public sealed class CrashTests
{
    private const int _rounds = 2;
    private const string _command = "echo ran >> ran.txt";

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task Killed_in_the_middle_of_five_turns_the_server_goes_on_with_all_of_them(DatabaseKind database)
    {
        await using var server = await TurnServer.StartAsync(database);
        for (var round = 0; round < _rounds; round++)
            await KillAndGoOnAsync(server, round);
    }

    private static async Task KillAndGoOnAsync(TurnServer server, int round)
    {
        var (fake, host) = (server.Fake, server.Host);
        string Name(string point) => $"{point}-{round}";
        foreach (var point in new[] { "input", "streaming", "approval", "dispatched", "result" })
        {
            fake.Script(
                Name(point),
                script =>
                {
                    var first = script.Text("I will run the command and tell you what it says.").DeltaSize(6);
                    if (point == "input")
                        first = first.Hold(Name("input"));
                    if (point == "streaming")
                        first = first.Hold(Name("streaming"), after: 3);
                    var second = first.ToolCall("execute_command", new { command = _command }).Then().Text("All done.");
                    if (point == "result")
                        second.Hold(Name("result"));
                }
            );
        }
        var hostIsBack = new TaskCompletionSource();
        var started = new TaskCompletionSource();
        await using var input = await Developer.SitDownAsync(host);
        await using var streaming = await Developer.SitDownAsync(host);
        await using var approval = await Developer.SitDownAsync(host, approvals: ApprovalMode.Ask);
        await using var dispatched = await Developer.SitDownAsync(
            host,
            before: _ =>
            {
                started.TrySetResult();
                return hostIsBack.Task;
            }
        );
        await using var result = await Developer.SitDownAsync(host);
        (Developer Who, string Point)[] all =
        [
            (input, "input"),
            (streaming, "streaming"),
            (approval, "approval"),
            (dispatched, "dispatched"),
            (result, "result"),
        ];

        foreach (var (who, point) in all)
            Assert.False((await who.SayAsync($"Please run it [[script:{Name(point)}]]", Name(point))).Duplicate);
        await fake.WaitForGateAsync(Name("streaming"));
        await streaming.HearsAsync<AssistantMessageFrame>(f => f.Token is not null);
        var question = await approval.HearsQuestionAsync();
        await started.Task;
        await result.HearsAsync<ToolResultFrame>();
        await fake.WaitForGateAsync(Name("result"));
        await fake.WaitForGateAsync(Name("input"));

        await host.KillAsync();
        foreach (var gate in new[] { "input", "streaming", "result" })
            fake.Release(Name(gate));
        await host.RestartAsync();
        hostIsBack.SetResult();
        await approval.DecideAsync(question.CallId, "approve");

        using var rest = await host.SignInAsync();
        foreach (var (who, point) in all)
        {
            await who.HearsTheEndAsync();
            Assert.Equal((point, 1), (point, who.Lines("ran.txt")));
            await CheckHistoryAsync(rest, who, Name(point));
            CheckFrames(who);
            var asked = fake.ChatRequests.Count(r =>
                !r.IsRouting && r.LastUserText.Contains($"[[script:{Name(point)}]]", StringComparison.Ordinal)
            );
            Assert.InRange(asked, 2, 3);
            // The same message again changes nothing: what was acknowledged is known for good.
            Assert.True((await who.SayAsync("again", Name(point))).Duplicate);
        }
    }

    private static async Task CheckHistoryAsync(HttpClient rest, Developer who, string messageId)
    {
        var history = await rest.GetAsync($"/api/v1/sessions/{who.SessionId}/history", ProtocolJson.Default.SessionHistory);
        Assert.Single(history.Messages, m => m.Role == "user" && m.Id == messageId);
        var call = Assert.Single(history.Messages.SelectMany(m => m.ToolCalls ?? []));
        Assert.Single(history.Messages, m => m.Role == "tool" && m.ToolCallId == call.Id);
        Assert.Equal("All done.", history.Messages[^1].Content);
    }

    private static void CheckFrames(Developer who)
    {
        var seqs = who.Durable.Select(f => f.Seq!.Value).ToArray();
        Assert.Equal(seqs.Distinct().Order(), seqs);
        Assert.Single(who.Durable.OfType<TurnCompletedFrame>());
        Assert.Single(who.Durable.OfType<ToolResultFrame>());
    }
}
