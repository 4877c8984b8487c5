using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CodeLab.Client.Approvals;
using CodeLab.IntegrationTests.Gateway.Rest;
using CodeLab.IntegrationTests.Turns;
using CodeLab.Protocol.Frames;
using CodeLab.Testing.Databases;
using Xunit;
using static CodeLab.IntegrationTests.Gateway.Rest.RestServer;

namespace CodeLab.IntegrationTests.Transfer;

/// <summary>Sessions leave a server as files, come back, and are forked; on both databases, over the real doors.</summary>
public sealed class TransferTests
{
    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task An_exported_session_comes_back_with_all_that_was_said_and_nothing_is_run(DatabaseKind database)
    {
        await using var server = await RestServer.StartAsync(database);
        var admin = await SignInServiceAsync(server.Host);
        var ada = await server.Host.SignInAsync(cancellationToken: Cancel);
        var (developer, waiting) = await LiveAsync(server);
        await using var sitting = developer;
        var (bob, bobId) = await AddUserAsync(server.Host, admin, "bob");
        var (carol, _) = await AddUserAsync(server.Host, admin, "carol");
        var asked = server.Fake.Requests.Count;

        var export = await SendAsync(ada, "GET", $"/api/v1/sessions/{developer.SessionId}/export");
        var imported = await ImportAsync(bob, export.Text);

        Assert.Equal(200, export.Status);
        Assert.Equal(201, imported.Status);
        var id = imported.String("id")!;
        Assert.Equal(("idle", "import", developer.SessionId), Told(imported));
        var lines = Lines(export.Text);
        Assert.Equal(lines.Count - 1, lines[0]["events"]!.GetValue<int>());
        Assert.Equal(lines.Count - 1, imported.Number("parent_seq"));
        // What was said is the same; what waited is closed, in the copy alone.
        var (before, after) = (await HistoryAsync(ada, developer.SessionId), await HistoryAsync(bob, id));
        Assert.Equal(before, after.Take(before.Count));
        Assert.Equal("tool", Assert.Single(after.Skip(before.Count)).Role);
        Assert.Empty((await PendingAsync(bob, id)).EnumerateArray());
        Assert.Equal(
            waiting,
            Assert.Single((await PendingAsync(ada, developer.SessionId)).EnumerateArray()).GetProperty("call_id").GetString()
        );
        Assert.Equal(asked, server.Fake.Requests.Count);
        // It belongs to who imported it, who goes on with it.
        Assert.Equal("SESSION_NOT_FOUND", (await SendAsync(carol, "GET", $"/api/v1/sessions/{id}")).Code);
        Assert.Equal(
            bobId,
            Lines((await SendAsync(bob, "GET", $"/api/v1/sessions/{id}/export")).Text)[1]["data"]!["owner"]!.GetValue<string>()
        );
        server.Fake.Script("on", s => s.Text("I remember."));
        await using var bobs = await Developer.SitDownAsync(server.Host, id, username: "bob", password: Password);
        await bobs.SayAsync("Go on [[script:on]]");
        await bobs.HearsTheEndAsync();
        Assert.Contains("Do the work", server.Fake.LastRequest.BodyText, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task A_fork_shares_the_past_closes_what_was_open_and_goes_its_own_way(DatabaseKind database)
    {
        await using var server = await RestServer.StartAsync(database);
        var ada = await server.Host.SignInAsync(cancellationToken: Cancel);
        var (developer, waiting) = await LiveAsync(server);
        await using var sitting = developer;
        var head = Lines((await SendAsync(ada, "GET", $"/api/v1/sessions/{developer.SessionId}/export")).Text).Count - 1;

        var fork = await SendAsync(ada, "POST", $"/api/v1/sessions/{developer.SessionId}/fork", """{"title":"Another way"}""");
        var id = fork.String("id")!;

        Assert.Equal((201, "Another way", (long)head), (fork.Status, fork.String("title"), fork.Number("parent_seq")));
        Assert.Equal(("idle", "fork", developer.SessionId), Told(fork));
        Assert.Empty((await PendingAsync(ada, id)).EnumerateArray());
        var log = Lines((await SendAsync(ada, "GET", $"/api/v1/sessions/{id}/export")).Text);
        Assert.Equal(["session.updated", "approval.resolved", "tool.result", "turn.cancelled", "session.copied"], Types(log).Skip(head));
        server.Fake.Script("on", s => s.Text("A new way."));
        await using var other = await Developer.SitDownAsync(server.Host, id);
        await other.SayAsync("Try it otherwise [[script:on]]");
        await other.HearsTheEndAsync();
        // The first session waits as before, and goes on.
        await developer.DecideAsync(waiting, "approve");
        await developer.HearsEndsAsync(2);
        Assert.Equal("d", await File.ReadAllTextAsync(Path.Combine(developer.Workspace, "d.txt"), Cancel));
        Assert.False(File.Exists(Path.Combine(other.Workspace, "d.txt")));
    }

    [Fact]
    public async Task A_session_is_forked_at_every_event_and_each_fork_is_idle_and_usable()
    {
        await using var server = await RestServer.StartAsync();
        var ada = await server.Host.SignInAsync(cancellationToken: Cancel);
        var (developer, _) = await LiveAsync(server);
        await using var sitting = developer;
        var head = Lines((await SendAsync(ada, "GET", $"/api/v1/sessions/{developer.SessionId}/export")).Text).Count - 1;
        server.Fake.Script("on", s => s.Text("Here I am."));

        for (var at = 1; at <= head; at++)
        {
            var fork = await SendAsync(ada, "POST", $"/api/v1/sessions/{developer.SessionId}/fork", $$"""{"at_seq":{{at}}}""");
            Assert.Equal((201, "idle", (long)at), (fork.Status, fork.String("status"), fork.Number("parent_seq")));
            // The provider's double refuses a conversation with a call that has no result, as real ones do.
            await using var other = await Developer.SitDownAsync(server.Host, fork.String("id"), watchOnly: true);
            await other.SayAsync("And now? [[script:on]]");
            await other.HearsTheEndAsync();
        }
        Assert.Equal((400, "INVALID_SEQ"), await RefusedAsync(ada, developer.SessionId, head + 1));
        Assert.Equal((400, "INVALID_SEQ"), await RefusedAsync(ada, developer.SessionId, 0));
    }

    [Fact]
    public async Task Only_owners_export_and_fork()
    {
        await using var server = await RestServer.StartAsync();
        var admin = await SignInServiceAsync(server.Host);
        var ada = await server.Host.SignInAsync(cancellationToken: Cancel);
        var session = (await SendAsync(ada, "POST", "/api/v1/sessions")).String("id");
        var (bob, bobId) = await AddUserAsync(server.Host, admin, "bob");
        var (carol, _) = await AddUserAsync(server.Host, admin, "carol");
        await SendAsync(ada, "PUT", $"/api/v1/sessions/{session}/shares/users/{bobId}", """{"role":"driver"}""");

        Assert.Equal(403, (await SendAsync(bob, "GET", $"/api/v1/sessions/{session}/export")).Status);
        Assert.Equal(403, (await SendAsync(bob, "POST", $"/api/v1/sessions/{session}/fork")).Status);
        Assert.Equal(404, (await SendAsync(carol, "GET", $"/api/v1/sessions/{session}/export")).Status);
        Assert.Equal(404, (await SendAsync(carol, "POST", $"/api/v1/sessions/{session}/fork")).Status);
    }

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task A_file_with_a_wrong_line_leaves_nothing_and_the_line_is_named(DatabaseKind database)
    {
        await using var server = await RestServer.StartAsync(
            database,
            ("CodeLab__Agent__ImportMegabytes", "1"),
            ("CodeLab__Agent__ImportLineKilobytes", "64")
        );
        var ada = await server.Host.SignInAsync(cancellationToken: Cancel);
        var (developer, _) = await LiveAsync(server);
        await using var sitting = developer;
        var good = (await SendAsync(ada, "GET", $"/api/v1/sessions/{developer.SessionId}/export")).Text.Split('\n')[..^1];
        var result = Array.FindIndex(good, l => l.Contains("\"type\":\"tool.result\"", StringComparison.Ordinal));
        var turn = Array.FindIndex(good, l => l.Contains("\"type\":\"turn.started\"", StringComparison.Ordinal));
        var many =
            good.Length > 300
                ? good
                : [good[0].Replace($"\"events\":{good.Length - 1}", "\"events\":1000", StringComparison.Ordinal), .. good[1..]];
        (string Name, string Text, int Line)[] bad =
        [
            ("empty", "", 1),
            ("no header", string.Join('\n', good[1..]), 1),
            ("not json", string.Join('\n', [.. good[..5], "{oh no", .. good[6..]]), 6),
            ("cut", string.Join('\n', good[..^3]), good.Length - 3),
            ("promises more", string.Join('\n', many), good.Length),
            ("one too many", string.Join('\n', [.. good, good[^1]]), good.Length + 1),
            ("a gap", string.Join('\n', [.. good[..turn], .. good[(turn + 1)..]]), turn + 1),
            ("a result twice", Renumber([.. good[..(result + 1)], good[result], .. good[(result + 1)..]]), result + 2),
            (
                "an unknown kind",
                string.Join('\n', good).Replace("\"turn.started\"", "\"turn.exploded\"", StringComparison.Ordinal),
                turn + 1
            ),
            ("a member missing", string.Join('\n', good).Replace("\"turn_id\"", "\"turn_no\"", StringComparison.Ordinal), turn + 1),
            ("a long line", string.Join('\n', [.. good[..4], new string(' ', 70 * 1024) + good[4], .. good[5..]]), 5),
        ];
        var sessions = (await SendAsync(ada, "GET", "/api/v1/sessions?active_only=false")).Number("total");

        foreach (var (name, text, line) in bad)
        {
            var refused = await ImportAsync(ada, text);
            Assert.True((refused.Status, refused.Status == 400 ? refused.Code : "") == (400, "INVALID_EXPORT"), $"{name}: {refused.Text}");
            Assert.True(refused.Json.GetProperty("details").GetProperty("line").GetString() == $"{line}", $"{name}: {refused.Text}");
        }
        var large = await ImportAsync(ada, string.Join('\n', good) + string.Concat(Enumerable.Repeat("\n", 1024 * 1024)));

        Assert.Equal((413, "EXPORT_TOO_LARGE"), (large.Status, large.Code));
        Assert.Equal(sessions, (await SendAsync(ada, "GET", "/api/v1/sessions?active_only=false")).Number("total"));
        Assert.Equal(201, (await ImportAsync(ada, string.Join("\r\n", good))).Status);
    }

    [Fact]
    public async Task Rights_given_in_the_other_session_do_not_come_along()
    {
        await using var server = await RestServer.StartAsync();
        var ada = await server.Host.SignInAsync(cancellationToken: Cancel);
        server.Fake.Script("write", s => s.ToolCall("write_file", new { path = "a.txt", content = "x" }).Then().Text("Done."));
        await using var first = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        await first.SayAsync("Write [[script:write]]");
        await first.DecideAsync((await first.HearsQuestionAsync()).CallId, "approve", remember: true);
        await first.HearsTheEndAsync();
        await SendAsync(ada, "PUT", "/api/v1/settings/autonomy", $$"""{"session_id":"{{first.SessionId}}","level":"autonomous"}""");
        var export = await SendAsync(ada, "GET", $"/api/v1/sessions/{first.SessionId}/export");

        string[] copies =
        [
            (await ImportAsync(ada, export.Text)).String("id")!,
            (await SendAsync(ada, "POST", $"/api/v1/sessions/{first.SessionId}/fork")).String("id")!,
        ];

        foreach (var copy in copies)
        {
            await using var developer = await Developer.SitDownAsync(server.Host, copy, approvals: ApprovalMode.Ask);
            server.Fake.Script("again", s => s.ToolCall("write_file", new { path = "a.txt", content = "x" }).Then().Text("Done."));
            await developer.SayAsync("Write again [[script:again]]");
            var question = await developer.HearsAsync<ToolCallFrame>(f => f.RequiresApproval && f.Seq > Lines(export.Text).Count);
            Assert.Equal("write_file", question.ToolName);
        }
    }

    private static async Task<(int, string)> RefusedAsync(HttpClient client, string session, int at)
    {
        var refused = await SendAsync(client, "POST", $"/api/v1/sessions/{session}/fork", $$"""{"at_seq":{{at}}}""");
        return (refused.Status, refused.Code);
    }

    private static async Task<Answer> ImportAsync(HttpClient client, string lines)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/api/v1/sessions/import", UriKind.Relative));
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(lines));
        request.Content.Headers.ContentType = new("application/jsonl");
        using var response = await client.SendAsync(request, Cancel);
        return new((int)response.StatusCode, await response.Content.ReadAsStringAsync(Cancel), new Dictionary<string, string>());
    }

    private static (string?, string?, string?) Told(Answer session) =>
        (session.String("status"), session.String("parent_kind"), session.String("parent_id"));

    private static List<JsonNode> Lines(string text) =>
        [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!)];

    private static IEnumerable<string> Types(List<JsonNode> lines) => lines.Skip(1).Select(l => l["type"]!.GetValue<string>());

    /// <summary>Gives every event its place again, so that nothing but what was changed is wrong.</summary>
    private static string Renumber(string[] lines)
    {
        var nodes = lines.Select(l => JsonNode.Parse(l)!).ToArray();
        nodes[0]["events"] = nodes.Length - 1;
        for (var i = 1; i < nodes.Length; i++)
            nodes[i]["seq"] = i;
        return string.Join('\n', nodes.Select(n => n.ToJsonString()));
    }

    private static async Task<List<(string? Role, string? Content)>> HistoryAsync(HttpClient client, string session)
    {
        var history = await SendAsync(client, "GET", $"/api/v1/sessions/{session}/history");
        return
        [
            .. history
                .Json.GetProperty("messages")
                .EnumerateArray()
                .Select(m => (m.GetProperty("role").GetString(), m.TryGetProperty("content", out var c) ? c.GetString() : null)),
        ];
    }

    private static async Task<JsonElement> PendingAsync(HttpClient client, string session) =>
        (await SendAsync(client, "GET", $"/api/v1/sessions/{session}/pending-approvals")).Json.GetProperty("pending_approvals");
}
