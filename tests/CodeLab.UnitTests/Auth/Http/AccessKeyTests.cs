using System.Net;
using System.Text.Json.Nodes;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.AccessKeys;
using CodeLab.Modules.Auth.Persistence;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Personal access tokens and virtual keys (security.md §9.3, design.md §14).</summary>
public sealed class AccessKeyTests : IAsyncLifetime
{
    private const string Keys = "/api/v1/keys";
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));
    private AuthHost _host = null!;
    private string _user = "";
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await AuthHost.StartAsync(null, _time, AuthHost.Ready());
        await _host.CreateUserAsync("bob", "developer");
        _user = (await _host.SignInAsync("bob")).Text("access_token");
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task A_key_is_shown_once_stored_as_a_hash_and_opens_what_its_scopes_say()
    {
        var created = await CreateAsync(
            new()
            {
                ["name"] = "laptop",
                ["scopes"] = new JsonArray("api:read", "llm:invoke"),
                ["models"] = new JsonArray("fast", "openai/gpt-4o"),
                ["rpm"] = 60,
                ["tpm"] = 100_000,
                ["budget"] = new JsonObject { ["amount"] = 12.5, ["period"] = "month" },
            }
        );
        var key = created.Text("key");
        var list = await _host.GetAsync(Keys, _user);

        Assert.Equal(HttpStatusCode.Created, created.Status);
        Assert.Equal("no-store", created.Header("Cache-Control"));
        Assert.Matches("^clk_[A-Za-z0-9_-]{43}$", key);
        Assert.DoesNotContain(key, list.Body, StringComparison.Ordinal);
        Assert.Equal(key[^4..], (string)list.Json["keys"]![0]!["ending"]!);
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/read", key)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/invoke", key)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await _host.GetAsync("/api/v1/write", key)).Status);
        Assert.Equal(created.Text("id"), (await _host.GetAsync("/api/v1/me", key)).Text("key_id"));
        await using var connection = await _host.Database.OpenAsync(Cancel);
        var stored = (byte[])(await connection.ScalarAsync("SELECT hash FROM auth_access_key_secrets", null, [], Cancel))!;
        Assert.Equal(AccessKeyStore.Hash(key), stored);
        await using var scope = _host.App.Services.CreateAsyncScope();
        var info = await scope.ServiceProvider.GetRequiredService<ISender>().Send(new GetAccessKeyQuery(created.Text("id")), Cancel);
        Assert.Equal(new KeyBudget(12_500_000, "USD", "month"), info!.Budget);
        Assert.Equal(["fast", "openai/gpt-4o"], info.Models);
        Assert.Equal((60, 100_000), (info.RequestsPerMinute, info.TokensPerMinute));
    }

    [Theory]
    [InlineData("""{"name":""}""", "INVALID_REQUEST")]
    [InlineData("""{"name":"a","scopes":[]}""", "INVALID_REQUEST")]
    [InlineData("""{"name":"a","scopes":["api:admin"]}""", "SCOPE_NOT_ALLOWED")]
    [InlineData("""{"name":"a","scopes":["everything"]}""", "SCOPE_NOT_ALLOWED")]
    [InlineData("""{"name":"a","rpm":0}""", "INVALID_REQUEST")]
    [InlineData("""{"name":"a","models":["../x"]}""", "INVALID_REQUEST")]
    [InlineData("""{"name":"a","budget":{"amount":-1}}""", "INVALID_REQUEST")]
    [InlineData("""{"name":"a","budget":{"amount":1,"period":"year"}}""", "INVALID_REQUEST")]
    [InlineData("""{"name":"a","expires_at":"2026-03-02T07:59:00Z"}""", "INVALID_REQUEST")]
    public async Task What_a_key_may_not_be_is_told(string body, string code)
    {
        var answer = await CreateAsync(JsonNode.Parse(body)!.AsObject());

        Assert.Equal(code, answer.Text("error_code"));
    }

    [Fact]
    public async Task A_viewer_gets_keys_for_reading_only()
    {
        await _host.CreateUserAsync("vera", "viewer");
        var vera = (await _host.SignInAsync("vera")).Text("access_token");

        Assert.Equal("SCOPE_NOT_ALLOWED", (await _host.PostAsync(Keys, vera, Body("a", "llm:invoke"))).Text("error_code"));
        Assert.Equal(HttpStatusCode.Created, (await _host.PostAsync(Keys, vera, Body("a", "api:read"))).Status);
    }

    [Fact]
    public async Task A_key_ends_when_it_expires_is_revoked_or_its_owner_is_disabled()
    {
        var expiring = await CreateAsync(new() { ["name"] = "a", ["expires_at"] = "2026-03-02T09:00:00Z" });
        var revoked = await CreateAsync(Body("b"));
        var last = await CreateAsync(Body("c"));
        Assert.Equal(HttpStatusCode.OK, (await InvokeAsync(expiring)).Status);
        Assert.Equal(HttpStatusCode.OK, (await InvokeAsync(revoked)).Status);
        Assert.Equal(HttpStatusCode.OK, (await InvokeAsync(last)).Status);

        var answer = await _host.DeleteAsync($"{Keys}/{revoked.Text("id")}", _user);

        Assert.Equal(HttpStatusCode.NoContent, answer.Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await InvokeAsync(revoked)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.DeleteAsync($"{Keys}/{revoked.Text("id")}", _user)).Status);
        _time.Advance(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.Unauthorized, (await InvokeAsync(expiring)).Status);
        Assert.Equal(HttpStatusCode.OK, (await InvokeAsync(last)).Status);
        var admin = (await _host.ServiceAsync()).Text("access_token");
        var bob = (string)(await _host.GetAsync("/api/v1/admin/users?q=bob", admin)).Json["users"]![0]!["id"]!;
        await _host.PostAsync($"/api/v1/admin/users/{bob}/disable", admin);
        Assert.Equal(HttpStatusCode.Unauthorized, (await InvokeAsync(last)).Status);
    }

    [Fact]
    public async Task After_a_rotation_the_old_secret_works_on_for_the_overlap_only()
    {
        var created = await CreateAsync(Body("a"));
        var old = created.Text("key");

        var rotated = await _host.PostAsync($"{Keys}/{created.Text("id")}/rotate", _user, new() { ["overlap_seconds"] = 600 });
        var next = rotated.Text("key");

        Assert.NotEqual(old, next);
        Assert.Equal(created.Text("id"), rotated.Text("id"));
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/invoke", old)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/invoke", next)).Status);
        _time.Advance(TimeSpan.FromSeconds(601));
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/api/v1/invoke", old)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/invoke", next)).Status);
        await _host.PostAsync($"{Keys}/{created.Text("id")}/rotate", _user, new() { ["overlap_seconds"] = 0 });
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/api/v1/invoke", next)).Status);
    }

    [Fact]
    public async Task A_key_manages_no_keys_devices_or_passwords_and_others_keys_look_unknown()
    {
        var created = await CreateAsync(Body("a", "api:read", "api:write", "llm:invoke"));
        var key = created.Text("key");
        await _host.CreateUserAsync("eve", "developer");
        var eve = (await _host.SignInAsync("eve")).Text("access_token");
        var admin = (await _host.ServiceAsync()).Text("access_token");

        Assert.Equal(HttpStatusCode.Forbidden, (await _host.GetAsync(Keys, key)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await _host.PostAsync(Keys, key, Body("b"))).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await _host.GetAsync("/api/v1/auth/oauth/sessions", key)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await _host.PostAsync("/api/v1/me/password", key)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/hubs/any?access_token=" + key)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/hubs/any", key)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.DeleteAsync($"{Keys}/{created.Text("id")}", eve)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.PostAsync($"{Keys}/{created.Text("id")}/rotate", eve, [])).Status);
        Assert.Single((await _host.GetAsync("/api/v1/admin/keys", admin)).Json["keys"]!.AsArray());
        Assert.Equal(HttpStatusCode.NoContent, (await _host.DeleteAsync($"/api/v1/admin/keys/{created.Text("id")}", admin)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/api/v1/read", key)).Status);
    }

    [Fact]
    public async Task An_administrators_key_loses_its_rights_with_the_role()
    {
        var admin = (await _host.ServiceAsync()).Text("access_token");
        var id = await _host.CreateUserAsync("root", "admin");
        var keys = _host.App.Services.GetRequiredService<AccessKeyStore>();
        var key = (await keys.CreateAsync(id, new("a"), ["api:admin", "api:read"], Cancel)).Value!.Key!;
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/admin/users", key)).Status);

        await _host.PatchAsync($"/api/v1/admin/users/{id}", admin, new() { ["roles"] = new JsonArray("viewer") });

        Assert.Equal(HttpStatusCode.Forbidden, (await _host.GetAsync("/api/v1/admin/users", key)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/read", key)).Status);
    }

    [Fact]
    public async Task Last_use_is_written_in_batches()
    {
        var created = await CreateAsync(Body("a"));
        await InvokeAsync(created);

        await _host.App.Services.GetRequiredService<AccessKeyUse>().FlushAsync(Cancel);

        Assert.Equal("2026-03-02T08:00:00.000Z", (string)(await _host.GetAsync(Keys, _user)).Json["keys"]![0]!["last_used_at"]!);
    }

    private Task<Answer> CreateAsync(JsonObject body) => _host.PostAsync(Keys, _user, body);

    private Task<Answer> InvokeAsync(Answer created) => _host.GetAsync("/api/v1/invoke", created.Text("key"));

    private static JsonObject Body(string name, params string[] scopes)
    {
        var body = new JsonObject { ["name"] = name };
        if (scopes.Length > 0)
            body["scopes"] = new JsonArray([.. scopes.Select(s => (JsonNode?)s)]);
        return body;
    }
}
