using System.Text.Json;
using CodeLab.BuildingBlocks.Limits;
using CodeLab.Modules.Gateway;
using CodeLab.Modules.Gateway.Hubs;
using CodeLab.Modules.Gateway.Limits;
using CodeLab.Modules.Gateway.Live;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Gateway;

public sealed class DoorTests
{
    [Theory]
    [InlineData(null, true, nameof(OriginVerdict.Allowed))]
    [InlineData(null, false, nameof(OriginVerdict.NeedsAuthorization))]
    [InlineData("https://codelab.example", false, nameof(OriginVerdict.Allowed))]
    [InlineData("http://codelab.example", true, nameof(OriginVerdict.Denied))]
    [InlineData("https://codelab.example:8443", true, nameof(OriginVerdict.Denied))]
    [InlineData("https://codelab.example.evil.test", true, nameof(OriginVerdict.Denied))]
    [InlineData("https://ide.example", false, nameof(OriginVerdict.Allowed))]
    [InlineData("null", true, nameof(OriginVerdict.Denied))]
    public void Only_our_own_and_listed_origins_may_connect(string? origin, bool authorization, string verdict)
    {
        var judged = OriginRule.Judge(origin, authorization, "https", "codelab.example", ["https://ide.example"]);

        Assert.Equal(verdict, judged.ToString());
    }

    [Fact]
    public void The_message_limit_counts_by_session_and_a_flood_closes()
    {
        using var limits = Limits(new RateLimitOptions { MessagesPerMinute = 3, MessagesBeforeClosing = 5 });

        for (var i = 0; i < 3; i++)
            Assert.Null(limits.Take("c", "s"));
        var refused = limits.Take("c", "s");
        Assert.Equal("RATE_LIMIT_EXCEEDED", refused!.Error.Code);
        Assert.False(refused.Close);
        Assert.Null(limits.Take("c", "other"));
        Assert.True(limits.Take("c", "other")!.Close);
    }

    [Fact]
    public async Task Resuming_counts_by_user_and_not_by_address()
    {
        var limits = new ConnectLimits(
            new MemoryRateCounter(TimeProvider.System),
            new ConnectionSlots(TimeProvider.System),
            Options.Create(new RateLimitOptions { ConnectsPerMinute = 2, ResumesPerMinute = 3 })
        );
        async Task<bool> TakesAsync(string address, string? user, bool resuming) =>
            await limits.TakeAsync(new DefaultHttpContext(), address, user, resuming, negotiates: false) is null;

        Assert.True(await TakesAsync("10.0.0.1", "ada", resuming: false));
        Assert.True(await TakesAsync("10.0.0.1", "bob", resuming: false));
        Assert.False(await TakesAsync("10.0.0.1", "cid", resuming: false));
        Assert.True(await TakesAsync("10.0.0.1", "cid", resuming: true));
        Assert.True(await TakesAsync("10.0.0.2", "ada", resuming: false));
        Assert.False(await TakesAsync("10.0.0.1", null, resuming: true));
    }

    [Fact]
    public async Task A_user_gets_no_more_slots_than_allowed_however_many_ask_at_once()
    {
        var slots = new ConnectionSlots(TimeProvider.System);
        using var start = new Barrier(16);

        var taken = await Task.WhenAll(
            Enumerable
                .Range(0, 16)
                .Select(_ =>
                    Task.Factory.StartNew(
                        () =>
                        {
                            start.SignalAndWait(TestContext.Current.CancellationToken);
                            return Enumerable.Range(0, 100).Select(_ => slots.Take("ada", 10)).OfType<ConnectionSlots.Slot>().ToList();
                        },
                        TestContext.Current.CancellationToken,
                        TaskCreationOptions.LongRunning,
                        TaskScheduler.Default
                    )
                )
        );

        var all = taken.SelectMany(t => t).ToList();
        Assert.Equal(10, all.Count);
        Assert.NotNull(slots.Take("bob", 10));
        all[0].Dispose();
        all[0].Dispose();
        Assert.NotNull(slots.Take("ada", 10));
        Assert.Null(slots.Take("ada", 10));
    }

    [Fact]
    public void A_negotiated_slot_is_kept_for_its_connection_and_forgotten_when_none_comes()
    {
        var time = new FakeTimeProvider();
        var slots = new ConnectionSlots(time);

        Assert.True(slots.Promise("ada", 2));
        Assert.True(slots.Promise("ada", 2));
        Assert.False(slots.Promise("ada", 2));
        Assert.Null(slots.Take("ada", 2));
        var first = slots.Claim("ada", 2);
        Assert.NotNull(first);
        time.Advance(TimeSpan.FromSeconds(15));
        Assert.NotNull(slots.Take("ada", 2));
        Assert.Null(slots.Claim("ada", 2));
        first.Dispose();
        Assert.NotNull(slots.Claim("ada", 2));
    }

    [Fact]
    public void By_default_a_socket_whose_other_side_is_gone_is_found_within_45_seconds()
    {
        var options = new GatewayOptions();

        Assert.InRange(options.PingSeconds + options.PongSeconds, 1, 45);
        Assert.InRange(options.RightsSeconds, 1, 25);
    }

    [Fact]
    public void Switched_off_limits_refuse_nothing()
    {
        using var limits = Limits(new RateLimitOptions { Enabled = false, MessagesPerMinute = 1 });

        Assert.All(Enumerable.Range(0, 10), _ => Assert.Null(limits.Take("c", "s")));
    }

    [Theory]
    [InlineData("a-B.9_", true)]
    [InlineData("", false)]
    [InlineData("a/b", false)]
    [InlineData("a b", false)]
    [InlineData("ä", false)]
    [InlineData(null, false)]
    public void A_session_id_has_letters_digits_and_three_marks(string? id, bool valid)
    {
        Assert.Equal(valid, Ids.IsSession(id));
        Assert.False(Ids.IsSession(new string('a', 65)));
    }

    [Theory]
    [InlineData("\"no such file\"", "no such file", null)]
    [InlineData("""{"code":"FILE_NOT_FOUND","message":"gone"}""", "gone", "FILE_NOT_FOUND")]
    [InlineData("null", null, null)]
    public void A_tool_error_is_a_sentence_or_an_object(string json, string? error, string? code)
    {
        Assert.Equal((error, code), HubInput.ErrorOf(JsonDocument.Parse(json).RootElement));
    }

    private static MessageLimits Limits(RateLimitOptions options) => new(Options.Create(options));
}
