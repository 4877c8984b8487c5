using System.Net.WebSockets;
using System.Text.Json;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Sockets;

/// <summary>The published protocol, a row a test: messages, aliases, invalid input, order rules (protocol.md §4.3 to §4.6).</summary>
public sealed class ConformanceTests(SocketServer server) : IClassFixture<SocketServer>
{
    private static readonly string[] _published = ["assistant_message", "tool_call", "agent_switched", "error"];

    [Theory]
    [InlineData("/api/v1")]
    [InlineData("")]
    public async Task Both_paths_play_a_turn_and_end_it_once(string prefix)
    {
        await using var client = await server.OpenAsync(prefix: prefix);

        await client.SayAsync("hello");
        var end = await client.ReadToEndAsync();

        Assert.Equal("Hello there, nice to see you.", end.Text("content"));
        Assert.All(client.Seen, m => Assert.Contains(m.Type(), _published));
        // Joined, the tokens are the text exactly once.
        Assert.Equal("Hello there, nice to see you.", Tokens(client));
        Assert.DoesNotContain(client.Seen, HasNull);
    }

    [Theory]
    [InlineData("stream=off", null)]
    [InlineData("", "Dart/3.9 (dart:io)")]
    public async Task Who_can_not_render_tokens_gets_one_whole_message(string query, string? agent)
    {
        await using var client = await server.OpenAsync(query: query, headers: agent is null ? [] : [("User-Agent", agent)]);

        await client.SayAsync("hello");
        var end = await client.ReadToEndAsync();

        var text = Assert.Single(client.Seen, m => m.Type() == "assistant_message");
        Assert.Equal(("Hello there, nice to see you.", "Hello there, nice to see you."), (text.Text("content"), text.Text("token")));
        Assert.True(end.TryGetProperty("message_id", out _));
    }

    [Fact]
    public async Task Tokens_asked_for_are_sent_to_any_program()
    {
        await using var client = await server.OpenAsync(query: "stream=tokens", headers: [("User-Agent", "Dart/3.9")]);

        await client.SayAsync("hello");
        var end = await client.ReadToEndAsync();

        Assert.True(client.Seen.Count(m => m.Type() == "assistant_message") > 2);
        Assert.Equal(("", "Hello there, nice to see you."), (end.Text("token"), end.Text("content")));
    }

    [Fact]
    public async Task Whatever_the_released_ide_sends_is_understood()
    {
        await using var client = await server.OpenAsync(query: "stream=off");

        await client.SendTextAsync(
            """
            {"type":"user_message","content":"Go [[script:write]]","role":"system","is_final":true,"call_id":null,"tool_name":null,
             "arguments":null,"requires_approval":null,"result":null,"error":null,"agent_type":"coder","from_agent":null,
             "to_agent":null,"reason":null,"metadata":null,"something_new":{"a":[1,2]}}
            """
        );
        var call = await client.ReadToAsync("tool_call");
        await client.SendTextAsync(
            $$"""
            {"type":"tool_result","content":null,"role":null,"call_id":"{{call.Text("call_id")}}","tool_name":"write_file",
             "result":{"success":true,"bytes_written":1},"error":null,"reason":null,"metadata":null}
            """
        );
        var end = await client.ReadToEndAsync();

        Assert.True(call.Flag("requires_approval"));
        Assert.Equal("a.txt", call.GetProperty("arguments").Text("path"));
        Assert.Equal("a.txt", call.GetProperty("args").Text("path"));
        Assert.Equal("Understood.", end.Text("content"));
        Assert.DoesNotContain(client.Seen, HasNull);
    }

    [Theory]
    [InlineData("Операция отклонена: write_file", true)]
    [InlineData("User rejected: User rejected", true)]
    [InlineData("No space left on device", false)]
    public async Task An_error_tells_a_rejection_from_a_failure(string error, bool rejected)
    {
        await using var client = await server.OpenAsync();
        await client.SayAsync("write");
        var call = await client.ReadToAsync("tool_call");

        await client.SendAsync(
            new
            {
                type = "tool_result",
                call_id = call.Text("call_id"),
                error,
            }
        );
        await client.ReadToEndAsync();

        var told = server.Turns.Fake.LastRequest.ToolResult("write_file");
        Assert.Equal(
            rejected,
            told!.Contains("reject", StringComparison.OrdinalIgnoreCase) || told.Contains("declined", StringComparison.OrdinalIgnoreCase)
        );
    }

    [Theory]
    [InlineData("""{"type":"hitl_decision","call_id":"CALL","decision":"approve"}""")]
    [InlineData("""{"type":"hitl_decision","request_id":"CALL","decision":"approved"}""")]
    [InlineData("""{"type":"hitl_response","call_id":"CALL","action":"approve"}""")]
    public async Task An_approval_sends_the_same_call_again_to_be_run(string decision)
    {
        await using var client = await server.OpenAsync();
        await client.SayAsync("write");
        var asked = await client.ReadToAsync("tool_call");

        await client.SendTextAsync(decision.Replace("CALL", asked.Text("call_id"), StringComparison.Ordinal));
        var run = await client.ReadToAsync("tool_call");
        await client.SendAsync(Result(run));
        var end = await client.ReadToEndAsync();

        Assert.Equal(asked.Text("call_id"), run.Text("call_id"));
        Assert.False(run.Flag("requires_approval"));
        Assert.Equal("Understood.", end.Text("content"));
    }

    [Theory]
    [InlineData("""{"type":"hitl_decision","call_id":"CALL","decision":"edit","modified_arguments":{"path":"b.txt","content":"y"}}""")]
    [InlineData("""{"type":"hitl_decision","call_id":"CALL","decision":"modify","edited_arguments":{"path":"b.txt","content":"y"}}""")]
    [InlineData("""{"type":"hitl_response","call_id":"CALL","action":"edit","edited_arguments":{"path":"b.txt","content":"y"}}""")]
    public async Task An_edit_replaces_the_arguments(string decision)
    {
        await using var client = await server.OpenAsync();
        await client.SayAsync("write");
        var asked = await client.ReadToAsync("tool_call");

        await client.SendTextAsync(decision.Replace("CALL", asked.Text("call_id"), StringComparison.Ordinal));
        var run = await client.ReadToAsync("tool_call");

        Assert.Equal(asked.Text("call_id"), run.Text("call_id"));
        Assert.Equal("b.txt", run.GetProperty("arguments").Text("path"));
    }

    [Fact]
    public async Task An_edit_that_fits_no_schema_leaves_the_call_waiting()
    {
        await using var client = await server.OpenAsync();
        await client.SayAsync("write");
        var id = (await client.ReadToAsync("tool_call")).Text("call_id");

        await client.SendAsync(
            new
            {
                type = "hitl_decision",
                call_id = id,
                decision = "edit",
                modified_arguments = new { path = 5 },
            }
        );
        var error = await client.ReadToAsync("error");
        await client.SendAsync(
            new
            {
                type = "hitl_decision",
                call_id = id,
                decision = "approve",
            }
        );

        Assert.Equal("INVALID_ARGUMENTS", error.Text("code"));
        Assert.False(error.Flag("is_final"));
        Assert.Equal(id, (await client.ReadToAsync("tool_call")).Text("call_id"));
    }

    [Theory]
    [InlineData("""{"type":"hitl_decision","call_id":"CALL","decision":"reject","feedback":"Use the docs folder"}""")]
    [InlineData("""{"type":"hitl_decision","call_id":"CALL","decision":"rejected","feedback":"Use the docs folder"}""")]
    [InlineData("""{"type":"hitl_response","call_id":"CALL","action":"reject","feedback":"Use the docs folder"}""")]
    public async Task A_rejection_and_its_feedback_reach_the_model(string decision)
    {
        await using var client = await server.OpenAsync();
        await client.SayAsync("write");
        var id = (await client.ReadToAsync("tool_call")).Text("call_id")!;

        await client.SendTextAsync(decision.Replace("CALL", id, StringComparison.Ordinal));
        var end = await client.ReadToEndAsync();
        await client.SendAsync(
            new
            {
                type = "tool_result",
                call_id = id,
                result = new { success = true },
            }
        );
        await client.SendAsync(new { type = "ping" });
        var next = await client.ReadToAsync(m => m.Type() is "pong" or "error");

        Assert.Equal("Understood.", end.Text("content"));
        Assert.Contains("Use the docs folder", server.Turns.Fake.LastRequest.ToolResult("write_file"), StringComparison.Ordinal);
        Assert.Contains(next.Type(), (string[])["pong", "error"]);
    }

    [Theory]
    [InlineData("coder", "coder")]
    [InlineData("code", "coder")]
    [InlineData("Architect", "architect")]
    public async Task The_picker_of_the_released_ide_switches_and_says_no_more(string agent, string becomes)
    {
        await using var client = await server.OpenAsync();

        await client.SendAsync(
            new
            {
                type = "switch_agent",
                agent_type = agent,
                content = "Switched to " + char.ToUpperInvariant(becomes[0]) + becomes[1..],
                reason = (string?)null,
            }
        );
        var switched = await client.ReadToAsync("agent_switched");
        await client.SendAsync(new { type = "ping" });
        await client.ReadToAsync("pong");

        Assert.Equal(becomes, switched.Text("to_agent"));
        Assert.NotNull(switched.Text("from_agent"));
        Assert.Equal(becomes, switched.GetProperty("metadata").Text("to_agent"));
        Assert.True(switched.Flag("is_final"));
        Assert.Equal("User requested agent switch", switched.Text("reason"));
        Assert.Equal(2, client.Seen.Count);
    }

    [Fact]
    public async Task A_switch_with_a_prompt_goes_on_with_it()
    {
        await using var client = await server.OpenAsync();

        await client.SendAsync(
            new
            {
                type = "switch_agent",
                agent_type = "architect",
                content = "Design it [[script:hello]]",
            }
        );
        var switched = await client.ReadToAsync("agent_switched");
        var end = await client.ReadToEndAsync();

        Assert.False(switched.Flag("is_final"));
        Assert.Equal("Hello there, nice to see you.", end.Text("content"));
    }

    [Fact]
    public async Task A_message_to_the_orchestrator_is_routed_before_it_is_answered()
    {
        await using var client = await server.OpenAsync();

        await client.SendAsync(new { type = "user_message", content = "Go [[script:list]]" });
        var call = await client.ReadToAsync("tool_call");
        await client.SendAsync(Result(call));
        await client.ReadToEndAsync();

        var order = client.Seen.Where(m => m.Type() != "assistant_message" || m.Text("content") is not null).Select(m => m.Type());
        Assert.Equal(["agent_switched", "assistant_message", "tool_call", "assistant_message"], order);
        Assert.False(call.Flag("requires_approval"));
        Assert.False(call.TryGetProperty("is_final", out _));
        Assert.Single(client.Seen, m => m.Flag("is_final"));
    }

    [Theory]
    [InlineData("two")]
    [InlineData("two-writes")]
    public async Task Only_one_tool_call_is_open_at_a_time(string script)
    {
        await using var client = await server.OpenAsync();
        await client.SayAsync(script);

        var first = await client.ReadToAsync("tool_call");
        await client.SendAsync(new { type = "ping" });
        var between = await client.ReadToAsync(m => m.Type() is "pong" or "tool_call");
        await client.SendAsync(Result(first));
        var second = await client.ReadToAsync("tool_call");
        await client.SendAsync(Result(second));
        await client.ReadToEndAsync();

        Assert.Equal("pong", between.Type());
        Assert.NotEqual(first.Text("call_id"), second.Text("call_id"));
        Assert.Equal(2, client.Seen.Count(m => m.Type() == "tool_call"));
    }

    [Fact]
    public async Task A_new_message_closes_an_open_call()
    {
        await using var client = await server.OpenAsync();
        await client.SayAsync("write");
        var call = await client.ReadToAsync("tool_call");

        await client.SayAsync("hello");
        var end = await client.ReadToEndAsync();
        await client.SendAsync(Result(call));
        await client.SendAsync(new { type = "ping" });

        Assert.Equal("Hello there, nice to see you.", end.Text("content"));
        Assert.Equal("pong", (await client.ReadAsync())!.Value.Type());
    }

    [Fact]
    public async Task A_cancel_ends_the_turn_with_a_last_message()
    {
        await using var client = await server.OpenAsync();
        await client.SayAsync("write");
        await client.ReadToAsync("tool_call");

        await client.SendAsync(new { type = "cancel" });
        var end = await client.ReadToEndAsync();

        Assert.Equal("assistant_message", end.Type());
        Assert.NotEqual("", end.Text("token"));
    }

    [Fact]
    public async Task A_repeated_result_is_silent_and_another_is_refused()
    {
        await using var client = await server.OpenAsync();
        await client.SayAsync("list");
        var call = await client.ReadToAsync("tool_call");
        await client.SendAsync(Result(call));
        await client.ReadToEndAsync();

        await client.SendAsync(Result(call));
        await client.SendAsync(new { type = "ping" });
        Assert.Equal("pong", (await client.ReadAsync())!.Value.Type());
        await client.SendAsync(
            new
            {
                type = "tool_result",
                call_id = call.Text("call_id"),
                result = "another",
            }
        );

        Assert.Equal("INVALID_CALL_ID", (await client.ReadToAsync("error")).Text("error_code"));
    }

    [Theory]
    [InlineData("not json", "INVALID_FORMAT")]
    [InlineData("", "INVALID_FORMAT")]
    [InlineData("[1]", "INVALID_FORMAT")]
    [InlineData("""{"type":"ping"} x""", "INVALID_FORMAT")]
    [InlineData("""{"type":"ping","type":"ping"}""", "INVALID_FORMAT")]
    [InlineData("""{"content":"x"}""", "INVALID_TYPE")]
    [InlineData("""{"type":null}""", "INVALID_TYPE")]
    [InlineData("""{"type":"shout"}""", "INVALID_TYPE")]
    [InlineData("""{"type":"user_message"}""", "MISSING_FIELD")]
    [InlineData("""{"type":"user_message","content":"  "}""", "MISSING_FIELD")]
    [InlineData("""{"type":"user_message","content":5}""", "INVALID_MESSAGE")]
    [InlineData("""{"type":"user_message","content":"a","message_id":"not an id"}""", "INVALID_MESSAGE")]
    [InlineData("""{"type":"user_message","content":"a","agent_type":"wizard"}""", "INVALID_MESSAGE")]
    [InlineData("""{"type":"tool_result"}""", "MISSING_FIELD")]
    [InlineData("""{"type":"tool_result","call_id":"call_unknown","result":1}""", "INVALID_CALL_ID")]
    [InlineData("""{"type":"tool_result","call_id":"a b","result":1}""", "INVALID_CALL_ID")]
    [InlineData("""{"type":"tool_result","call_id":"c","result":{"a":1,"a":2}}""", "INVALID_MESSAGE")]
    [InlineData("""{"type":"switch_agent"}""", "MISSING_FIELD")]
    [InlineData("""{"type":"switch_agent","agent_type":"wizard"}""", "INVALID_MESSAGE")]
    [InlineData("""{"type":"hitl_decision","decision":"approve"}""", "MISSING_FIELD")]
    [InlineData("""{"type":"hitl_decision","call_id":"call_unknown"}""", "MISSING_FIELD")]
    [InlineData("""{"type":"hitl_decision","call_id":"call_unknown","decision":"edit"}""", "MISSING_FIELD")]
    [InlineData("""{"type":"hitl_decision","call_id":"call_unknown","decision":"perhaps"}""", "INVALID_MESSAGE")]
    [InlineData("""{"type":"hitl_decision","call_id":"call_unknown","decision":"approve"}""", "INVALID_CALL_ID")]
    [InlineData("""{"type":"context_update"}""", "MISSING_FIELD")]
    [InlineData("""{"type":"context_update","action":"eat"}""", "INVALID_MESSAGE")]
    [InlineData("""{"type":"plan_decision","plan_id":"p","decision":"approve"}""", "INVALID_MESSAGE")]
    [InlineData("""{"type":"auth"}""", "MISSING_FIELD")]
    [InlineData("""{"type":"auth","token":"nonsense"}""", "TOKEN_INVALID")]
    public async Task Invalid_input_is_told_and_the_socket_stays_open(string text, string code)
    {
        await using var client = await server.OpenAsync();
        // The session exists: input for one that does not is a matter of its own.
        await client.SendAsync(new { type = "switch_agent", agent_type = "coder" });
        await client.ReadToAsync("agent_switched");

        await client.SendTextAsync(text);
        var error = (await client.ReadAsync())!.Value;
        await client.SendAsync(new { type = "ping" });

        Assert.Equal("error", error.Type());
        Assert.Equal((code, code), (error.Text("code"), error.Text("error_code")));
        Assert.Equal((error.Text("content"), error.Text("content")), (error.Text("error"), error.Text("message")));
        Assert.DoesNotContain("CodeLab", error.Text("content"), StringComparison.Ordinal);
        if (code == "MISSING_FIELD" && !text.Contains("auth", StringComparison.Ordinal))
            Assert.NotNull(error.GetProperty("details").Text("field"));
        Assert.Equal("pong", (await client.ReadAsync())!.Value.Type());
    }

    [Fact]
    public async Task Too_deep_a_message_is_invalid()
    {
        await using var client = await server.OpenAsync();

        await client.SendTextAsync($$"""{"type":"tool_result","call_id":"c","result":{{new string('[', 80)}}{{new string(']', 80)}}}""");

        Assert.Equal("INVALID_FORMAT", (await client.ReadToAsync("error")).Text("code"));
    }

    [Theory]
    [InlineData("add_file")]
    [InlineData("clear")]
    public async Task Context_is_kept_without_a_word(string action)
    {
        await using var client = await server.OpenAsync();
        await client.SendAsync(new { type = "switch_agent", agent_type = "coder" });
        await client.ReadToAsync("agent_switched");

        await client.SendAsync(
            new
            {
                type = "context_update",
                action,
                data = new { path = "a.txt", content = "x" },
            }
        );
        await client.SendAsync(new { type = "ping" });

        Assert.Equal("pong", (await client.ReadAsync())!.Value.Type());
    }

    [Fact]
    public async Task What_was_asked_for_by_capability_is_sent()
    {
        await using var client = await server.OpenAsync(query: "capabilities=status,done,session_info");
        await client.SayAsync("hello");
        await client.ReadToAsync("done");

        Assert.Contains(client.Seen, m => m.Type() == "session_info" && m.Text("session_id") == client.Session);
        Assert.Contains(client.Seen, m => m.Type() == "status" && m.Text("status") == "thinking" && m.Text("message") is not null);
        Assert.True(client.Seen[^1].Flag("is_final"));
    }

    [Fact]
    public async Task A_repeated_message_id_changes_nothing()
    {
        await using var client = await server.OpenAsync();
        var message = new
        {
            type = "user_message",
            content = "Hi [[script:hello]]",
            agent_type = "coder",
            message_id = "m-" + client.Session,
        };
        await client.SendAsync(message);
        await client.ReadToEndAsync();

        await client.SendAsync(message);
        await client.SendAsync(new { type = "ping" });

        Assert.Equal("pong", (await client.ReadAsync())!.Value.Type());
    }

    [Fact]
    public async Task Messages_are_taken_in_their_order_while_the_model_works()
    {
        await using var client = await server.OpenAsync(query: "stream=off");

        await client.SayAsync("hello", "one");
        await client.SayAsync("hello", "two");
        await client.ReadToEndAsync();
        await client.ReadToEndAsync();

        Assert.Equal(2, client.Seen.Count(m => m.Type() == "assistant_message"));
    }

    [Fact]
    public async Task A_late_comer_has_the_text_so_far()
    {
        server.Turns.Fake.Script("held", s => s.Text("One two three four five six.").DeltaSize(3).Hold("late", after: 4));
        await using var first = await server.OpenAsync();
        await first.SayAsync("held");
        await server.Turns.Fake.WaitForGateAsync("late", cancellationToken: TestContext.Current.CancellationToken);
        await first.ReadToAsync(m => m.Text("token") is { Length: > 0 });

        await using var late = await server.OpenAsync(first.Session);
        var sofar = await late.ReadToAsync("assistant_message");
        server.Turns.Fake.Release("late");
        await late.ReadToEndAsync();
        await first.ReadToEndAsync();

        Assert.StartsWith("One", sofar.Text("token"), StringComparison.Ordinal);
        Assert.Equal("One two three four five six.", Tokens(late));
        Assert.Equal("One two three four five six.", Tokens(first));
    }

    [Fact]
    public async Task A_fourth_socket_takes_the_place_of_the_oldest()
    {
        await using var first = await server.OpenAsync();
        await first.SayAsync("hello");
        await first.ReadToEndAsync();
        await using var second = await server.OpenAsync(first.Session);
        await using var third = await server.OpenAsync(first.Session);
        await second.SendAsync(new { type = "ping" });
        await second.ReadToAsync("pong");
        await third.SendAsync(new { type = "ping" });
        await third.ReadToAsync("pong");

        await using var fourth = await server.OpenAsync(first.Session);
        await fourth.SendAsync(new { type = "ping" });
        await fourth.ReadToAsync("pong");

        Assert.Equal(1000, await first.ReadToCloseAsync());
        Assert.Equal(WebSocketState.Open, second.Socket.State);
    }

    [Fact]
    public async Task A_resumed_socket_gets_what_it_missed_and_no_call_that_is_over()
    {
        await using var first = await server.OpenAsync(query: "client_id=ide-1");
        await first.SayAsync("list");
        var call = await first.ReadToAsync("tool_call");
        await first.SendAsync(Result(call));
        var end = await first.ReadToEndAsync();

        await using var again = await server.OpenAsync(first.Session, "client_id=ide-1&resume=1&last_seq=1&stream=off");
        var replayed = await again.ReadToEndAsync();

        Assert.Equal(end.GetProperty("seq").GetInt64(), replayed.GetProperty("seq").GetInt64());
        Assert.DoesNotContain(again.Seen, m => m.Type() == "tool_call");
        Assert.Equal(
            again.Seen.Select(m => m.GetProperty("seq").GetInt64()).Order(),
            again.Seen.Select(m => m.GetProperty("seq").GetInt64())
        );
    }

    [Fact]
    public async Task An_open_call_is_sent_again_only_to_the_client_that_says_it_is_the_same()
    {
        await using var first = await server.OpenAsync(query: "client_id=ide-2");
        await first.SayAsync("list");
        var call = await first.ReadToAsync("tool_call");
        first.Socket.Abort();

        await using var other = await server.OpenAsync(first.Session);
        await other.SendAsync(new { type = "ping" });
        await other.ReadToAsync("pong");
        await using var again = await server.OpenAsync(first.Session, "client_id=ide-2&resume=1");
        var redelivered = await again.ReadToAsync("tool_call");

        Assert.DoesNotContain(other.Seen, m => m.Type() == "tool_call");
        Assert.Equal(call.Text("call_id"), redelivered.Text("call_id"));
        Assert.True(redelivered.Flag("redelivered"));
    }

    [Fact]
    public async Task A_waiting_approval_is_shown_again_to_who_resumes()
    {
        await using var first = await server.OpenAsync();
        await first.SayAsync("write");
        var call = await first.ReadToAsync("tool_call");
        first.Socket.Abort();

        await using var again = await server.OpenAsync(first.Session, "resume=1");
        var shown = await again.ReadToAsync("tool_call");

        Assert.Equal(call.Text("call_id"), shown.Text("call_id"));
        Assert.True(shown.Flag("requires_approval"));
    }

    [Fact]
    public async Task A_watcher_is_not_sent_the_calls_of_another_executor()
    {
        await using var watcher = await server.OpenAsync();
        await watcher.SendAsync(new { type = "switch_agent", agent_type = "coder" });
        await watcher.ReadToAsync("agent_switched");
        await using var executor = await server.OpenAsync(watcher.Session);

        await executor.SayAsync("list");
        await executor.SendAsync(Result(await executor.ReadToAsync("tool_call")));
        await executor.ReadToEndAsync();
        await watcher.ReadToEndAsync();

        Assert.DoesNotContain(watcher.Seen, m => m.Type() == "tool_call");
    }

    private static string Tokens(SocketClient client) =>
        string.Concat(client.Seen.Where(m => m.Type() == "assistant_message").Select(m => m.Text("token")));

    private static object Result(JsonElement call) =>
        new
        {
            type = "tool_result",
            call_id = call.Text("call_id"),
            result = new { success = true },
        };

    private static bool HasNull(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Null => true,
            JsonValueKind.Object => value.EnumerateObject().Any(p => HasNull(p.Value)),
            JsonValueKind.Array => value.EnumerateArray().Any(HasNull),
            _ => false,
        };
}
