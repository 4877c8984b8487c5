using CodeLab.BuildingBlocks.Limits;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.BuildingBlocks;

public sealed class MemoryRateCounterTests
{
    private static readonly TimeSpan _minute = TimeSpan.FromMinutes(1);
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_window_slides_with_its_oldest_event()
    {
        var counter = new MemoryRateCounter(_time);
        await TakeAsync(counter);
        _time.Advance(TimeSpan.FromSeconds(40));
        await TakeAsync(counter);

        var refused = await TakeAsync(counter);
        _time.Advance(TimeSpan.FromSeconds(20));
        var allowed = await TakeAsync(counter);
        var refusedAgain = await TakeAsync(counter);

        Assert.False(refused.Allowed);
        Assert.Equal(TimeSpan.FromSeconds(20), refused.RetryAfter);
        Assert.True(allowed.Allowed);
        Assert.False(refusedAgain.Allowed);
    }

    [Fact]
    public async Task Looking_does_not_count()
    {
        var counter = new MemoryRateCounter(_time);

        for (var i = 0; i < 5; i++)
            Assert.Equal(2, (await counter.PeekAsync("k", 2, _minute, CancellationToken.None)).Remaining);

        Assert.Equal(1, (await TakeAsync(counter)).Remaining);
    }

    [Fact]
    public async Task Events_taken_at_once_never_pass_the_limit()
    {
        var counter = new MemoryRateCounter(_time);

        // Enough of them that keys are swept meanwhile.
        var taken = await Task.WhenAll(Enumerable.Range(0, 10_000).Select(_ => Task.Run(async () => (await TakeAsync(counter)).Allowed)));

        Assert.Equal(2, taken.Count(t => t));
    }

    private static ValueTask<RateDecision> TakeAsync(MemoryRateCounter counter) =>
        counter.TakeAsync("k", 2, _minute, CancellationToken.None);
}
