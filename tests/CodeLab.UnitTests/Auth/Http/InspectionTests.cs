using System.Net;
using System.Text.Json.Nodes;
using CodeLab.Modules.Auth.Access;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Introspection, discovery, user info and socket tickets.</summary>
public sealed class InspectionTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));
    private AuthHost _host = null!;

    public async ValueTask InitializeAsync() =>
        _host = await AuthHost.StartAsync(
            null,
            _time,
            AuthHost.Ready(
                ("CodeLab:Auth:Clients:1:ClientId", "wiki"),
                ("CodeLab:Auth:Clients:1:ClientSecret", "another-secret-of-the-tests"),
                ("CodeLab:Auth:Clients:1:Grants:0", "authorization_code"),
                ("CodeLab:Auth:Clients:1:Scopes:0", "openid"),
                ("CodeLab:Auth:Clients:1:RedirectUris:0", "https://wiki.example.org/back")
            )
        );

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task A_service_learns_whether_an_access_token_is_good_and_for_whom()
    {
        var signIn = await _host.SignInAsync();

        var good = await IntrospectAsync(signIn.Text("access_token"));
        await RevokeAsync(signIn.Text("refresh_token"));
        var ended = await IntrospectAsync(signIn.Text("access_token"));

        Assert.Equal(HttpStatusCode.OK, good.Status);
        Assert.Equal("no-store", good.Header("Cache-Control"));
        Assert.True((bool)good.Json["active"]!);
        Assert.Equal("ada", good.Text("username"));
        Assert.Equal("codelab-cli", good.Text("client_id"));
        Assert.Equal("api:read api:write", good.Text("scope"));
        Assert.Equal("codelab-api", good.Text("aud"));
        Assert.Equal("https://auth.codelab.local", good.Text("iss"));
        Assert.Equal("""{"active":false}""", ended.Body);
    }

    [Fact]
    public async Task Whoever_has_no_business_with_a_token_is_told_nothing()
    {
        var signIn = await _host.SignInAsync();

        var stranger = await IntrospectAsync(
            signIn.Text("access_token"),
            ("client_id", "wiki"),
            ("client_secret", "another-secret-of-the-tests")
        );
        var publicClient = await IntrospectAsync(signIn.Text("access_token"), ("client_id", "codelab-cli"));
        var foreignRefresh = await IntrospectAsync(signIn.Text("refresh_token"));
        var nonsense = await IntrospectAsync("nonsense");
        var nobody = await IntrospectAsync(signIn.Text("access_token"), ("client_id", "codelab-internal"), ("client_secret", "wrong"));

        Assert.All([stranger, publicClient, foreignRefresh, nonsense], a => Assert.DoesNotContain("ada", a.Body));
        Assert.Equal("""{"active":false}""", stranger.Body);
        Assert.Equal("""{"active":false}""", foreignRefresh.Body);
        Assert.Equal("""{"active":false}""", nonsense.Body);
        Assert.Equal(HttpStatusCode.Unauthorized, nobody.Status);
        Assert.Equal("invalid_client", nobody.Text("error"));
    }

    [Fact]
    public async Task Discovery_says_what_there_is_and_only_that()
    {
        var document = (await _host.GetAsync("/.well-known/openid-configuration")).Json;
        var oauth = (await _host.GetAsync("/.well-known/oauth-authorization-server")).Json;
        var address = _host.Client.BaseAddress!.ToString().TrimEnd('/');

        Assert.Equal("https://auth.codelab.local", (string)document["issuer"]!);
        Assert.Equal(document["issuer"]!.ToString(), oauth["issuer"]!.ToString());
        var endpoints = document
            .Where(m => m.Key.EndsWith("_endpoint", StringComparison.Ordinal))
            .ToDictionary(m => m.Key, m => (string)m.Value!);
        Assert.Equal(
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["authorization_endpoint"] = address + "/oauth/authorize",
                ["token_endpoint"] = address + "/oauth/token",
                ["introspection_endpoint"] = address + "/oauth/introspect",
                ["revocation_endpoint"] = address + "/oauth/revoke",
                ["userinfo_endpoint"] = address + "/oauth/userinfo",
                ["device_authorization_endpoint"] = address + "/oauth/device",
            },
            endpoints
        );
        Assert.Equal(["S256"], Strings(document, "code_challenge_methods_supported"));
        Assert.Equal(["code"], Strings(document, "response_types_supported"));
        Assert.Equal(["query"], Strings(document, "response_modes_supported"));
        Assert.Equal(["RS256"], Strings(document, "id_token_signing_alg_values_supported"));
        Assert.Equal(["public"], Strings(document, "subject_types_supported"));
        Assert.Contains("urn:ietf:params:oauth:grant-type:device_code", Strings(document, "grant_types_supported"));
        Assert.True((bool)document["authorization_response_iss_parameter_supported"]!);
        foreach (var (_, endpoint) in endpoints)
        {
            var answer = await _host.Client.GetAsync(new Uri(endpoint), TestContext.Current.CancellationToken);
            Assert.NotEqual(HttpStatusCode.NotFound, answer.StatusCode);
        }
    }

    [Fact]
    public async Task User_info_needs_scope_openid()
    {
        var signIn = await _host.SignInAsync();

        var answer = await _host.GetAsync("/oauth/userinfo", signIn.Text("access_token"));

        Assert.Equal(HttpStatusCode.Forbidden, answer.Status);
        Assert.Contains("insufficient_scope", answer.Header("WWW-Authenticate"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/oauth/userinfo")).Status);
    }

    [Fact]
    public async Task A_ticket_opens_its_session_once()
    {
        using var ada = await BrowserPerson.SignInAsync(_host);
        var ticket = await SendAsync(new IssueSocketTicketCommand(ada.User.UserId, ada.User.SignInId, "session-1"));

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 10).Select(_ => SendAsync(new RedeemSocketTicketCommand(ticket.Ticket, "session-1")))
        );

        Assert.Equal(30, ticket.ExpiresIn);
        var holder = Assert.Single(answers, a => a is not null)!;
        Assert.Equal((ada.User.UserId, "ada", ada.User.SignInId), (holder.UserId, holder.Username, holder.SignInId));
        Assert.Contains("admin", holder.Roles);
        Assert.Contains("api:write", holder.Scope);
    }

    [Fact]
    public async Task A_ticket_is_of_no_use_elsewhere_later_or_after_the_sign_in_ended()
    {
        using var ada = await BrowserPerson.SignInAsync(_host);
        Task<SocketTicket> IssueAsync() => SendAsync(new IssueSocketTicketCommand(ada.User.UserId, ada.User.SignInId, "session-1"));
        var elsewhere = await IssueAsync();
        var late = await IssueAsync();

        Assert.Null(await SendAsync(new RedeemSocketTicketCommand(elsewhere.Ticket, "session-2")));
        Assert.Null(await SendAsync(new RedeemSocketTicketCommand(elsewhere.Ticket, "session-1")));
        Assert.Null(await SendAsync(new RedeemSocketTicketCommand("clt_unknown", "session-1")));
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Null(await SendAsync(new RedeemSocketTicketCommand(late.Ticket, "session-1")));
        var orphan = await IssueAsync();
        await Modules.Auth.Persistence.Sql.ExecuteAsync(
            _host.Database,
            "UPDATE auth_sign_ins SET revoked_at = 1 WHERE id = @id",
            [("@id", ada.User.SignInId)],
            TestContext.Current.CancellationToken
        );
        Assert.Null(await SendAsync(new RedeemSocketTicketCommand(orphan.Ticket, "session-1")));
    }

    private async Task<T> SendAsync<T>(IRequest<T> request)
    {
        await using var scope = _host.App.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<ISender>().Send(request, TestContext.Current.CancellationToken);
    }

    private Task<Answer> IntrospectAsync(string token, params (string Name, string Value)[] client) =>
        PostAsync(
            "/oauth/introspect",
            [
                ("token", token),
                .. client.Length > 0 ? client : [("client_id", "codelab-internal"), ("client_secret", "a-secret-of-the-tests-only")],
            ]
        );

    private Task<Answer> RevokeAsync(string token) => PostAsync("/oauth/revoke", [("client_id", "codelab-cli"), ("token", token)]);

    private async Task<Answer> PostAsync(string path, (string Name, string Value)[] form)
    {
        using var content = new FormUrlEncodedContent(form.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        return await Answer.ReadAsync(await _host.Client.PostAsync(path, content));
    }

    private static string[] Strings(JsonObject document, string member) => [.. document[member]!.AsArray().Select(v => (string)v!)];
}
