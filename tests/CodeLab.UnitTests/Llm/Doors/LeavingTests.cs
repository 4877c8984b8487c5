using System.Diagnostics;
using CodeLab.FakeLlm;
using Xunit;

namespace CodeLab.UnitTests.Llm.Doors;

/// <summary>Who leaves takes the provider's work along, and pays for what was done.</summary>
public sealed class LeavingTests
{
    [Theory]
    [InlineData("chat", "openai", null)]
    [InlineData("chat", "openai", 3)]
    [InlineData("messages", "anthropic", 3)]
    [InlineData("messages", "openai", 3)]
    [InlineData("ollama", "ollama", 3)]
    [InlineData("responses", "anthropic", null)]
    public async Task Closing_the_connection_reaches_the_provider_within_200_ms(string door, string kind, int? after)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("One two three four five six").DeltaSize(4).Hold("gate", after));
        await using var doors = await DoorHost.StartAsync(kind, fake);
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var call = AskAsync(doors, door, begun, leave.Token);
        await fake.WaitForGateAsync("gate", cancellationToken: TestContext.Current.CancellationToken);
        if (after is not null)
            await begun.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        var left = Stopwatch.GetTimestamp();
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => call);

        Assert.Equal(
            RequestOutcome.ClientLeft,
            await fake.LastRequest.Ended.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)
        );
        TestContext.Current.TestOutputHelper?.WriteLine($"{Stopwatch.GetElapsedTime(left).TotalMilliseconds:0} ms");
        // 200 ms on a quiet machine; tests share theirs with others.
        Assert.InRange(Stopwatch.GetElapsedTime(left).TotalMilliseconds, 0, 2000);
        var row = Assert.Single(await doors.LedgerAsync(1));
        Assert.Equal("cancelled", row.Outcome);
        Assert.Equal(1, row.Attempts);
        Assert.True(row.IsEstimated);
        Assert.True(row.InputTokens > 0);
        Assert.Equal(after is not null, row.OutputTokens > 0);
    }

    [Fact]
    public async Task A_caller_who_reads_slowly_is_not_the_provider_s_fault()
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text(new string('z', 2_000_000)).DeltaSize(50_000));
        await using var doors = await DoorHost.StartAsync("openai", fake, ("CodeLab:Llm:Timeouts:IdleSeconds", "0.3"));

        using var response = await doors.PostAsync("/v1/chat/completions", DoorWire.Ask("chat", true, "Hi"));
        await using var body = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        // Longer than the provider may be silent.
        await Task.Delay(800, TestContext.Current.CancellationToken);
        using var reader = new StreamReader(body);
        var text = await reader.ReadToEndAsync(TestContext.Current.CancellationToken);

        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
    }

    private static async Task AskAsync(DoorHost doors, string door, TaskCompletionSource begun, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { BaseAddress = doors.Address };
        using var request = new HttpRequestMessage(HttpMethod.Post, DoorWire.Path(door))
        {
            Content = new StringContent(DoorWire.Ask(door, true, "Hi"), null, "application/json"),
        };
        request.Headers.Authorization = new("Bearer", DoorHost.Key);
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.Contains("One", StringComparison.Ordinal))
                begun.TrySetResult();
        }
        throw new InvalidOperationException("The answer ended although nobody released it");
    }
}
