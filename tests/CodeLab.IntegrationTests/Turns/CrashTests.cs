using CodeLab.Client.Approvals;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Testing.Databases;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Turns;

/// <summary>
/// The host is killed with a session at every commit point at once: input acknowledged, model streaming, a message queued behind a turn, a
/// message that steers it, awaiting approval, decided and dispatched, dispatched, result acknowledged. Started again, every one of them goes
/// on by itself to its end (security.md G4, G5, §11.6).
/// </summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    // Twice in every run, twenty times in the full one.
    private static readonly int _rounds = Environment.GetEnvironmentVariable("CODELAB_TESTS_FULL") == "1" ? 20 : 2;
    private const string _command = "echo ran >> ran.txt";

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task Killed_in_the_middle_of_eight_turns_the_server_goes_on_with_all_of_them(DatabaseKind database)
    {
        await using var server = await TurnServer.StartAsync(database);
        var counts = new Counts();
        for (var round = 0; round < _rounds; round++)
            await KillAndGoOnAsync(server, round, counts);
        output.WriteLine(
            $"{database}: {_rounds} kills, {counts.Inputs} inputs acknowledged and {counts.Found} found, "
                + $"{counts.Calls} calls dispatched, {counts.Runs} run, {counts.Ends} ended, {counts.Turns} turns finished"
        );
        Assert.Equal(counts.Inputs, counts.Found);
        Assert.Equal((counts.Calls, counts.Calls), (counts.Runs, counts.Ends));
    }

    private sealed class Counts
    {
        public int Inputs { get; set; }
        public int Found { get; set; }
        public int Calls { get; set; }
        public int Runs { get; set; }
        public int Ends { get; set; }
        public int Turns { get; set; }
    }

    private static async Task KillAndGoOnAsync(TurnServer server, int round, Counts counts)
    {
        var (fake, host) = (server.Fake, server.Host);
        string Name(string point) => $"{point}-{round}";
        foreach (var point in new[] { "input", "streaming", "queued", "steered", "approval", "decided", "dispatched", "result" })
        {
            fake.Script(
                Name(point),
                script =>
                {
                    var first = script.Text("I will run the command and tell you what it says.").DeltaSize(6);
                    if (point == "input")
                        first = first.Hold(Name("input"));
                    if (point is "streaming" or "queued" or "steered")
                        first = first.Hold(Name(point), after: 3);
                    var second = first.ToolCall("execute_command", new { command = _command }).Then().Text("All done.");
                    if (point == "result")
                        second.Hold(Name("result"));
                }
            );
        }
        fake.Script(Name("after"), script => script.Text("All done."));
        var hostIsBack = new TaskCompletionSource();
        var started = new TaskCompletionSource();
        await using var input = await Developer.SitDownAsync(host);
        await using var streaming = await Developer.SitDownAsync(host);
        await using var queued = await Developer.SitDownAsync(host);
        await using var steered = await Developer.SitDownAsync(host);
        await using var approval = await Developer.SitDownAsync(host, approvals: ApprovalMode.Ask);
        var decidedStarted = new TaskCompletionSource();
        await using var decided = await Developer.SitDownAsync(
            host,
            approvals: ApprovalMode.Ask,
            before: _ =>
            {
                decidedStarted.TrySetResult();
                return hostIsBack.Task;
            }
        );
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
            (queued, "queued"),
            (steered, "steered"),
            (approval, "approval"),
            (decided, "decided"),
            (dispatched, "dispatched"),
            (result, "result"),
        ];

        foreach (var (who, point) in all)
            Assert.False((await who.SayAsync($"Please run it [[script:{Name(point)}]]", Name(point))).Duplicate);
        await fake.WaitForGateAsync(Name("streaming"));
        await streaming.HearsAsync<AssistantMessageFrame>(f => f.Token is not null);
        await fake.WaitForGateAsync(Name("queued"));
        await fake.WaitForGateAsync(Name("steered"));
        await queued.SayAsync($"And then this [[script:{Name("after")}]]", Name("queued-2"));
        await steered.SayAsync("Mind the tests", Name("steered-2"), whenBusy: "steer");
        var question = await approval.HearsQuestionAsync();
        await decided.DecideAsync((await decided.HearsQuestionAsync()).CallId, "approve");
        await decidedStarted.Task;
        await started.Task;
        await result.HearsAsync<ToolResultFrame>();
        await fake.WaitForGateAsync(Name("result"));
        await fake.WaitForGateAsync(Name("input"));

        await host.KillAsync();
        foreach (var gate in new[] { "input", "streaming", "queued", "steered", "result" })
            fake.Release(Name(gate));
        await host.RestartAsync();
        hostIsBack.SetResult();
        await approval.DecideAsync(question.CallId, "approve");

        using var rest = await host.SignInAsync();
        foreach (var (who, point) in all)
        {
            var turns = point == "queued" ? 2 : 1;
            await who.HearsEndsAsync(turns);
            if (who.Lines("ran.txt") != 1)
                Assert.Fail($"{point} ran {who.Lines("ran.txt")} times:\n{who.Transcript}");
            string[] said = point is "queued" or "steered" ? [Name(point), Name(point + "-2")] : [Name(point)];
            await CheckHistoryAsync(rest, who, said);
            CheckFrames(who, turns);
            counts.Inputs += said.Length;
            counts.Found += said.Length;
            counts.Turns += turns;
            counts.Calls += who.Durable.OfType<ToolCallFrame>().Count(f => !f.RequiresApproval);
            counts.Runs += who.Lines("ran.txt");
            counts.Ends += who.Durable.OfType<ToolResultFrame>().Count();
            var asked = fake.ChatRequests.Count(r =>
                !r.IsRouting && r.LastUserText.Contains($"[[script:{Name(point)}]]", StringComparison.Ordinal)
            );
            Assert.InRange(asked, 2, 3);
            // The same message again changes nothing: what was acknowledged is known for good.
            Assert.True((await who.SayAsync("again", Name(point))).Duplicate);
        }
    }

    private static async Task CheckHistoryAsync(HttpClient rest, Developer who, string[] said)
    {
        var history = await rest.GetAsync($"/api/v1/sessions/{who.SessionId}/history", ProtocolJson.Default.SessionHistory);
        Assert.Equal(said, history.Messages.Where(m => m.Role == "user").Select(m => m.Id));
        var call = Assert.Single(history.Messages.SelectMany(m => m.ToolCalls ?? []));
        Assert.Single(history.Messages, m => m.Role == "tool" && m.ToolCallId == call.Id);
        Assert.Equal("All done.", history.Messages[^1].Content);
    }

    private static void CheckFrames(Developer who, int turns)
    {
        var seqs = who.Durable.Select(f => f.Seq!.Value).ToArray();
        Assert.Equal(seqs.Distinct().Order(), seqs);
        Assert.Equal(turns, who.Durable.OfType<TurnCompletedFrame>().Count());
        Assert.Single(who.Durable.OfType<ToolResultFrame>());
    }
}
