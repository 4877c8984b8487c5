using System.Net;
using CodeLab.Modules.Auth.Keys;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Two-phase rotation of signing keys (security.md §3.7).</summary>
public sealed class KeyRotationTests
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));

    [Fact]
    public async Task A_new_key_is_published_for_two_hours_before_it_signs_and_the_old_one_stays_until_its_tokens_expired()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready());
        var first = Assert.Single(await PublishedAsync(host));

        var rotation = await host.PostAsync("/api/v1/admin/signing-keys/rotate", await ServiceAsync(host));
        var again = await host.PostAsync("/api/v1/admin/signing-keys/rotate", await ServiceAsync(host));
        var published = await PublishedAsync(host);
        _time.Advance(TimeSpan.FromMinutes(119));
        var before = await ServiceAsync(host);
        _time.Advance(TimeSpan.FromMinutes(2));
        var after = await ServiceAsync(host);

        Assert.Equal(HttpStatusCode.OK, rotation.Status);
        Assert.Equal(again.Body, rotation.Body);
        Assert.Equal(2, published.Count);
        Assert.Equal(first, Kid(before));
        Assert.Equal(published.Single(k => k != first), Kid(after));
        Assert.Equal(HttpStatusCode.OK, (await host.GetAsync("/api/v1/any", before)).Status);
        Assert.Equal(HttpStatusCode.OK, (await host.GetAsync("/api/v1/any", after)).Status);
        _time.Advance(TimeSpan.FromMinutes(75));
        Assert.Equal(Kid(after), Assert.Single(await PublishedAsync(host)));
    }

    [Fact]
    public async Task A_compromised_key_is_refused_at_once_and_clients_refresh()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready());
        var signIn = await host.SignInAsync();
        var service = await ServiceAsync(host);

        var rotation = await host.PostAsync("/api/v1/admin/signing-keys/rotate?compromised=true", service);

        Assert.Equal(HttpStatusCode.OK, rotation.Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await host.GetAsync("/api/v1/any", signIn.Text("access_token"))).Status);
        var renewed = await host.RefreshAsync(signIn.Text("refresh_token"));
        Assert.Equal(HttpStatusCode.OK, (await host.GetAsync("/api/v1/any", renewed.Text("access_token"))).Status);
    }

    [Fact]
    public async Task Another_host_takes_a_new_key_up_without_a_restart()
    {
        var folder = Directory.CreateTempSubdirectory("codelab-auth-");
        try
        {
            await using var one = await AuthHost.StartAsync(folder.FullName, _time, AuthHost.Ready());
            await using var other = await AuthHost.StartAsync(folder.FullName, _time, AuthHost.Ready());
            await one.PostAsync("/api/v1/admin/signing-keys/rotate", await ServiceAsync(one));
            var published = await PublishedAsync(one);

            // No Redis here: it looks twice a minute.
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            patience.CancelAfter(TimeSpan.FromSeconds(60));
            while ((await PublishedAsync(other)).Count < published.Count)
            {
                patience.Token.ThrowIfCancellationRequested();
                _time.Advance(TimeSpan.FromSeconds(30));
                await Task.Delay(20, patience.Token);
            }

            Assert.Equal(published.Order(), (await PublishedAsync(other)).Order());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Rotations_at_once_make_one_key_and_the_schedule_makes_the_next()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready());
        var ring = host.App.Services.GetRequiredService<KeyRing>();

        await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => Task.Run(() => ring.RotateAsync(null, isCompromised: false, CancellationToken.None)))
        );

        Assert.Equal(2, (await PublishedAsync(host)).Count);
        Assert.False(ring.IsRotationDue);
        var second = ring.Published.First().Id;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        _time.Advance(TimeSpan.FromDays(90));
        while (ring.Published.First().Id == second)
        {
            _time.Advance(TimeSpan.FromSeconds(30));
            await Task.Delay(20, patience.Token);
        }
    }

    [Fact]
    public async Task The_store_holds_no_key_in_clear()
    {
        await using var host = await AuthHost.StartReadyAsync();
        await using var connection = await host.Database.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.Command("SELECT secret FROM auth_keys WHERE use = 'sig'", null);
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);

        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
        {
            // The object identifier of RSA, which every PKCS#8 key holds.
            Assert.Equal(-1, reader.GetFieldValue<byte[]>(0).AsSpan().IndexOf((byte[])[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01]));
        }
    }

    private static async Task<List<string>> PublishedAsync(AuthHost host) =>
        [.. (await host.GetAsync("/.well-known/jwks.json")).Json["keys"]!.AsArray().Select(k => (string)k!["kid"]!)];

    private static async Task<string> ServiceAsync(AuthHost host) => (await host.ServiceAsync()).Text("access_token");

    private static string Kid(string token) => new JsonWebToken(token).Kid;
}
