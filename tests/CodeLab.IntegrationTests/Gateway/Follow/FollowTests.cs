using System.Text.Json;
using CodeLab.Client.Approvals;
using CodeLab.IntegrationTests.Gateway.Rest;
using CodeLab.IntegrationTests.Turns;
using CodeLab.Protocol.Frames;
using CodeLab.Testing.Servers;
using Xunit;
using static CodeLab.IntegrationTests.Gateway.Follow.EventReader;
using static CodeLab.IntegrationTests.Gateway.Rest.RestServer;

namespace CodeLab.IntegrationTests.Gateway.Follow;

/// <summary>Following a session by server-sent events.</summary>
public sealed class FollowTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(90);

    /// <summary>Cuts of one run; all of issue 6's with <c>CODELAB_TESTS_FULL=1</c>.</summary>
    private static int Cuts => Environment.GetEnvironmentVariable("CODELAB_TESTS_FULL") == "1" ? 10_000 : 300;

    [Fact]
    public async Task A_session_is_followed_from_its_beginning_to_the_end_of_a_turn()
    {
        await using var server = await StartAsync();
        server.Fake.Reply(s => s.ToolCall("read_file", new { path = "README.md" }).Then().Text("It says hello.").DeltaSize(3));
        await using var ada = await Developer.SitDownAsync(server.Host);
        var reader = new EventReader(await server.Host.SignInAsync(cancellationToken: Cancel), ada.SessionId);
        using var limit = Limit();
        var reading = reader.ReadAsync(EndsTurn, limit.Token);
        await ada.SayAsync("Read it");
        await ada.HearsTheEndAsync();
        await reading;

        Assert.Equal(ada.Durable.Select(f => f.Seq), reader.Durable.Select(f => (long?)f.GetProperty("seq").GetInt64()));
        Assert.Contains(reader.Durable, f => TypeOf(f) == "tool_call" && f.GetProperty("tool_name").GetString() == "read_file");
        Assert.Equal("It says hello.", reader.Texts.Values.Last());
        Assert.Equal(
            reader.Durable[^1].GetProperty("seq").GetInt64().ToString(System.Globalization.CultureInfo.InvariantCulture),
            reader.LastId
        );
    }

    [Fact]
    public async Task Cut_after_every_event_and_inside_events_a_reader_misses_and_repeats_nothing()
    {
        await using var server = await StartAsync();
        var text = string.Join(' ', Enumerable.Range(0, 60).Select(i => $"Слово{i}"));
        server.Fake.Script(
            "long",
            s =>
                s.Text(text)
                    .DeltaSize(7)
                    .Slow(betweenDeltas: TimeSpan.FromMilliseconds(2))
                    .ToolCall("list_files", new { path = "." })
                    .Then()
                    .Text(text)
                    .DeltaSize(5)
        );
        await using var ada = await Developer.SitDownAsync(server.Host);
        var reader = new EventReader(await server.Host.SignInAsync(cancellationToken: Cancel), ada.SessionId);
        using var limit = Limit(Cuts > 1000 ? 20 : 1);
        var cuts = 0;
        for (var turn = 1; cuts < Cuts; turn++)
        {
            await ada.SayAsync($"Turn {turn} [[script:long]]");
            var over = false;
            while (!over)
            {
                // One event, sometimes two, sometimes half of the next: then the wire is gone.
                var left = 1 + (cuts % 3);
                await reader.ReadAsync(
                    frame =>
                    {
                        if (frame.TryGetProperty("seq", out _) || TypeOf(frame) == "assistant_message")
                            left--;
                        over |= EndsTurn(frame);
                        return over || left == 0;
                    },
                    limit.Token,
                    cutInside: cuts % 4 == 0 ? 9 : 0
                );
                Assert.False(reader.Ended);
                cuts++;
            }
        }

        await ada.HearsAsync<TurnCompletedFrame>(f => f.Seq == reader.Durable[^1].GetProperty("seq").GetInt64());
        // What the hub told in one piece is what the events told in many.
        Assert.Equal(ada.Durable.Select(f => f.Seq), reader.Durable.Select(f => (long?)f.GetProperty("seq").GetInt64()));
        foreach (var message in reader.Durable.Where(f => TypeOf(f) == "assistant_message"))
        {
            var whole = message.GetProperty("content").GetString()!;
            // Who comes back after the end of a text has it whole in the durable frame, and only the first pieces besides.
            if (reader.Texts.TryGetValue(message.GetProperty("message_id").GetString()!, out var pieces))
                Assert.StartsWith(pieces, whole, StringComparison.Ordinal);
        }
        TestContext.Current.SendDiagnosticMessage("{0} cuts", cuts);
    }

    [Fact]
    public async Task Inside_a_text_a_reader_goes_on_at_the_character()
    {
        await using var server = await StartAsync();
        server.Fake.Reply(s => s.Text("Roses are red, violets are blue").DeltaSize(5).Hold("poem", after: 3));
        await using var ada = await Developer.SitDownAsync(server.Host);
        var reader = new EventReader(await server.Host.SignInAsync(cancellationToken: Cancel), ada.SessionId);
        await ada.SayAsync("A poem");
        await server.Fake.WaitForGateAsync("poem", cancellationToken: Cancel);
        using var limit = Limit();

        await reader.ReadAsync(f => TypeOf(f) == "assistant_message", limit.Token);
        var cutAt = reader.Texts.Values.Single().Length;
        Assert.EndsWith($";{cutAt}", reader.LastId, StringComparison.Ordinal);
        var going = reader.ReadAsync(EndsTurn, limit.Token);
        server.Fake.Release("poem");
        await going;

        Assert.Equal("Roses are red, violets are blue", reader.Texts.Values.Single());
    }

    [Fact]
    public async Task A_place_that_is_not_there_begins_anew_and_nonsense_is_refused()
    {
        await using var server = await StartAsync();
        server.Fake.Reply(s => s.Text("Yes."));
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("There?");
        await ada.HearsTheEndAsync();
        var client = await server.Host.SignInAsync(cancellationToken: Cancel);
        using var limit = Limit();

        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/sessions/{ada.SessionId}/stream?last_event_id=9999");
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(limit.Token));
        var first = await lines.ReadLineAsync(limit.Token);
        await lines.ReadLineAsync(limit.Token);
        var second = await lines.ReadLineAsync(limit.Token);
        var nonsense = await SendAsync(client, "GET", $"/api/v1/sessions/{ada.SessionId}/stream?last_event_id=x;y");
        var unknown = await SendAsync(client, "GET", "/api/v1/sessions/no-such-session/stream");
        var anonymous = await SendAsync(server.Host.CreateClient(), "GET", $"/api/v1/sessions/{ada.SessionId}/stream");

        Assert.Contains("\"resync\"", first, StringComparison.Ordinal);
        Assert.StartsWith("id: ", second, StringComparison.Ordinal);
        Assert.Equal((400, 404, 401), (nonsense.Status, unknown.Status, anonymous.Status));
    }

    [Fact]
    public async Task A_reader_is_let_go_when_its_user_is_disabled_the_session_deleted_or_the_host_stops()
    {
        await using var server = await StartAsync();
        var admin = await SignInServiceAsync(server.Host);
        var (bob, bobId) = await AddUserAsync(server.Host, admin, "bob");
        var (eve, _) = await AddUserAsync(server.Host, admin, "eve");
        var bobs = (await SendAsync(bob, "POST", "/api/v1/sessions")).String("id")!;
        var eves = (await SendAsync(eve, "POST", "/api/v1/sessions")).String("id")!;
        var others = (await SendAsync(eve, "POST", "/api/v1/sessions")).String("id")!;
        using var limit = Limit();
        var (ofBob, ofEve, ofOther) = (new EventReader(bob, bobs), new EventReader(eve, eves), new EventReader(eve, others));
        var readings = new[] { Follow(ofBob), Follow(ofEve), Follow(ofOther) };
        await Task.WhenAll(readings.Select(r => r.Attached.WaitAsync(limit.Token)));

        var disabledAt = TimeProvider.System.GetTimestamp();
        await SendAsync(admin, "POST", $"/api/v1/admin/users/{bobId}/disable");
        await readings[0].Reading;
        var seconds = TimeProvider.System.GetElapsedTime(disabledAt).TotalSeconds;
        await SendAsync(eve, "DELETE", "/api/v1/sessions/" + eves);
        await readings[1].Reading;
        await server.Host.StopAsync(Cancel);
        await readings[2].Reading;

        Assert.True(seconds < 5, $"{seconds} s");
        Assert.Equal("TOKEN_INVALID", ofBob.Frames[^1].GetProperty("error_code").GetString());
        Assert.Equal("SESSION_EXPIRED", ofEve.Frames[^1].GetProperty("error_code").GetString());
        Assert.Equal("SERVER_SHUTTING_DOWN", ofOther.Frames[^1].GetProperty("error_code").GetString());
        Assert.InRange(ofOther.Frames[^1].GetProperty("retry_after").GetInt32(), 0, 5);
        Assert.True(ofBob.Ended && ofEve.Ended && ofOther.Ended);

        (Task Reading, Task Attached) Follow(EventReader reader)
        {
            var attached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var reading = reader.ReadAsync(
                _ =>
                {
                    attached.TrySetResult();
                    return false;
                },
                limit.Token
            );
            return (reading, attached.Task);
        }
    }

    [Theory]
    [InlineData("hitl-decision", """{"call_id":"CALL","decision":"approve"}""")]
    [InlineData("approve", """{"action_id":"CALL","approved":true}""")]
    public async Task What_follows_from_a_decision_is_streamed_to_whoever_asks_for_it(string route, string body)
    {
        await using var server = await StartAsync();
        server.Fake.Reply(s => s.ToolCall("write_file", new { path = "a.txt", content = "a" }).Then().Text("Written it."));
        await using var ada = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        await ada.SayAsync("Write");
        var call = (await ada.HearsQuestionAsync()).CallId;
        var client = await server.Host.SignInAsync(cancellationToken: Cancel);
        var path = $"/api/v1/sessions/{ada.SessionId}/{route}";
        var json = body.Replace("CALL", call, StringComparison.Ordinal);

        var answer = await SendAsync(client, "POST", path, json, accept: "text/event-stream");
        var again = await SendAsync(client, "POST", path, json, accept: "text/event-stream");

        var lines = answer.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(200, answer.Status);
        Assert.All(lines, l => Assert.StartsWith("data: ", l, StringComparison.Ordinal));
        Assert.Equal("data: [DONE]", lines[^1]);
        var frames = lines[..^1].Select(l => JsonElement.Parse(l[6..])).ToList();
        Assert.Contains(frames, f => TypeOf(f) == "tool_call" && !f.GetProperty("requires_approval").GetBoolean());
        var last = frames[^1];
        Assert.Equal(("assistant_message", true), (TypeOf(last), last.GetProperty("is_final").GetBoolean()));
        Assert.Equal("Written it.", last.GetProperty("content").GetString());
        Assert.Equal((409, "ALREADY_DECIDED"), (again.Status, again.Code));
    }

    [Fact]
    public async Task A_page_without_headers_follows_by_a_ticket_which_opens_one_session_once()
    {
        await using var server = await StartAsync();
        server.Fake.Reply(s => s.Text("Hello there."));
        var client = await server.Host.SignInAsync(cancellationToken: Cancel);
        var id = (await SendAsync(client, "POST", "/api/v1/sessions")).String("id")!;
        var other = (await SendAsync(client, "POST", "/api/v1/sessions")).String("id")!;
        using var limit = Limit();
        var stranger = server.Host.CreateClient();

        var (forId, forOther) = (await TicketAsync(id), await TicketAsync(id));
        using var elsewhere = await OpenAsync(other, forOther);
        using var spent = await OpenAsync(id, forOther);
        using var none = await stranger.GetAsync(new Uri($"/api/v1/sessions/{id}/stream", UriKind.Relative), limit.Token);
        // Only this route takes tickets.
        using var history = await stranger.GetAsync(
            new Uri($"/api/v1/sessions/{id}/history?ticket={await TicketAsync(id)}", UriKind.Relative),
            limit.Token
        );
        using var open = await OpenAsync(id, forId);
        using var twice = await OpenAsync(id, forId);
        Assert.Equal(200, (int)open.StatusCode);
        Assert.All([elsewhere, spent, none, history, twice], r => Assert.Equal(401, (int)r.StatusCode));
        await using var ada = await Developer.SitDownAsync(server.Host, sessionId: id);
        await ada.SayAsync("Hi");
        using var lines = new StreamReader(await open.Content.ReadAsStreamAsync(limit.Token));
        string? line;
        do line = await lines.ReadLineAsync(limit.Token);
        while (line?.Contains("Hello there.", StringComparison.Ordinal) == false);
        Assert.NotNull(line);

        async Task<string> TicketAsync(string session) =>
            (await SendAsync(client, "POST", $"/api/v1/sessions/{session}/socket-ticket")).String("ticket")!;

        async Task<HttpResponseMessage> OpenAsync(string session, string ticket)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/sessions/{session}/stream?ticket={ticket}");
            // What a browser sends along with an EventSource of our own page.
            request.Headers.Add("Origin", server.Host.BaseAddress.GetLeftPart(UriPartial.Authority));
            return await stranger.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
        }
    }

    [Fact]
    public async Task A_quiet_stream_says_that_it_lives()
    {
        await using var server = await CodeLabServer.StartAsync(cancellationToken: Cancel);
        var client = await server.SignInAsync(cancellationToken: Cancel);
        var id = (await SendAsync(client, "POST", "/api/v1/sessions")).String("id")!;
        using var limit = Limit();

        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/sessions/{id}/stream?from=now");
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(limit.Token));
        string? line;
        do line = await lines.ReadLineAsync(limit.Token);
        while (line?.StartsWith(':') == false);

        Assert.Equal(": keep-alive", line);
    }

    private static CancellationTokenSource Limit(int times = 1)
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(_patience * times);
        return limit;
    }
}
