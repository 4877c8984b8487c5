using System.Net.Http.Json;
using System.Text.Json;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Sockets;

/// <summary>Who may open a socket, on what, and for how long (protocol.md §4.2, design.md §13 and §14, security.md §7).</summary>
public sealed class AccessTests(SocketServer server) : IClassFixture<SocketServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_credentials_the_upgrade_is_refused()
    {
        var refused = await Assert.ThrowsAsync<RefusedException>(() => server.OpenAsync(token: null));

        Assert.Equal(401, refused.Status);
    }

    [Theory]
    [InlineData("Bearer nonsense", "", "TOKEN_INVALID")]
    [InlineData("Basic YTpi", "", "TOKEN_INVALID")]
    [InlineData(null, "token=abc", "UNAUTHORIZED")]
    [InlineData(null, "access_token=abc", "UNAUTHORIZED")]
    [InlineData(null, "api_key=abc", "UNAUTHORIZED")]
    public async Task Bad_credentials_are_told_on_the_socket_which_closes(string? header, string query, string code)
    {
        await using var client = await server.OpenAsync(
            query: query,
            token: null,
            headers: header is null ? [] : [("Authorization", header)]
        );

        var error = await client.ReadToAsync("error");

        Assert.Equal(code, error.Text("code"));
        Assert.True(error.Flag("is_final"));
        Assert.Equal(4001, await client.ReadToCloseAsync());
    }

    [Fact]
    public async Task The_own_protocol_closes_with_its_own_code()
    {
        await using var client = await server.OpenAsync(token: "nonsense", protocol: "codelab.v2");

        await client.ReadToAsync("error");

        Assert.Equal(4401, await client.ReadToCloseAsync());
    }

    [Theory]
    [InlineData("https://evil.example", 403)]
    [InlineData("null", 403)]
    public async Task A_page_of_another_origin_is_refused(string origin, int status)
    {
        var refused = await Assert.ThrowsAsync<RefusedException>(() => server.OpenAsync(headers: [("Origin", origin)]));

        Assert.Equal(status, refused.Status);
    }

    [Fact]
    public async Task A_page_of_our_own_origin_is_let_in()
    {
        await using var client = await server.OpenAsync(headers: [("Origin", server.Host.BaseAddress.GetLeftPart(UriPartial.Authority))]);

        await client.SendAsync(new { type = "ping" });

        Assert.Equal("pong", (await client.ReadAsync())!.Value.Type());
    }

    [Fact]
    public async Task An_id_that_is_none_is_refused()
    {
        var refused = await Assert.ThrowsAsync<RefusedException>(() => server.OpenAsync("a%20b"));

        Assert.Equal(400, refused.Status);
    }

    [Fact]
    public async Task An_address_that_is_not_upgraded_says_so()
    {
        using var response = await server.Host.CreateClient().GetAsync(new Uri("/ws/some-session", UriKind.Relative), Cancel);

        Assert.Equal(426, (int)response.StatusCode);
    }

    [Fact]
    public async Task An_invented_session_id_becomes_a_session_with_the_first_message()
    {
        var id = "user_session_" + Guid.NewGuid().ToString("N");
        await using var client = await server.OpenAsync(id);
        var rest = await server.Host.SignInAsync(cancellationToken: Cancel);
        using var before = await rest.GetAsync(new Uri("/api/v1/sessions/" + id, UriKind.Relative), Cancel);

        await client.SayAsync("hello");
        await client.ReadToEndAsync();
        using var after = await rest.GetAsync(new Uri("/api/v1/sessions/" + id, UriKind.Relative), Cancel);

        Assert.Equal((404, 200), ((int)before.StatusCode, (int)after.StatusCode));
    }

    [Theory]
    [InlineData("""{"type":"cancel"}""")]
    [InlineData("""{"type":"tool_result","call_id":"call_1","result":1}""")]
    [InlineData("""{"type":"hitl_decision","call_id":"call_1","decision":"approve"}""")]
    public async Task Input_for_no_session_closes_the_socket(string text)
    {
        await using var client = await server.OpenAsync();

        await client.SendTextAsync(text);

        Assert.Equal("SESSION_NOT_FOUND", (await client.ReadToAsync("error")).Text("code"));
        Assert.Equal(1008, await client.ReadToCloseAsync());
    }

    [Fact]
    public async Task Somebody_elses_session_looks_like_none_whatever_is_tried()
    {
        await using var ada = await server.OpenAsync();
        await ada.SayAsync("write");
        var call = (await ada.ReadToAsync("tool_call")).Text("call_id");
        var mallory = await TokenOfAsync("mallory");

        foreach (
            var text in (string[])
                [
                    """{"type":"user_message","content":"hi"}""",
                    """{"type":"switch_agent","agent_type":"coder"}""",
                    """{"type":"cancel"}""",
                    $$"""{"type":"tool_result","call_id":"{{call}}","result":1}""",
                    $$"""{"type":"hitl_decision","call_id":"{{call}}","decision":"approve"}""",
                    """{"type":"context_update","action":"clear"}""",
                ]
        )
        {
            await using var foreign = await server.OpenAsync(ada.Session, token: mallory);
            await foreign.SendTextAsync(text);
            var error = await foreign.ReadToAsync("error");
            Assert.Equal("SESSION_NOT_FOUND", error.Text("code"));
            Assert.Equal(1008, await foreign.ReadToCloseAsync());
            Assert.Single(foreign.Seen);
        }
        // And the call that waits in it is not theirs to name in a session of their own.
        await using var own = await server.OpenAsync(token: mallory);
        await own.SendAsync(new { type = "switch_agent", agent_type = "coder" });
        await own.ReadToAsync("agent_switched");
        await own.SendAsync(
            new
            {
                type = "hitl_decision",
                call_id = call,
                decision = "approve",
            }
        );
        Assert.Equal("INVALID_CALL_ID", (await own.ReadToAsync("error")).Text("code"));
        await ada.SendAsync(new { type = "ping" });
        Assert.Equal("pong", (await ada.ReadAsync())!.Value.Type());
    }

    [Fact]
    public async Task A_disabled_user_is_off_the_socket_within_five_seconds()
    {
        var (id, token) = await server.AddUserAsync("victim");
        await using var client = await server.OpenAsync(token: token);
        await client.SayAsync("write");
        await client.ReadToAsync("tool_call");
        var admin = await server.AdminAsync();

        var began = TimeProvider.System.GetTimestamp();
        using var disabled = await admin.PostAsync(new Uri($"/api/v1/admin/users/{id}/disable", UriKind.Relative), null, Cancel);
        var error = await client.ReadToAsync("error");
        var code = await client.ReadToCloseAsync();

        Assert.True(disabled.IsSuccessStatusCode);
        Assert.Equal(("TOKEN_INVALID", 4001), (error.Text("code"), code));
        Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task A_socket_stays_with_its_owner_when_it_authenticates_anew()
    {
        await using var client = await server.OpenAsync();
        var other = await TokenOfAsync("other-one");

        await client.SendAsync(new { type = "auth", token = other });
        Assert.Equal("PERMISSION_DENIED", (await client.ReadToAsync("error")).Text("code"));
        await client.SendAsync(new { type = "auth", token = server.Token });

        var answer = await client.ReadToAsync("auth_result");
        Assert.Equal(("success", client.Session), (answer.Text("status"), answer.Text("session_id")));
    }

    [Fact]
    public async Task A_ticket_opens_its_session_once()
    {
        var rest = await server.Host.SignInAsync(cancellationToken: Cancel);
        var session = Guid.NewGuid().ToString();
        var path = new Uri($"/api/v1/sessions/{session}/socket-ticket", UriKind.Relative);
        using var issued = await rest.PostAsync(path, null, Cancel);
        var ticket = (await issued.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("ticket").GetString();

        await using var other = await server.OpenAsync(query: "ticket=" + ticket, token: null);
        Assert.Equal(4001, await other.ReadToCloseAsync());
        using var again = await rest.PostAsync(path, null, Cancel);
        ticket = (await again.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("ticket").GetString();
        await using var client = await server.OpenAsync(session, "ticket=" + ticket, token: null);
        await client.SayAsync("hello");
        await client.ReadToEndAsync();

        await using var twice = await server.OpenAsync(session, "ticket=" + ticket, token: null);
        Assert.Equal(4001, await twice.ReadToCloseAsync());
    }

    [Fact]
    public async Task The_audit_tells_who_opened_a_connection_how_it_ended_and_which_page_was_refused()
    {
        var (id, token) = await server.AddUserAsync("audited");
        var admin = await server.AdminAsync();
        await using var client = await server.OpenAsync(token: token, headers: [("User-Agent", "Dart/3.9 (dart:io)")]);
        await client.SendAsync(new { type = "ping" });
        await client.ReadToAsync("pong");
        using var disabled = await admin.PostAsync(new Uri($"/api/v1/admin/users/{id}/disable", UriKind.Relative), null, Cancel);
        await client.ReadToCloseAsync();
        await Assert.ThrowsAsync<RefusedException>(() => server.OpenAsync(headers: [("Origin", "https://evil.example")]));

        var opened = await FindAsync("socket.opened", e => e.Text("actor") == id);
        var closed = await FindAsync("socket.closed", e => e.Text("actor") == id);
        var origin = await FindAsync("origin.denied", e => e.Text("reason") == "https://evil.example");

        Assert.Equal(
            (client.Session, "127.0.0.1", "Dart/3.9 (dart:io)"),
            (opened.Text("session"), opened.Text("ip"), opened.Text("user_agent"))
        );
        Assert.Equal("socket", opened.GetProperty("metadata").Text("door"));
        Assert.Equal((opened.Text("subject"), "The sign-in ended"), (closed.Text("subject"), closed.Text("reason")));
        Assert.True(closed.GetProperty("metadata").GetProperty("seconds").GetDouble() >= 0);
        Assert.Equal("denied", origin.Text("outcome"));

        // Written a moment behind, in groups.
        async Task<JsonElement> FindAsync(string type, Func<JsonElement, bool> wanted)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            limit.CancelAfter(HostProcess.Patience);
            while (true)
            {
                var page = await admin.GetFromJsonAsync<JsonElement>(
                    new Uri($"/api/v1/admin/audit?type={type}&limit=200", UriKind.Relative),
                    limit.Token
                );
                foreach (var entry in page.GetProperty("events").EnumerateArray())
                {
                    if (wanted(entry))
                        return entry;
                }
            }
        }
    }

    private async Task<string> TokenOfAsync(string name) => (await server.AddUserAsync(name)).Token;
}
