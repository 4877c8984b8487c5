using CodeLab.FakeLlm;
using CodeLab.Modules.Llm;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Chat;
using CodeLab.Modules.Llm.Routing;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Llm.Control;

public sealed class RoutingTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_route_falls_back_to_the_next_model_and_the_ledger_tells_who_answered()
    {
        await using var down = await LlmHost.FakeAsync();
        down.Reply(script => script.Text("x").Fails(Fault.Http(503)));
        await using var up = await LlmHost.FakeAsync();
        up.Reply(script => script.Text("From the second."));
        await using var llm = await LlmHost.StartAsync();
        await Money.ProviderAsync(llm, "first", down);
        await Money.ProviderAsync(llm, "second", up);
        await Money.RouteAsync(llm, "smart", Route.Ordered, ("first/m", 1), ("second/m", 1));

        var updates = await llm.AskAsync("Hi", model: "smart");

        Assert.Equal("From the second.", LlmHost.TextOf(updates));
        var row = Assert.Single(await llm.LedgerAsync());
        Assert.Equal(("second", "m", "smart", "completed", 4), (row.Provider, row.Model, row.Alias, row.Outcome, row.Attempts));
    }

    [Fact]
    public async Task A_request_nobody_would_take_is_not_tried_elsewhere()
    {
        await using var first = await LlmHost.FakeAsync();
        first.Reply(script => script.Text("x").Fails(Fault.Http(400)));
        await using var second = await LlmHost.FakeAsync();
        await using var llm = await LlmHost.StartAsync();
        await Money.ProviderAsync(llm, "first", first);
        await Money.ProviderAsync(llm, "second", second);
        await Money.RouteAsync(llm, "smart", Route.Ordered, ("first/m", 1), ("second/m", 1));

        var updates = await llm.AskAsync("Hi", model: "smart");

        Assert.Equal("INVALID_REQUEST", Assert.IsType<ChatUpdate.Failed>(Assert.Single(updates)).Code);
        Assert.Empty(second.ChatRequests);
    }

    [Fact]
    public async Task Weights_share_the_calls()
    {
        await using var llm = await LlmHost.StartAsync();
        await Money.RouteAsync(llm, "mixed", Route.Weighted, ("codelab-demo", 1), ("codelab-demo", 1));
        var plan = new RoutePlan("mixed", IsAlias: true, [.. Enumerable.Range(0, 3).Select(i => Target(i))], [6, 3, 1]);
        var firsts = new int[3];

        for (var i = 0; i < 10_000; i++)
            firsts[plan.Order()[0].Id[0] - '0']++;

        Assert.InRange(firsts[0], 5_700, 6_300);
        Assert.InRange(firsts[1], 2_700, 3_300);
        Assert.InRange(firsts[2], 800, 1_200);
        Assert.Equal(3, plan.Order().Distinct().Count());
    }

    [Fact]
    public void Five_failures_open_the_breaker_and_one_call_may_try_after_thirty_seconds()
    {
        var clock = new FakeTimeProvider();
        var breaker = new CircuitBreaker(new BreakerOptions(), clock);
        for (var i = 0; i < 4; i++)
            breaker.Failed();
        Assert.True(breaker.TryPass());
        breaker.Failed();

        Assert.False(breaker.TryPass());
        clock.Advance(TimeSpan.FromSeconds(29));
        Assert.False(breaker.TryPass());
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(CircuitState.HalfOpen, breaker.State);
        Assert.True(breaker.TryPass());
        Assert.False(breaker.TryPass());
        breaker.Failed();
        Assert.False(breaker.TryPass());
        clock.Advance(TimeSpan.FromSeconds(30));
        Assert.True(breaker.TryPass());
        breaker.Succeeded();
        Assert.True(breaker.TryPass());
        Assert.Equal(CircuitState.Closed, breaker.State);
    }

    [Theory, InlineData("fast"), InlineData("smart"), InlineData("codelab/coder")]
    public async Task Every_installation_has_some_aliases(string alias)
    {
        await using var llm = await LlmHost.StartAsync();

        var updates = await llm.AskAsync("Hello", model: alias);

        Assert.IsType<ChatUpdate.Completed>(updates[^1]);
    }

    [Fact]
    public async Task A_model_list_lets_its_models_through_and_no_others()
    {
        await using var llm = await LlmHost.StartAsync();
        await Money.RouteAsync(llm, "team-model", Route.Ordered, ("codelab-demo", 1));
        await AccessAsync(
            llm,
            new AccessRuleInfo
            {
                Scope = "everyone",
                Subject = "",
                Models = ["openai/*"],
            }
        );
        await AccessAsync(
            llm,
            new AccessRuleInfo
            {
                Scope = "user",
                Subject = "ada",
                Models = ["team-model"],
            }
        );

        Assert.IsType<ChatUpdate.Completed>((await llm.AskAsync("Hi", model: "team-model"))[^1]);
        Assert.Equal("MODEL_NOT_ALLOWED", Assert.IsType<ChatUpdate.Failed>((await llm.AskAsync("Hi", model: "codelab-demo"))[^1]).Code);
        Assert.Equal("MODEL_NOT_ALLOWED", (await llm.Gate().AdmitAsync(Money.Request("eve"), Cancelled)).Error?.Code);
    }

    [Fact]
    public async Task Limits_of_requests_tokens_and_calls_at_once_are_kept_and_shown()
    {
        await using var llm = await LlmHost.StartAsync();
        await AccessAsync(
            llm,
            new AccessRuleInfo
            {
                Scope = "user",
                Subject = "ada",
                RequestsPerMinute = 3,
            }
        );
        await AccessAsync(
            llm,
            new AccessRuleInfo
            {
                Scope = "user",
                Subject = "eve",
                TokensPerMinute = 25,
            }
        );
        await AccessAsync(
            llm,
            new AccessRuleInfo
            {
                Scope = "user",
                Subject = "bob",
                Concurrent = 1,
            }
        );

        for (var left = 2; left >= 0; left--)
        {
            var request = Money.Request("ada");
            Assert.Null((await llm.Gate().AdmitAsync(request, Cancelled)).Error);
            Assert.Equal((3, left), (request.Limit!.Value.Limit, request.Limit.Value.Remaining));
        }
        var limited = (await llm.Gate().AdmitAsync(Money.Request("ada"), Cancelled)).Error!;
        Assert.Equal(("RATE_LIMIT_EXCEEDED", 429), (limited.Code, limited.Status));
        Assert.InRange(limited.RetryAfterSeconds!.Value, 1, 60);

        // An estimate of ten each; what was really used counts in the end.
        var first = (await llm.Gate().AdmitAsync(Money.Request("eve"), Cancelled)).Value!;
        await first.SettleAsync(Money.Used(first, output: 10, input: 10));
        Assert.Equal(429, (await llm.Gate().AdmitAsync(Money.Request("eve"), Cancelled)).Error?.Status);

        var only = (await llm.Gate().AdmitAsync(Money.Request("bob"), Cancelled)).Value!;
        Assert.Equal(429, (await llm.Gate().AdmitAsync(Money.Request("bob"), Cancelled)).Error?.Status);
        await only.SettleAsync(Money.Used(only, output: 1));
        Assert.Null((await llm.Gate().AdmitAsync(Money.Request("bob"), Cancelled)).Error);
    }

    private static CodeLab.Modules.Llm.Calls.CallTarget Target(int number) =>
        new(null!, null!, "m", null!, null!) { Id = number.ToString(System.Globalization.CultureInfo.InvariantCulture) };

    private static async Task AccessAsync(LlmHost llm, AccessRuleInfo rule) =>
        Assert.Null((await llm.Sender.Send(new SetAccessRuleCommand(Money.Admin, rule), Cancelled)).Error);
}
