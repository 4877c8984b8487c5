using System.Text.Json;
using Xunit;
using static CodeLab.IntegrationTests.Gateway.Rest.RestServer;

namespace CodeLab.IntegrationTests.Gateway.Rest;

/// <summary>protocol.md §3.2, a test a row: what released clients read of every answer is there, in the type they read.</summary>
public sealed class SessionRouteTests(RestServer rest) : IClassFixture<RestServer>
{
    private readonly RestServer _rest = rest;

    [Theory]
    [InlineData(null)]
    [InlineData("{}")]
    [InlineData("""{"title":"T","system_prompt":"x","user_id":"somebody-else","metadata":{"a":1},"project_path":"/p","unknown":[1]}""")]
    public async Task A_session_is_created_by_any_published_body(string? body)
    {
        var created = await SendAsync(_rest.Ada, "POST", "/api/v1/sessions", body);

        Assert.Equal(201, created.Status);
        AssertSessionObject(created.Json);
        Assert.Equal("orchestrator", created.String("current_agent"));
        Assert.Equal(0, created.Number("message_count"));
        Assert.True(Guid.TryParseExact(created.String("id"), "D", out _));
        Assert.DoesNotContain("null", created.Text, StringComparison.Ordinal);
        Assert.Equal("/api/v1/sessions/" + created.String("id"), created.Headers["Location"]);
        // user_id never overrides the token: the session is Ada's.
        Assert.Equal(200, (await SendAsync(_rest.Ada, "GET", "/api/v1/sessions/" + created.String("id"))).Status);
    }

    [Fact]
    public async Task An_explicit_id_is_taken_once()
    {
        var id = "user_session_" + Guid.NewGuid().ToString("N")[..8];

        var first = await SendAsync(_rest.Ada, "POST", "/api/v1/sessions/", $$"""{"session_id":"{{id}}"}""");
        var second = await SendAsync(_rest.Ada, "POST", "/api/v1/sessions", $$"""{"session_id":"{{id}}"}""");

        Assert.Equal((201, id), (first.Status, first.String("session_id")));
        Assert.Equal((409, "SESSION_EXISTS"), (second.Status, second.Code));
    }

    [Fact]
    public async Task Sessions_are_listed_in_pages_by_newest_activity()
    {
        var (client, _) = await AddUserAsync(_rest.Host, _rest.Admin, "pager" + Guid.NewGuid().ToString("N")[..6]);
        var ids = new List<string>();
        for (var i = 0; i < 3; i++)
            ids.Add((await SendAsync(client, "POST", "/api/v1/sessions")).String("id")!);
        await SendAsync(client, "DELETE", "/api/v1/sessions/" + ids[0]);

        var page = await SendAsync(client, "GET", "/api/v1/sessions?limit=1&offset=1");
        var all = await SendAsync(client, "GET", "/api/v1/sessions/?active_only=false");
        var wide = await SendAsync(client, "GET", "/api/v1/sessions?limit=100000&offset=-5");

        Assert.Equal((200, 2, 1, 1), (page.Status, page.Number("total"), page.Number("limit"), page.Number("offset")));
        var only = Assert.Single(page.Json.GetProperty("sessions").EnumerateArray());
        AssertSessionObject(only);
        Assert.Equal(ids[1], only.GetProperty("id").GetString());
        Assert.Equal(3, all.Number("total"));
        Assert.Contains(all.Json.GetProperty("sessions").EnumerateArray(), s => !s.GetProperty("is_active").GetBoolean());
        Assert.Equal((1000, 0), (wide.Number("limit"), wide.Number("offset")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    public async Task A_session_stands_flat_and_nested(string slash)
    {
        var detail = await SendAsync(_rest.Ada, "GET", $"/api/v1/sessions/{_rest.Session}{slash}");

        Assert.Equal(200, detail.Status);
        AssertSessionObject(detail.Json);
        var nested = detail.Json.GetProperty("session");
        AssertSessionObject(nested);
        Assert.True(nested.GetProperty("duration_seconds").GetDouble() > 0);
        Assert.False(nested.TryGetProperty("messages", out _));
        Assert.Equal("Do the work [[script:work]]", detail.String("title"));
    }

    [Fact]
    public async Task Messages_are_nested_when_asked_for()
    {
        var detail = await SendAsync(_rest.Ada, "GET", $"/api/v1/sessions/{_rest.Session}?include_messages=true");

        Assert.NotEmpty(detail.Json.GetProperty("session").GetProperty("messages").EnumerateArray());
    }

    [Fact]
    public async Task Title_description_and_model_change()
    {
        var id = (await SendAsync(_rest.Ada, "POST", "/api/v1/sessions")).String("id");
        var models = await SendAsync(_rest.Ada, "GET", "/api/v1/models");
        var model = models.Json.GetProperty("models")[0].GetProperty("id").GetString();

        var changed = await SendAsync(_rest.Ada, "PATCH", "/api/v1/sessions/" + id, """{"title":"Login","description":"The form"}""");
        var chosen = await SendAsync(_rest.Ada, "PATCH", $"/api/v1/sessions/{id}/", $$"""{"model":"{{model}}"}""");
        var unknown = await SendAsync(_rest.Ada, "PATCH", "/api/v1/sessions/" + id, """{"model":"no-such-model"}""");
        var tooLong = await SendAsync(_rest.Ada, "PATCH", "/api/v1/sessions/" + id, $$"""{"title":"{{new string('x', 501)}}"}""");

        Assert.Equal((200, "Login", "The form"), (changed.Status, changed.String("title"), changed.String("description")));
        AssertSessionObject(changed.Json);
        Assert.Equal((200, "Login"), (chosen.Status, chosen.String("title")));
        Assert.NotNull(chosen.String("model"));
        Assert.Equal((400, "INVALID_MODEL"), (unknown.Status, unknown.Code));
        Assert.Equal((422, "INVALID_REQUEST"), (tooLong.Status, tooLong.Code));
        var error = Assert.Single(tooLong.Json.GetProperty("details").GetProperty("errors").EnumerateArray());
        Assert.Equal("title", error.GetProperty("field").GetString());
    }

    [Fact]
    public async Task A_session_is_deleted_once_with_a_body()
    {
        var id = (await SendAsync(_rest.Ada, "POST", "/api/v1/sessions")).String("id");

        var deleted = await SendAsync(_rest.Ada, "DELETE", "/api/v1/sessions/" + id);
        var again = await SendAsync(_rest.Ada, "DELETE", "/api/v1/sessions/" + id);

        Assert.Equal(
            (200, "deleted", id, id),
            (deleted.Status, deleted.String("status"), deleted.String("id"), deleted.String("session_id"))
        );
        Assert.Equal((404, "SESSION_NOT_FOUND"), (again.Status, again.Code));
    }

    [Fact]
    public async Task History_has_every_message_in_the_published_shape()
    {
        var history = await SendAsync(_rest.Ada, "GET", $"/api/v1/sessions/{_rest.Session}/history");

        Assert.Equal((200, _rest.Session), (history.Status, history.String("session_id")));
        var messages = history.Json.GetProperty("messages").EnumerateArray().ToList();
        Assert.Equal(messages.Count, history.Number("message_count"));
        Assert.All(messages, m => Assert.Contains(m.GetProperty("role").GetString(), (string[])["user", "assistant", "tool"]));
        var call = messages.First(m => m.TryGetProperty("tool_calls", out _)).GetProperty("tool_calls")[0];
        Assert.Equal("function", call.GetProperty("type").GetString());
        Assert.Equal("write_file", call.GetProperty("function").GetProperty("name").GetString());
        Assert.Equal(JsonValueKind.Object, JsonElement.Parse(call.GetProperty("function").GetProperty("arguments").GetString()!).ValueKind);
        var result = messages.First(m => m.GetProperty("role").GetString() == "tool");
        Assert.Equal(call.GetProperty("id").GetString(), result.GetProperty("tool_call_id").GetString());
        Assert.Equal("write_file", result.GetProperty("name").GetString());
        // What was run is what the person wrote.
        Assert.Contains(messages, m => m.GetRawText().Contains("b2.txt", StringComparison.Ordinal));
        Assert.Equal("coder", history.String("current_agent"));
        var change = Assert.Single(history.Json.GetProperty("agent_history").EnumerateArray());
        Assert.Equal(("orchestrator", "coder"), (change.GetProperty("from").GetString(), change.GetProperty("to").GetString()));
        Assert.Equal("coder", change.GetProperty("to_agent").GetString());
        Assert.EndsWith("Z", change.GetProperty("timestamp").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task History_is_read_in_pages()
    {
        var page = await SendAsync(_rest.Ada, "GET", $"/api/v1/sessions/{_rest.Session}/history?limit=2&offset=1");
        var all = await SendAsync(_rest.Ada, "GET", $"/api/v1/sessions/{_rest.Session}/history/");

        Assert.Equal(all.Number("message_count"), page.Number("message_count"));
        Assert.Equal(
            all.Json.GetProperty("messages").EnumerateArray().Skip(1).Take(2).Select(m => m.GetProperty("id").GetString()),
            page.Json.GetProperty("messages").EnumerateArray().Select(m => m.GetProperty("id").GetString())
        );
    }

    [Fact]
    public async Task Cleared_history_is_gone_for_people_and_model_and_stays_so_over_a_restart()
    {
        await using var server = await StartAsync();
        server.Fake.Reply(s => s.Text("Good to know."));
        await using var ada = await Turns.Developer.SitDownAsync(server.Host);
        await ada.SayAsync("The secret word is swordfish");
        await ada.HearsTheEndAsync();
        var client = await server.Host.SignInAsync(cancellationToken: Cancel);
        var path = $"/api/v1/sessions/{ada.SessionId}/history";

        var cleared = await SendAsync(client, "DELETE", path);
        Assert.Equal((200, "cleared", ada.SessionId), (cleared.Status, cleared.String("status"), cleared.String("session_id")));
        Assert.Equal(0, (await SendAsync(client, "GET", path)).Number("message_count"));
        await server.Host.KillAsync();
        await server.Host.RestartAsync(Cancel);
        await using var again = await Turns.Developer.SitDownAsync(server.Host, ada.SessionId);
        await again.SayAsync("What was the word?");
        await again.HearsTheEndAsync();

        Assert.DoesNotContain("swordfish", server.Fake.LastRequest.Body.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain(again.Durable, f => f is Protocol.Frames.UserMessageFrame { Content: "The secret word is swordfish" });
        var after = await SendAsync(client, "GET", path);
        Assert.Equal(2, after.Number("message_count"));
        Assert.Equal(2, (await SendAsync(client, "GET", "/api/v1/sessions/" + ada.SessionId)).Number("message_count"));
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData("?request_type=tool", 1)]
    [InlineData("?request_type=all", 1)]
    [InlineData("?request_type=plan", 0)]
    public async Task Pending_approvals_have_no_member_missing(string query, int count)
    {
        var pending = await SendAsync(_rest.Ada, "GET", $"/api/v1/sessions/{_rest.Session}/pending-approvals{query}");

        Assert.Equal((200, count, _rest.Session), (pending.Status, pending.Number("count"), pending.String("session_id")));
        foreach (var item in pending.Json.GetProperty("pending_approvals").EnumerateArray())
        {
            foreach (
                var name in (string[])["request_id", "request_type", "subject", "call_id", "tool_name", "reason", "created_at", "status"]
            )
                Assert.Equal(JsonValueKind.String, item.GetProperty(name).ValueKind);
            Assert.Equal("d.txt", item.GetProperty("arguments").GetProperty("path").GetString());
            Assert.Equal("d.txt", item.GetProperty("details").GetProperty("arguments").GetProperty("path").GetString());
            Assert.Equal(_rest.Waiting, item.GetProperty("call_id").GetString());
            Assert.Equal("pending", item.GetProperty("status").GetString());
        }
    }

    [Fact]
    public async Task A_known_session_without_approvals_has_an_empty_list()
    {
        var id = (await SendAsync(_rest.Ada, "POST", "/api/v1/sessions")).String("id");

        var pending = await SendAsync(_rest.Ada, "GET", $"/api/v1/sessions/{id}/pending-approvals");

        Assert.Equal((200, 0), (pending.Status, pending.Number("count")));
    }

    [Theory]
    [InlineData("GET", "/api/v1/sessions/{id}", null)]
    [InlineData("PATCH", "/api/v1/sessions/{id}", "{}")]
    [InlineData("DELETE", "/api/v1/sessions/{id}", null)]
    [InlineData("GET", "/api/v1/sessions/{id}/history", null)]
    [InlineData("DELETE", "/api/v1/sessions/{id}/history", null)]
    [InlineData("GET", "/api/v1/sessions/{id}/pending-approvals", null)]
    [InlineData("POST", "/api/v1/sessions/{id}/hitl-decision", """{"call_id":"call_1","decision":"approve"}""")]
    [InlineData("POST", "/api/v1/sessions/{id}/approve", """{"action_id":"call_1","approved":true}""")]
    [InlineData("GET", "/api/v1/agents/{id}/current", null)]
    [InlineData("POST", "/api/v1/agents/{id}/switch", """{"agent_type":"coder"}""")]
    [InlineData("GET", "/api/v1/sessions/{id}/shares", null)]
    public async Task An_unknown_session_is_404_with_the_published_body(string method, string path, string? body)
    {
        var answer = await SendAsync(_rest.Ada, method, path.Replace("{id}", "no-such-session", StringComparison.Ordinal), body);

        Assert.Equal((404, "SESSION_NOT_FOUND"), (answer.Status, answer.Code));
        Assert.Equal("SESSION_NOT_FOUND", answer.String("error"));
        Assert.Equal("Session no-such-session not found", answer.String("message"));
        Assert.Equal(answer.String("message"), answer.String("detail"));
        Assert.Equal("no-such-session", answer.Json.GetProperty("details").GetProperty("session_id").GetString());
    }

    private static void AssertSessionObject(JsonElement session)
    {
        Assert.Equal(session.GetProperty("id").GetString(), session.GetProperty("session_id").GetString());
        Assert.Equal(JsonValueKind.Number, session.GetProperty("message_count").ValueKind);
        Assert.Equal(JsonValueKind.String, session.GetProperty("current_agent").ValueKind);
        Assert.Contains(session.GetProperty("is_active").ValueKind, (JsonValueKind[])[JsonValueKind.True, JsonValueKind.False]);
        foreach (var name in (string[])["created_at", "updated_at", "last_activity"])
            Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z$", session.GetProperty(name).GetString());
    }
}
