using Xunit;

namespace CodeLab.IntegrationTests.Turns;

/// <summary>What a model may try, through the real server and client: refused or bounded with words the model can read.</summary>
public sealed class JailTests
{
    [Fact]
    public async Task Whatever_the_model_asks_for_the_outside_stays_untouched_and_the_model_is_told()
    {
        await using var server = await TurnServer.StartAsync();
        await using var ada = await Developer.SitDownAsync(server.Host);
        var outside = Path.Combine(Path.GetDirectoryName(ada.Workspace)!, "outside.txt");
        await File.WriteAllTextAsync(outside, "secret", TestContext.Current.CancellationToken);
        File.CreateSymbolicLink(Path.Combine(ada.Workspace, "link.txt"), outside);
        await File.WriteAllBytesAsync(Path.Combine(ada.Workspace, "binary.dat"), [0, 1, 2, 0, 255], TestContext.Current.CancellationToken);
        await using (var big = File.Create(Path.Combine(ada.Workspace, "big.txt")))
            big.SetLength(50 * 1024 * 1024);
        (string Tool, object Arguments, string Told)[] tries =
        [
            ("read_file", new { path = "../outside.txt" }, "path"),
            ("read_file", new { path = outside }, "path"),
            ("read_file", new { path = "link.txt" }, "workspace"),
            ("write_file", new { path = "link.txt", content = "overwritten" }, "workspace"),
            ("read_file", new { path = "a\0b" }, "path"),
            ("read_file", new { path = "a\u0007b" }, "path"),
            ("read_file", new { path = "big.txt" }, "FILE_TOO_LARGE"),
            ("read_file", new { path = "binary.dat" }, "binary"),
            ("execute_command", new { command = "sleep 300 & sleep 300", timeout = 1 }, "timed_out"),
        ];
        server.Fake.Reply(script =>
        {
            foreach (var (tool, arguments, _) in tries)
                script.ToolCall(tool, arguments).Then();
            script.Text("I tried.");
        });

        await ada.SayAsync("Try it all");
        await ada.HearsTheEndAsync();

        var told = server.Fake.LastRequest.Messages.Where(m => m.Role == "tool").ToArray();
        Assert.Equal(tries.Length, told.Length);
        for (var i = 0; i < tries.Length; i++)
            Assert.Contains(tries[i].Told, told[i].Text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(told, t => t.Text.Contains("secret", StringComparison.Ordinal));
        Assert.Equal("secret", await File.ReadAllTextAsync(outside, TestContext.Current.CancellationToken));
    }
}
