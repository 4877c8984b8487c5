using System.Net;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Guarantee G1: one successor, and only its own family dies.</summary>
public sealed class RefreshTests
{
    private static readonly int Rounds = Environment.GetEnvironmentVariable("CODELAB_TESTS_FULL") == "1" ? 1000 : 25;
    private const int Parallel = 20;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Twenty_uses_of_one_token_at_once_yield_one_and_the_same_successor(string database)
    {
        if (database == "postgres")
            Assert.SkipWhen(
                string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CODELAB_TEST_POSTGRES")),
                "CODELAB_TEST_POSTGRES names no server"
            );
        await using var host = await AuthHost.StartReadyAsync(database == "sqlite" ? [AuthHost.OnSqlite] : []);
        var token = (await host.SignInAsync()).Text("refresh_token");

        for (var round = 1; round <= Rounds; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, Parallel).Select(_ => host.RefreshAsync(token)));

            Assert.All(answers, a => Assert.Equal(HttpStatusCode.OK, a.Status));
            var successor = Assert.Single(answers.Select(a => a.Text("refresh_token")).Distinct());
            Assert.NotEqual(token, successor);
            Assert.Equal(1, await LiveTokensAsync(host));
            token = successor;
        }
        Assert.Equal(Rounds + 1, await CountAsync(host, "SELECT COUNT(*) FROM auth_refresh_tokens"));
    }

    [Fact]
    public async Task A_token_used_again_after_the_window_ends_its_sign_in_and_only_that()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));
        await using var host = await AuthHost.StartAsync(null, time, AuthHost.Ready());
        var robbed = await host.SignInAsync();
        var other = await host.SignInAsync();
        var successor = await host.RefreshAsync(robbed.Text("refresh_token"));
        Assert.Equal(HttpStatusCode.OK, (await host.GetAsync("/api/v1/any", successor.Text("access_token"))).Status);

        time.Advance(TimeSpan.FromSeconds(31));
        var reused = await host.RefreshAsync(robbed.Text("refresh_token"));

        Assert.Equal(HttpStatusCode.Unauthorized, reused.Status);
        Assert.Equal("invalid_grant", reused.Text("error"));
        Assert.Contains("reuse", reused.Text("error_description"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await host.RefreshAsync(successor.Text("refresh_token"))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await host.GetAsync("/api/v1/any", successor.Text("access_token"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await host.GetAsync("/api/v1/any", other.Text("access_token"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await host.RefreshAsync(other.Text("refresh_token"))).Status);
    }

    [Fact]
    public async Task Within_the_window_a_spent_token_still_yields_its_successor()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));
        await using var host = await AuthHost.StartAsync(null, time, AuthHost.Ready());
        var token = (await host.SignInAsync()).Text("refresh_token");
        var first = await host.RefreshAsync(token);

        time.Advance(TimeSpan.FromSeconds(29));
        var again = await host.RefreshAsync(token);

        Assert.Equal(first.Text("refresh_token"), again.Text("refresh_token"));
    }

    [Fact]
    public async Task A_sign_in_slides_for_thirty_days_and_ends_after_ninety()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));
        await using var host = await AuthHost.StartAsync(null, time, AuthHost.Ready());
        var idle = (await host.SignInAsync()).Text("refresh_token");
        var used = (await host.SignInAsync()).Text("refresh_token");

        for (var day = 0; day < 87; day += 29)
        {
            time.Advance(TimeSpan.FromDays(29));
            var answer = await host.RefreshAsync(used);
            Assert.Equal(HttpStatusCode.OK, answer.Status);
            used = answer.Text("refresh_token");
        }
        time.Advance(TimeSpan.FromDays(4));
        var afterNinety = await host.RefreshAsync(used);
        var afterIdle = await host.RefreshAsync(idle);

        Assert.Equal(HttpStatusCode.Unauthorized, afterNinety.Status);
        Assert.Equal(HttpStatusCode.Unauthorized, afterIdle.Status);
    }

    [Fact]
    public async Task The_store_holds_no_token_in_clear()
    {
        await using var host = await AuthHost.StartReadyAsync();
        var token = (await host.SignInAsync()).Text("refresh_token");
        await host.RefreshAsync(token);

        await using var connection = await host.Database.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.Command("SELECT hash, successor FROM auth_refresh_tokens", null);
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);

        var prefix = "clr_"u8.ToArray();
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
        {
            Assert.Equal(32, reader.GetFieldValue<byte[]>(0).Length);
            if (!reader.IsDBNull(1))
                Assert.Equal(-1, reader.GetFieldValue<byte[]>(1).AsSpan().IndexOf(prefix));
        }
    }

    private static Task<long> LiveTokensAsync(AuthHost host) =>
        CountAsync(host, "SELECT COUNT(*) FROM auth_refresh_tokens WHERE used_at IS NULL");

    private static async Task<long> CountAsync(AuthHost host, string sql)
    {
        await using var connection = await host.Database.OpenAsync(TestContext.Current.CancellationToken);
        return (long)(await connection.ScalarAsync(sql, null, [], TestContext.Current.CancellationToken))!;
    }
}
