using System.Net;
using System.Text.Json.Nodes;
using CodeLab.Modules.Auth.Persistence;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>First start (security.md §5).</summary>
public sealed class SetupTests
{
    private static readonly (string, string) _noLimits = ("CodeLab:RateLimits:Enabled", "false");

    [Theory]
    [InlineData("/api/v1/any")]
    [InlineData("/")]
    [InlineData("/hubs/any")]
    [InlineData("/api/v1/file.js")]
    public async Task Before_the_claim_every_other_route_says_that_setup_is_required(string path)
    {
        await using var host = await AuthHost.StartAsync();

        var answer = await host.GetAsync(path);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.Status);
        Assert.Equal("SETUP_REQUIRED", answer.Text("error_code"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await host.SignInAsync()).Status);
        Assert.Equal(HttpStatusCode.OK, (await host.GetAsync("/health")).Status);
        Assert.Equal(HttpStatusCode.OK, (await host.GetAsync("/.well-known/jwks.json")).Status);
        Assert.Equal(HttpStatusCode.OK, (await host.GetAsync("/.well-known/openid-configuration")).Status);
    }

    [Fact]
    public async Task The_printed_link_makes_the_administrator_once_and_is_gone_for_good()
    {
        await using var host = await AuthHost.StartAsync(_noLimits);
        var page = await host.GetAsync("/setup");

        var created = await ClaimAsync(host, Token(host));
        var again = await ClaimAsync(host, Token(host));

        Assert.Contains("script-src 'self'", page.Header("Content-Security-Policy"));
        Assert.Contains("/setup#", host.Console.ToString());
        Assert.Equal(HttpStatusCode.Created, created.Status);
        Assert.Equal(HttpStatusCode.Gone, again.Status);
        Assert.Equal(HttpStatusCode.Gone, (await host.GetAsync("/setup")).Status);
        Assert.Equal(HttpStatusCode.OK, (await host.SignInAsync()).Status);
    }

    [Fact]
    public async Task Fifty_claims_at_once_make_exactly_one_administrator()
    {
        await using var host = await AuthHost.StartAsync(_noLimits);
        var token = Token(host);

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => ClaimAsync(host, token, "admin" + i)));

        Assert.Single(answers, a => a.Status == HttpStatusCode.Created);
        Assert.All(
            answers.Where(a => a.Status != HttpStatusCode.Created),
            a => Assert.True(a.Status is HttpStatusCode.Conflict or HttpStatusCode.Gone, a.Body)
        );
        await using var connection = await host.Database.OpenAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1L, await connection.ScalarAsync("SELECT COUNT(*) FROM auth_users", null, [], TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Ten_wrong_tokens_void_the_link_and_print_a_new_one()
    {
        await using var host = await AuthHost.StartAsync(_noLimits);
        var first = Token(host);

        for (var i = 0; i < 10; i++)
            Assert.Equal("SETUP_TOKEN_INVALID", (await ClaimAsync(host, "wrong")).Text("error_code"));

        Assert.NotEqual(first, Token(host));
        Assert.Equal(HttpStatusCode.BadRequest, (await ClaimAsync(host, first)).Status);
        Assert.Equal(HttpStatusCode.Created, (await ClaimAsync(host, Token(host))).Status);
    }

    [Fact]
    public async Task A_weak_password_is_refused_and_leaves_the_link_good()
    {
        await using var host = await AuthHost.StartAsync(_noLimits);

        var weak = await ClaimAsync(host, Token(host), password: "password1");

        Assert.Equal(HttpStatusCode.BadRequest, weak.Status);
        Assert.Equal("WEAK_PASSWORD", weak.Text("error_code"));
        Assert.Equal(HttpStatusCode.Created, (await ClaimAsync(host, Token(host))).Status);
    }

    [Fact]
    public async Task Claims_are_limited_by_address()
    {
        await using var host = await AuthHost.StartAsync();
        for (var i = 0; i < 5; i++)
            await ClaimAsync(host, "wrong");

        var answer = await ClaimAsync(host, Token(host));

        Assert.Equal(HttpStatusCode.TooManyRequests, answer.Status);
        Assert.NotNull(answer.Header("Retry-After"));
    }

    [Theory]
    [InlineData("password")]
    [InlineData("change-me-in-production")]
    [InlineData("Short1!")]
    public async Task A_weak_password_in_the_environment_stops_the_start_and_is_not_repeated(string password)
    {
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() =>
            AuthHost.StartAsync(("CODELAB_ADMIN_USERNAME", "ada"), ("CODELAB_ADMIN_PASSWORD", password))
        );

        Assert.Contains("ada", failure.Message);
        if (password != "password")
            Assert.DoesNotContain(password, failure.Message);
    }

    [Fact]
    public async Task The_environment_is_read_only_while_there_is_no_administrator()
    {
        var folder = Directory.CreateTempSubdirectory("codelab-auth-").FullName;
        try
        {
            await using (var first = await AuthHost.StartAsync(folder, null, AuthHost.Ready()))
                Assert.Equal("", first.Console.ToString());

            await using var second = await AuthHost.StartAsync(
                folder,
                null,
                ("CODELAB_ADMIN_USERNAME", "eve"),
                ("CODELAB_ADMIN_PASSWORD", "weak")
            );

            Assert.Equal(HttpStatusCode.OK, (await second.SignInAsync()).Status);
            Assert.Equal(HttpStatusCode.Unauthorized, (await second.SignInAsync("eve", "weak")).Status);
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_restart_keeps_the_key_and_a_lost_key_file_stops_the_start()
    {
        var folder = Directory.CreateTempSubdirectory("codelab-auth-").FullName;
        try
        {
            string token;
            await using (var first = await AuthHost.StartAsync(folder, null, AuthHost.Ready()))
                token = (await first.SignInAsync()).Text("access_token");
            await using (var second = await AuthHost.StartAsync(folder, null))
                Assert.Equal(HttpStatusCode.OK, (await second.GetAsync("/api/v1/any", token)).Status);
            var file = Path.Combine(folder, "keys", "key-encryption.key");
            if (!OperatingSystem.IsWindows())
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            File.Delete(file);

            var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => AuthHost.StartAsync(folder, null));

            Assert.Contains(file, failure.Message);
            Assert.False(File.Exists(file));
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Token(AuthHost host)
    {
        var text = host.Console.ToString();
        var start = text.LastIndexOf('#') + 1;
        return text[start..text.IndexOf(' ', start)];
    }

    private static Task<Answer> ClaimAsync(AuthHost host, string token, string name = "ada", string password = AuthHost.Password) =>
        host.PostAsync(
            "/setup",
            null,
            new JsonObject
            {
                ["token"] = token,
                ["username"] = name,
                ["email"] = name + "@example.org",
                ["password"] = password,
            }
        );
}
