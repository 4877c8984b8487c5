using System.Buffers;
using System.Text;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Cache;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Testing.Databases;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CodeLab.UnitTests.Llm.Control;

public sealed class CacheTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_identical_request_of_the_same_user_is_answered_from_the_cache()
    {
        await using var llm = await LlmHost.StartAsync();
        await AnswerAsync(llm, Request(), "Hello.");

        var again = (await llm.Gate().AdmitAsync(Request(), Cancelled)).Value!;
        await again.SettleAsync(new CallOutcome { Outcome = CallOutcome.Completed });

        Assert.Equal("Hello.", Encoding.UTF8.GetString(again.Cached!.Body));
        Assert.Equal("application/json", again.Cached.ContentType);
        var rows = await llm.LedgerAsync();
        Assert.Equal((true, 0, 0L), (rows[1].IsCacheHit, (int)rows[1].OutputTokens, rows[1].CostNanos!.Value));
        Assert.Equal(1, (await llm.Sender.Send(new GetCacheStatsQuery(), Cancelled)).TotalKeys);
    }

    [Fact]
    public async Task Nobody_gets_another_s_answer_nor_one_to_another_question()
    {
        await using var llm = await LlmHost.StartAsync();
        await AnswerAsync(llm, Request(), "Hello.");

        Assert.Null(await CachedAsync(llm, Request(user: "eve")));
        Assert.Null(await CachedAsync(llm, Request(body: "{\"a\":2}")));
        Assert.Null(await CachedAsync(llm, Request(dialect: CallDialect.AnthropicMessages)));
        Assert.Null(await CachedAsync(llm, Request(key: "k1")));
        // Other settings, another answer: a rule may forbid now what was allowed.
        await llm.PriceAsync("codelab-demo");
        Assert.Null(await CachedAsync(llm, Request()));
    }

    [Theory]
    [InlineData(0.0, true, nameof(CacheWish.On), false)]
    [InlineData(0.5, false, nameof(CacheWish.Unsaid), false)]
    [InlineData(null, false, nameof(CacheWish.Unsaid), false)]
    [InlineData(0.0, false, nameof(CacheWish.Off), false)]
    [InlineData(0.0, false, nameof(CacheWish.Unsaid), true)]
    [InlineData(0.5, false, nameof(CacheWish.On), true)]
    public async Task The_rules_say_what_is_kept(double? temperature, bool tools, string wish, bool kept)
    {
        await using var llm = await LlmHost.StartAsync();

        var admission = (
            await llm.Gate().AdmitAsync(Request(temperature: temperature, tools: tools, wish: Enum.Parse<CacheWish>(wish)), Cancelled)
        ).Value!;

        Assert.Equal(kept, admission.Keeps);
    }

    [Fact]
    public async Task Of_identical_calls_under_way_one_asks()
    {
        await using var llm = await LlmHost.StartAsync();
        var leader = (await llm.Gate().AdmitAsync(Request(), Cancelled)).Value!;
        var followers = Enumerable.Range(0, 5).Select(_ => llm.Gate().AdmitAsync(Request(), Cancelled).AsTask()).ToArray();
        Assert.DoesNotContain(followers, f => f.IsCompleted);

        await FinishAsync(leader, "Once.");

        foreach (var follower in await Task.WhenAll(followers))
            Assert.Equal("Once.", Encoding.UTF8.GetString(follower.Value!.Cached!.Body));
    }

    [Fact]
    public async Task When_the_one_that_asks_fails_the_next_one_asks()
    {
        await using var llm = await LlmHost.StartAsync();
        var leader = (await llm.Gate().AdmitAsync(Request(), Cancelled)).Value!;
        leader.Keep("application/json", "half"u8);
        var follower = llm.Gate().AdmitAsync(Request(), Cancelled);

        await leader.SettleAsync(
            new CallOutcome
            {
                Outcome = "PROVIDER_ERROR",
                Target = leader.Targets[0],
                Attempts = 1,
            }
        );

        var next = (await follower).Value!;
        Assert.Null(next.Cached);
        Assert.True(next.Keeps);
    }

    [Fact]
    public async Task Clearing_forgets_everything()
    {
        await using var llm = await LlmHost.StartAsync();
        await AnswerAsync(llm, Request(), "Hello.");

        Assert.Equal(1, await llm.Sender.Send(new ClearCacheCommand(Money.Admin), Cancelled));

        Assert.Null(await CachedAsync(llm, Request()));
    }

    [Fact]
    public void Memory_is_bounded_and_what_was_used_least_goes_first()
    {
        var answers = new MemoryAnswers(TimeProvider.System);
        for (var i = 0; i < 100; i++)
        {
            answers.Add(new(i, 0), Stored(10_000), TimeSpan.FromHours(1), mostBytes: 110_000);
            answers.Find(new(0, 0));
        }

        Assert.InRange(answers.Size.Bytes, 90_000, 110_000);
        Assert.NotNull(answers.Find(new(0, 0)));
        Assert.Null(answers.Find(new(1, 0)));
        Assert.NotNull(answers.Find(new(99, 0)));
    }

    [Fact]
    public void An_answer_in_many_pieces_comes_back_whole()
    {
        var buffer = new AnswerBuffer(1024 * 1024);
        var expected = new byte[100_000];
        Random.Shared.NextBytes(expected);
        for (var at = 0; at < expected.Length; at += 777)
            buffer.Append("text/event-stream", expected.AsSpan(at, Math.Min(777, expected.Length - at)));

        Assert.Equal(expected, buffer.ToAnswer()!.Body.ToArray());
    }

    [Fact]
    public async Task Nodes_share_answers_over_Redis()
    {
        var redis = await RedisServer.Shared ?? throw new InvalidOperationException("$XunitDynamicSkip$No Redis on this machine");
        var cluster = "test" + Guid.NewGuid().ToString("N");
        (string, string)[] settings = [("ConnectionStrings:Redis", redis.ConnectionString), ("CodeLab:Cluster:Name", cluster)];
        await using var first = await LlmHost.StartAsync(settings);
        await using var second = await LlmHost.StartAsync(settings);
        await first.Services.GetRequiredService<CodeLab.BuildingBlocks.Cluster.RedisLink>().StartAsync();
        await second.Services.GetRequiredService<CodeLab.BuildingBlocks.Cluster.RedisLink>().StartAsync();
        await AnswerAsync(first, Request(), "Shared.");

        var far = await CachedAsync(second, Request());

        Assert.Equal("Shared.", Encoding.UTF8.GetString(far!.Body));
        Assert.Equal(1, await first.Sender.Send(new ClearCacheCommand(Money.Admin), Cancelled));
    }

    private static async Task AnswerAsync(LlmHost llm, CallRequest request, string text) =>
        await FinishAsync((await llm.Gate().AdmitAsync(request, Cancelled)).Value!, text);

    private static async Task FinishAsync(CallAdmission admission, string text)
    {
        Assert.True(admission.Keeps);
        admission.Keep("application/json", Encoding.UTF8.GetBytes(text));
        await admission.SettleAsync(Money.Used(admission, output: 3));
    }

    private static async Task<CachedAnswer?> CachedAsync(LlmHost llm, CallRequest request)
    {
        var admission = (await llm.Gate().AdmitAsync(request, Cancelled)).Value!;
        await admission.SettleAsync(new CallOutcome { Outcome = CallOutcome.Cancelled });
        return admission.Cached;
    }

    private static CallRequest Request(
        string user = "ada",
        string body = "{\"a\":1}",
        CallDialect dialect = CallDialect.OpenAiChat,
        double? temperature = 0,
        bool tools = false,
        CacheWish wish = CacheWish.Unsaid,
        string? key = null
    ) =>
        new()
        {
            Caller = new CallCaller(user) { SessionId = key },
            Dialect = dialect,
            Model = "codelab-demo",
            Temperature = temperature,
            HasTools = tools,
            CacheWish = wish,
            Body = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(key is null ? body : body + key)),
        };

    private static StoredAnswer Stored(int bytes) => new("application/json", new ReadOnlySequence<byte>(new byte[bytes]));
}
