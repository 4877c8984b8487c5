using CodeLab.Client.Sessions;
using CodeLab.Protocol.Frames;
using Xunit;

namespace CodeLab.IntegrationTests.Turns;

public sealed class AttachTests
{
    [Fact]
    public async Task Two_clients_see_the_same_frames_in_the_same_order()
    {
        await using var server = await TurnServer.StartAsync();
        server.Fake.Reply(s =>
            s.Text("I look.")
                .ToolCall("list_files", new { path = "." })
                .ToolCall("read_file", new { path = "README.md" })
                .Then()
                .Text("That is all.")
        );
        await using var ada = await Developer.SitDownAsync(server.Host);
        await using var watcher = await Developer.SitDownAsync(server.Host, ada.SessionId, watchOnly: true);

        await ada.SayAsync("Look around");
        await ada.HearsTheEndAsync();
        await watcher.HearsTheEndAsync();
        await using var late = await Developer.SitDownAsync(server.Host, ada.SessionId, watchOnly: true);
        await late.HearsTheEndAsync();

        Assert.Equal(Shape(ada), Shape(watcher));
        Assert.Equal(Shape(ada), Shape(late));
    }

    [Fact]
    public async Task A_client_that_comes_in_the_middle_of_a_text_has_all_of_it_once()
    {
        const string text = "The quick brown fox jumps over the lazy dog, and then it does so again and again until it is tired.";
        await using var server = await TurnServer.StartAsync();
        server.Fake.Reply(s => s.Text(text).DeltaSize(3).Hold("middle", after: 12));
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("Tell me");
        await server.Fake.WaitForGateAsync("middle", cancellationToken: TestContext.Current.CancellationToken);
        await ada.HearsAsync<AssistantMessageFrame>(f => f.Token is not null);

        await using var second = await Developer.SitDownAsync(server.Host, ada.SessionId, watchOnly: true);
        server.Fake.Release("middle");

        foreach (var who in new[] { ada, second })
        {
            await who.HearsTheEndAsync();
            Assert.Equal(text, Assert.Single(who.Durable.OfType<AssistantMessageFrame>()).Content);
            // Whatever was on the screen at any moment was a beginning of the text: no gap, no repeat.
            foreach (var seen in who.Heard.Select(u => u.State.Streaming?.ToString()).OfType<string>())
                Assert.StartsWith(seen, text, StringComparison.Ordinal);
        }
        Assert.Contains(second.Heard, u => u.State.Streaming is { Length: > 0 });
    }

    [Fact]
    public async Task A_client_cut_off_by_a_restart_in_mid_text_has_it_whole_in_the_end()
    {
        const string text = "One two three four five six seven eight nine ten eleven twelve.";
        await using var server = await TurnServer.StartAsync();
        server.Fake.Reply(s => s.Text(text).DeltaSize(4).Hold("cut", after: 5));
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("Count");
        await server.Fake.WaitForGateAsync("cut", cancellationToken: TestContext.Current.CancellationToken);
        await ada.HearsAsync<AssistantMessageFrame>(f => f.Token is not null);

        await server.Host.StopAsync(TestContext.Current.CancellationToken);
        server.Fake.Release("cut");
        await server.Host.RestartAsync(TestContext.Current.CancellationToken);

        await ada.HearsTheEndAsync();
        Assert.Equal(text, Assert.Single(ada.Durable.OfType<AssistantMessageFrame>()).Content);
        Assert.Contains(ada.Heard, u => u is SessionUpdate.Attached { First: false });
    }

    private static string[] Shape(Developer who) => [.. who.Durable.Select(f => $"{f.Seq} {f.GetType().Name}")];
}
