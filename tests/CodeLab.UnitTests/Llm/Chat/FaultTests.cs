using CodeLab.FakeLlm;
using CodeLab.Modules.Llm.Chat;
using Microsoft.Extensions.AI;
using Xunit;

namespace CodeLab.UnitTests.Llm.Chat;

/// <summary>Whatever a provider does, a call ends in one typed failure, in time, and is on record (G12).</summary>
public sealed class FaultTests
{
    private static readonly (string, string)[] _short =
    [
        ("CodeLab:Llm:Timeouts:FirstByteSeconds", "0.5"),
        ("CodeLab:Llm:Timeouts:IdleSeconds", "0.5"),
        ("CodeLab:Llm:Timeouts:TotalSeconds", "30"),
    ];

    private static readonly Dictionary<string, (Fault Fault, string Code, int Tries)> _table = new()
    {
        ["400"] = (Fault.Http(400), "INVALID_REQUEST", 1),
        ["400 too long"] = (Fault.Http(400, body: """{"error":{"message":"maximum context length is 8192"}}"""), "CONTEXT_TOO_LARGE", 1),
        ["401"] = (Fault.Http(401), "PROVIDER_ERROR", 1),
        ["402"] = (Fault.Http(402), "INSUFFICIENT_QUOTA", 1),
        ["403"] = (Fault.Http(403), "PROVIDER_ERROR", 1),
        ["404 model"] = (Fault.Http(404, body: """{"error":{"message":"The model does not exist"}}"""), "INVALID_MODEL", 1),
        ["404 page"] = (Fault.Http(404, body: "page not found"), "PROVIDER_ERROR", 1),
        ["408"] = (Fault.Http(408), "TIMEOUT", 3),
        ["413"] = (Fault.Http(413), "CONTEXT_TOO_LARGE", 1),
        ["429"] = (Fault.Http(429, body: "slow down"), "RATE_LIMIT_EXCEEDED", 3),
        ["429 wait 0 s"] = (Fault.Http(429, "0", "slow down"), "RATE_LIMIT_EXCEEDED", 3),
        ["429 wait an hour"] = (Fault.Http(429, "3600", "slow down"), "RATE_LIMIT_EXCEEDED", 1),
        ["429 no money"] = (Fault.Http(429, body: """{"error":{"code":"insufficient_quota"}}"""), "INSUFFICIENT_QUOTA", 1),
        ["500"] = (Fault.Http(500), "PROVIDER_ERROR", 3),
        ["503"] = (Fault.Http(503), "PROVIDER_ERROR", 3),
        ["redirect"] = (Fault.Redirect(), "PROVIDER_ERROR", 1),
        ["page"] = (Fault.WrongContentType(), "PROVIDER_ERROR", 1),
        ["cut before the first byte"] = (Fault.Cut(), "PROVIDER_ERROR", 3),
        ["hang before the first byte"] = (Fault.Hang(), "TIMEOUT", 1),
        ["hang in the middle"] = (Fault.Hang(2), "TIMEOUT", 1),
        ["cut in the middle"] = (Fault.Cut(2), "PROVIDER_ERROR", 1),
        ["end in the middle"] = (Fault.EarlyEnd(2), "PROVIDER_ERROR", 1),
        ["garbage"] = (Fault.Garbage(2), "PROVIDER_ERROR", 1),
        ["line of 2 MiB"] = (Fault.LongLine(2 * 1024 * 1024, 2), "PROVIDER_ERROR", 1),
        ["error event"] = (Fault.ErrorEvent(2), "PROVIDER_ERROR", 1),
    };

    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var kind in (string[])["openai", "anthropic", "ollama"])
            {
                foreach (var fault in _table.Keys)
                    cases.Add(kind, fault);
            }
            return cases;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public async Task A_fault_ends_in_its_code_after_the_tries_that_make_sense(string kind, string name)
    {
        var (fault, code, tries) = _table[name];
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("One two three four five six seven").DeltaSize(4).Fails(fault));
        await using var llm = await LlmHost.StartAsync(kind, fake, _short);

        var updates = await llm.AskAsync("Hi");

        var failed = Assert.IsType<ChatUpdate.Failed>(updates[^1]);
        Assert.Equal(code, failed.Code);
        Assert.Equal(tries, fake.ChatRequests.Count);
        Assert.Single(updates, u => u is ChatUpdate.Completed or ChatUpdate.Failed);
        Assert.DoesNotContain("sk-canary", failed.Message);
        Assert.DoesNotContain("127.0.0.1", failed.Message);
        Assert.DoesNotContain(fake.Requests, r => r.Path == "/redirected");
        if (fault.RetryAfterHeader() is { } wait)
            Assert.Equal(wait, failed.RetryAfterSeconds);
        var row = Assert.Single(await llm.LedgerAsync());
        Assert.Equal((code, tries), (row.Outcome, row.Attempts));
    }

    [Theory, InlineData("openai"), InlineData("anthropic"), InlineData("ollama")]
    public async Task A_call_that_succeeds_on_a_retry_shows_nothing_of_it(string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("At last.").Fails(Fault.Http(503), tries: 1).Fails(Fault.Http(429, "0"), tries: 1));
        await using var llm = await LlmHost.StartAsync(kind, fake);

        var updates = await llm.AskAsync("Hi");

        Assert.Equal("At last.", LlmHost.TextOf(updates));
        Assert.IsType<ChatUpdate.Completed>(updates[^1]);
        Assert.Equal(3, Assert.Single(await llm.LedgerAsync()).Attempts);
    }

    [Theory, InlineData("openai"), InlineData("anthropic"), InlineData("ollama")]
    public async Task A_server_that_is_not_there_is_said_to_be_unreachable(string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        await using var llm = await LlmHost.StartAsync(kind, fake);
        await llm.AskAsync("Hi", model: kind + "/fake-model");
        await fake.DisposeAsync();

        var updates = await llm.AskAsync("Hi", model: kind + "/fake-model");

        var failed = Assert.IsType<ChatUpdate.Failed>(Assert.Single(updates));
        Assert.Equal("PROVIDER_ERROR", failed.Code);
        Assert.Contains("reached", failed.Message);
    }

    [Theory, InlineData("openai"), InlineData("anthropic"), InlineData("ollama")]
    public async Task The_whole_time_of_a_call_is_limited(string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text(new string('x', 4000)).DeltaSize(1).Slow(betweenDeltas: TimeSpan.FromMilliseconds(20)));
        await using var llm = await LlmHost.StartAsync(kind, fake, ("CodeLab:Llm:Timeouts:TotalSeconds", "0.7"));

        var updates = await llm.AskAsync("Hi");

        Assert.Equal("TIMEOUT", Assert.IsType<ChatUpdate.Failed>(updates[^1]).Code);
        Assert.True(updates.Count > 1);
    }

    [Theory, InlineData("openai", null), InlineData("anthropic", null), InlineData("ollama", null)]
    [InlineData("openai", 2), InlineData("anthropic", 2), InlineData("ollama", 2)]
    public async Task Cancelling_reaches_the_provider_and_ends_without_a_terminal_item(string kind, int? after)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("One two three four").DeltaSize(4).Hold("gate", after));
        await using var llm = await LlmHost.StartAsync(kind, fake);
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var updates = new List<ChatUpdate>();

        var reading = Task.Run(
            async () =>
            {
                await foreach (var update in llm.Stream([new ChatMessage(ChatRole.User, "Hi")], cancellationToken: leave.Token))
                    updates.Add(update);
            },
            TestContext.Current.CancellationToken
        );
        await fake.WaitForGateAsync("gate", cancellationToken: TestContext.Current.CancellationToken);
        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        var outcome = await fake.LastRequest.Ended.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal(RequestOutcome.ClientLeft, outcome);
        Assert.DoesNotContain(updates, u => u is ChatUpdate.Completed or ChatUpdate.Failed);
        var row = Assert.Single(await llm.LedgerAsync());
        Assert.Equal("cancelled", row.Outcome);
        Assert.True(row.IsEstimated);
    }

    [Fact]
    public async Task A_reader_who_just_stops_reading_leaves_the_provider_too()
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("One two three four").DeltaSize(4).Hold("gate", 3));
        await using var llm = await LlmHost.StartAsync("openai", fake);

        await foreach (
            var _ in llm.Stream([new ChatMessage(ChatRole.User, "Hi")], cancellationToken: TestContext.Current.CancellationToken)
        )
            break;

        Assert.Equal(
            RequestOutcome.ClientLeft,
            await fake.LastRequest.Ended.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)
        );
        Assert.Equal("cancelled", Assert.Single(await llm.LedgerAsync()).Outcome);
    }
}

internal static class FaultFacts
{
    /// <summary>Seconds a fault asks to wait, when it does.</summary>
    public static int? RetryAfterHeader(this Fault fault) =>
        fault.Headers.TryGetValue("Retry-After", out var text) ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : null;
}
