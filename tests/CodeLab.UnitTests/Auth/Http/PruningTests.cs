using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Tokens;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Rows that have expired go, and nothing else.</summary>
public sealed class PruningTests
{
    [Fact]
    public async Task Expired_rows_are_deleted_after_the_time_in_which_they_may_still_tell_of_a_theft()
    {
        await using var host = await AuthHost.StartReadyAsync();
        var living = await host.SignInAsync();
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        const long Day = 86_400_000;
        for (var i = 0; i < 250; i++)
            await AddTokenAsync(host, $"old-{i}", now - 8 * Day, now - 8 * Day);
        await AddTokenAsync(host, "recent", now - 6 * Day, now + Day);
        await AddTokenAsync(host, "no-token-left", now - 8 * Day, now + Day);

        var deleted = await host.App.Services.GetRequiredService<Pruning>().PruneAsync(TestContext.Current.CancellationToken);

        Assert.Equal(250 + 250 + 1, deleted);
        Assert.Equal(2, await CountAsync(host, "SELECT COUNT(*) FROM auth_refresh_tokens"));
        Assert.Equal(3, await CountAsync(host, "SELECT COUNT(*) FROM auth_sign_ins"));
        Assert.Equal(System.Net.HttpStatusCode.OK, (await host.RefreshAsync(living.Text("refresh_token"))).Status);
    }

    private static async Task AddTokenAsync(AuthHost host, string id, long tokenExpires, long signInExpires)
    {
        await host.Database.ExecuteAsync(
            "INSERT INTO auth_sign_ins (id, user_id, client_id, scope, security_stamp, methods, created_at, last_used_at, expires_at) "
                + "SELECT @id, id, 'codelab-cli', 'api:read', security_stamp, 'pwd', 0, 0, @expires FROM auth_users LIMIT 1",
            [("@id", id), ("@expires", signInExpires)],
            TestContext.Current.CancellationToken
        );
        await host.Database.ExecuteAsync(
            "INSERT INTO auth_refresh_tokens (hash, sign_in_id, expires_at) VALUES (@hash, @id, @expires)",
            [("@hash", RefreshTokens.Hash(id)), ("@id", id), ("@expires", tokenExpires)],
            TestContext.Current.CancellationToken
        );
    }

    private static async Task<long> CountAsync(AuthHost host, string sql)
    {
        await using var connection = await host.Database.OpenAsync(TestContext.Current.CancellationToken);
        return (long)(await connection.ScalarAsync(sql, null, [], TestContext.Current.CancellationToken))!;
    }
}
