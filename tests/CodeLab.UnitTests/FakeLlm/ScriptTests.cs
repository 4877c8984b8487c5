using System.Text.Json;
using CodeLab.FakeLlm;
using Microsoft.Extensions.AI;
using Xunit;

namespace CodeLab.UnitTests.FakeLlm;

/// <summary>Which reply a request gets.</summary>
public sealed class ScriptTests : IAsyncLifetime
{
    private FakeLlmServer _fake = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _fake = await FakeLlmServer.StartAsync(cancellationToken: Cancel);

    public ValueTask DisposeAsync() => _fake.DisposeAsync();

    [Fact]
    public async Task A_repeated_call_gets_the_same_reply_and_call_id()
    {
        _fake.Reply(script => script.ToolCall("read_file").Then().Text("Second."));

        var first = await AskAsync(User("Hi"));
        var again = await AskAsync(User("Hi"));
        var next = await AskAsync(User("Hi"), Assistant("…"), User("Go on"));
        var other = await AskAsync(User("Another conversation"));

        Assert.Equal(CallId(first), CallId(again));
        Assert.NotEqual(CallId(first), CallId(other));
        Assert.Equal("Second.", next.Text);
    }

    [Fact]
    public async Task Adjacent_assistant_messages_are_one_turn()
    {
        _fake.Reply(script => script.Text("0").Then().Text("1").Then().Text("2"));

        var answer = await AskAsync(User("Hi"), Assistant("part one"), Assistant("part two"), User("Go on"));

        Assert.Equal("1", answer.Text);
    }

    [Fact]
    public async Task A_sequential_script_goes_on_with_every_request()
    {
        _fake.Reply(script => script.Sequential().Text("0").Fails(Fault.Http(500), tries: 1).Then().Text("1"));

        await Assert.ThrowsAnyAsync<Exception>(() => AskAsync(User("Hi")));
        var answers = new[] { await AskAsync(User("Hi")), await AskAsync(User("Hi")), await AskAsync(User("Hi")) };

        Assert.Equal(["0", "1"], answers.Take(2).Select(a => a.Text));
        Assert.Contains("no reply left", answers[2].Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Conversations_choose_their_script_by_a_marker()
    {
        _fake.Script("one", script => script.Text("one 0").Then().Text("one 1"));
        _fake.Script("two", script => script.Text("two 0").Then().Text("two 1"));
        _fake.Reply(script => script.Text("default"));

        var answers = new[]
        {
            await AskAsync(User("[[script:one]] Hi")),
            await AskAsync(User("Please [[script:two]]"), Assistant("two 0"), User("more")),
            await AskAsync(User("[[script:one]] Hi"), Assistant("one 0"), User("[[script:two]] now")),
            await AskAsync(User("[[script:one]] Hi"), Assistant("one 0"), User("[[script:one]] again")),
            await AskAsync(User("no marker")),
            await AskAsync(User("[[script:unknown]]")),
        };

        Assert.Equal(
            ["one 0", "two 1", "two 0", "one 1", "default", "The fake model has no script named 'unknown'."],
            answers.Select(a => a.Text)
        );
    }

    [Fact]
    public async Task A_conditional_reply_stands_outside_the_order()
    {
        _fake.Reply(script =>
            script
                .Text("ordered 0")
                .Then()
                .When(userContains: "title", model: Clients.Model)
                .Text("A title")
                .Then()
                .Text("ordered 1")
                .Then()
                .When(toolResult: "read_file", toolResultContains: "ENOENT")
                .Text("Not there.")
        );
        var failed = new ChatMessage(
            ChatRole.Assistant,
            [new FunctionCallContent("c1", "read_file", new Dictionary<string, object?>(StringComparer.Ordinal))]
        );
        var result = new ChatMessage(ChatRole.Tool, [new FunctionResultContent("c1", "ENOENT: no such file")]);

        var answers = new[]
        {
            await AskAsync(User("Hi")),
            await AskAsync(User("Give it a title")),
            await AskAsync(User("Hi"), Assistant("x"), User("go on")),
            await AskAsync(User("Hi"), failed, result),
        };

        Assert.Equal(["ordered 0", "A title", "ordered 1", "Not there."], answers.Select(a => a.Text));
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("ollama")]
    [InlineData("anthropic")]
    public async Task A_routing_call_is_answered_without_using_up_a_reply(string dialect)
    {
        _fake.Reply(script => script.Sequential().Text("The reply."));
        using var client = Clients.Chat(_fake, dialect);
        var schema = JsonDocument
            .Parse("""{"type":"object","properties":{"agent":{"type":"string"}},"required":["agent"],"additionalProperties":false}""")
            .RootElement;
        var options = new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(schema, "agent_route") };
        var system = new ChatMessage(ChatRole.System, "Choose an agent.\nCODELAB-ROUTE\n");

        var routed = await client.GetResponseAsync([system, User("Fix it")], options, Cancel);
        _fake.Route("architect");
        var rerouted = await client.GetStreamingResponseAsync([system, User("Fix it")], options, Cancel).ToChatResponseAsync(Cancel);
        var answered = await client.GetResponseAsync([User("Fix it")], cancellationToken: Cancel);

        Assert.Equal("""{"agent":"coder","confidence":"high","reasoning":"Coding task"}""", routed.Text);
        Assert.Equal("""{"agent":"architect","confidence":"high","reasoning":"Coding task"}""", rerouted.Text);
        Assert.Equal("The reply.", answered.Text);
        Assert.Equal(2, _fake.RoutingRequests.Count);
        Assert.Single(_fake.ChatRequests);
    }

    [Fact]
    public async Task A_reply_for_routing_and_a_script_s_route_take_precedence()
    {
        _fake.Script("own", script => script.WhenRouting().Text("not json").Then().Text("The reply."));
        _fake.Script("named", script => script.Route("debug").Text("The reply."));
        var system = new ChatMessage(ChatRole.System, "CODELAB-ROUTE");

        var own = await AskAsync(system, User("[[script:own]]"));
        var named = await AskAsync(system, User("[[script:named]]"));
        _fake.Route(null);
        var off = await AskAsync(system, User("no marker"));

        Assert.Equal("not json", own.Text);
        Assert.Contains("\"agent\":\"debug\"", named.Text, StringComparison.Ordinal);
        Assert.Equal("The fake model has no script.", off.Text);
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task History_that_the_real_provider_refuses_is_refused(string dialect)
    {
        _fake.Reply(script => script.Text("No."));
        using var client = Clients.Chat(_fake, dialect);
        var call = new ChatMessage(
            ChatRole.Assistant,
            [new FunctionCallContent("c1", "read_file", new Dictionary<string, object?>(StringComparer.Ordinal))]
        );
        var orphan = new ChatMessage(ChatRole.Tool, [new FunctionResultContent("c2", "who asked?")]);

        await Assert.ThrowsAnyAsync<Exception>(() => client.GetResponseAsync([User("Hi"), call, User("go on")], cancellationToken: Cancel));
        await Assert.ThrowsAnyAsync<Exception>(() => client.GetResponseAsync([User("Hi"), orphan], cancellationToken: Cancel));

        Assert.Equal([400, 400], _fake.Requests.Select(r => r.Status));
        Assert.All(_fake.Requests, r => Assert.Contains("tool", r.Failure!, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_shipped_script_is_found_by_name()
    {
        _fake.Use("edit-readme");

        var answer = await AskAsync(User("Hi"));

        Assert.Equal("list_files", answer.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>().Single().Name);
        Assert.Contains("edit-readme", ScriptFile.Shipped.Select(s => s.Name));
        Assert.All(ScriptFile.Shipped, s => Assert.NotEmpty(s.Replies));
        Assert.Throws<ArgumentException>(() => _fake.Use("no-such-script"));
    }

    [Fact]
    public void A_script_file_says_everything_the_builder_says()
    {
        var script = ScriptFile.Parse(
            """
            { "name": "all", "mode": "sequential", "route": "ask", "exhausted": "Over.", "replies": [
              { "when": "route", "text": "{}" },
              { "when": { "model": "m", "user_contains": "u", "turn": 2 }, "text": "t", "reasoning": "r", "finish_reason": "length", "delta_size": 3,
                "first_byte_delay_ms": 5, "delta_delay_ms": 6, "headers": { "x-a": "b" }, "extra": { "c": 1 },
                "tool_calls": [ { "name": "x", "arguments": { "a": [1] } }, { "name": "y", "arguments_text": "{", "id": "i" } ],
                "usage": { "input_tokens": 1, "output_tokens": 2, "cache_read_tokens": 3 },
                "holds": [ { "gate": "g", "after": 2 }, { "gate": "h" } ],
                "faults": [ { "kind": "status", "status": 429, "tries": 2, "headers": { "Retry-After": "1" } }, { "kind": "long_line", "bytes": 9, "after": 1 } ] } ] }
            """
        )[0];

        Assert.Equal((ScriptMode.Sequential, "ask", "Over."), (script.Mode, script.Route, script.Exhausted));
        Assert.True(script.Replies[0].When!.Route);
        var reply = script.Replies[1];
        Assert.Equal(
            new ReplyCondition
            {
                Model = "m",
                UserContains = "u",
                Turn = 2,
            },
            reply.When
        );
        Assert.Equal("{\"a\":[1]}", reply.ToolCalls[0].Arguments!.ToJsonString());
        Assert.Equal("{", reply.ToolCalls[1].ArgumentsText);
        Assert.Equal([new Hold("g", 2), new Hold("h")], reply.Holds);
        Assert.Equal((FaultKind.LongLine, 9, 1), (reply.Faults[1].Kind, reply.Faults[1].Bytes, reply.Faults[1].After));
        Assert.Equal(2, reply.Faults[0].Tries);
        Assert.Throws<JsonException>(() => ScriptFile.Parse("""{ "replies": [ { "txet": "a typing mistake" } ] }"""));
    }

    private static ChatMessage User(string text) => new(ChatRole.User, text);

    private static ChatMessage Assistant(string text) => new(ChatRole.Assistant, text);

    private static string CallId(ChatResponse response) =>
        response.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>().Single().CallId;

    private async Task<ChatResponse> AskAsync(params ChatMessage[] messages)
    {
        using var client = Clients.Chat(_fake, "openai");
        return await client.GetStreamingResponseAsync(messages, cancellationToken: Cancel).ToChatResponseAsync(Cancel);
    }
}
