using System.Net;
using System.Text;
using CodeLab.FakeLlm;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.PassThrough;
using Xunit;

namespace CodeLab.UnitTests.Llm.Doors;

/// <summary>The same dialect in and out: what the provider sends is what the caller gets, byte for byte, whether or not we know it.</summary>
public sealed class PassThroughTests
{
    private const string ChatStream =
        "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"vendor\":{\"x\":[1,2]},\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
        + ": a comment\n\n"
        + "data:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"He\\u0079\",\"reasoning_content\":\"hm\"},\"logprobs\":{\"content\":[{\"token\":\"Hey\",\"logprob\":-0.25,\"bytes\":[72,101],\"top_logprobs\":[]}]}}]}\r\n\r\n"
        + "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
        + "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":4},\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\n"
        + "data: [DONE]\n\n";

    private const string MessagesStream =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":5,\"cache_creation_input_tokens\":7,\"cache_read_input_tokens\":9,\"output_tokens\":1,\"cache_creation\":{\"ephemeral_5m_input_tokens\":7}},\"container\":null}}\n\n"
        + "event: ping\ndata: {\"type\": \"ping\"}\n\n"
        + "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n"
        + "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"so\"}}\n\n"
        + "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"EqQBCgIYAhIM/+==\"}}\n\n"
        + "event: something_new\ndata: {\"type\":\"something_new\",\"payload\":{\"deep\":{\"er\":true}}}\n\n"
        + "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        + "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":12},\"context_management\":{\"applied_edits\":[]}}\n\n"
        + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    private const string ResponsesStream =
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"usage\":null}}\n\n"
        + "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hey\",\"obfuscation\":\"a1b2\"}\n\n"
        + "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"reasoning\":{\"encrypted_content\":\"gAAA==\"},\"usage\":{\"input_tokens\":11,\"input_tokens_details\":{\"cached_tokens\":4},\"output_tokens\":3,\"output_tokens_details\":{\"reasoning_tokens\":2},\"total_tokens\":14}}}\n\n";

    private const string OllamaLines =
        "{\"model\":\"x\",\"message\":{\"role\":\"assistant\",\"content\":\"Hey\",\"new\":1},\"done\":false}\n"
        + "{\"model\":\"x\",\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":11,\"eval_count\":3,\"load_duration\":5}\n";

    [Theory]
    [InlineData("chat", "openai", ChatStream, 11, 3, 4)]
    [InlineData("messages", "anthropic", MessagesStream, 21, 12, 9)]
    [InlineData("responses", "openai", ResponsesStream, 11, 3, 4)]
    [InlineData("ollama", "ollama", OllamaLines, 11, 3, 0)]
    public async Task A_stream_passes_byte_for_byte_and_its_usage_is_read(
        string door,
        string kind,
        string raw,
        int input,
        int output,
        int cached
    )
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Raw(raw));
        await using var doors = await DoorHost.StartAsync(kind, fake);

        using var response = await doors.PostAsync(DoorWire.Path(door), DoorWire.Ask(door, stream: true, "Hi"));
        var bytes = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(raw, Encoding.UTF8.GetString(bytes));
        var row = Assert.Single(await doors.LedgerAsync(1));
        Assert.Equal((input, output, cached, false), (row.InputTokens, row.OutputTokens, row.CachedTokens, row.IsEstimated));
    }

    [Theory]
    [InlineData(
        "chat",
        "openai",
        """{"id":"1","usage_of_words":{"usage":1},"choices":[{"message":{"role":"assistant","content":"He\u0079 {\"usage\":9}","annotations":[]},"finish_reason":"stop"}], "usage" : {"prompt_tokens":11,"completion_tokens":3},"new":{"a":[1,{}]}}"""
    )]
    [InlineData(
        "messages",
        "anthropic",
        """{"id":"msg_1","type":"message","content":[{"type":"thinking","thinking":"so","signature":"Eq/+=="},{"type":"tool_use","id":"t","name":"f","input":{"usage":{"input_tokens":99}}}],"stop_reason":"end_turn","usage":{"input_tokens":11,"output_tokens":3},"container":null}"""
    )]
    public async Task A_whole_answer_passes_byte_for_byte(string door, string kind, string raw)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Raw(raw));
        await using var doors = await DoorHost.StartAsync(kind, fake);

        using var response = await doors.PostAsync(DoorWire.Path(door), DoorWire.Ask(door, stream: false, "Hi"));

        Assert.Equal(raw, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        var row = Assert.Single(await doors.LedgerAsync(1));
        Assert.Equal((11L, 3L), (row.InputTokens, row.OutputTokens));
    }

    [Fact]
    public async Task A_request_reaches_the_provider_as_it_came_but_for_the_model_and_the_question_for_usage()
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Hey").RepeatLast());
        await using var doors = await DoorHost.StartAsync("openai", fake);
        const string before = """{ "vendor" : [1, {"x":null}],  "model" :""";
        const string after = """ , "messages":[{"role":"user","content":"Gr\u00fc\u00dfe"}],"seed":7 }""";

        (await doors.PostAsync("/v1/chat/completions", before + "\"openai/fake-model\"" + after)).Dispose();
        Assert.Equal(before + "\"fake-model\"" + after, fake.LastRequest.BodyText);

        (
            await doors.PostAsync(
                "/v1/chat/completions",
                """{"stream":true,"model":"fake-model","messages":[{"role":"user","content":"x"}]}"""
            )
        ).Dispose();
        Assert.Equal(
            """{"stream_options":{"include_usage":true},"stream":true,"model":"fake-model","messages":[{"role":"user","content":"x"}]}""",
            (await fake.WaitForRequestAsync(count: 2, cancellationToken: TestContext.Current.CancellationToken)).BodyText
        );

        (
            await doors.PostAsync(
                "/v1/chat/completions",
                """{"stream":true,"stream_options":{"include_obfuscation":false},"model":"openai/fake-model","messages":[{"role":"user","content":"x"}]}"""
            )
        ).Dispose();
        Assert.Equal(
            """{"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},"model":"fake-model","messages":[{"role":"user","content":"x"}]}""",
            (await fake.WaitForRequestAsync(count: 3, cancellationToken: TestContext.Current.CancellationToken)).BodyText
        );
    }

    [Fact]
    public async Task Usage_the_caller_did_not_ask_for_is_on_record_and_not_in_the_stream()
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Hello there").DeltaSize(3).Usage(40, 9));
        await using var doors = await DoorHost.StartAsync("openai", fake);

        using var response = await doors.PostAsync(
            "/v1/chat/completions",
            """{"stream":true,"model":"fake-model","messages":[{"role":"user","content":"x"}]}"""
        );
        var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.DoesNotContain("\"choices\":[]", body, StringComparison.Ordinal);
        Assert.EndsWith("data: [DONE]\n\n", body, StringComparison.Ordinal);
        Assert.Equal(
            "Hello there",
            string.Concat(DoorWire.Events(body).Select(e => e["choices"]![0]!["delta"]!["content"]?.GetValue<string>()))
        );
        var row = Assert.Single(await doors.LedgerAsync(1));
        Assert.Equal((40L, 9L, false), (row.InputTokens, row.OutputTokens, row.IsEstimated));
    }

    [Theory]
    [InlineData("chat", "", "/openai/v1/chat/completions", "")]
    [InlineData("messages", "", "/openai/v1/chat/completions", "")]
    [InlineData("responses", "", "/openai/v1/responses", "")]
    [InlineData("chat", "2024-10-21", "/openai/deployments/fake-model/chat/completions", "?api-version=2024-10-21")]
    [InlineData("responses", "2024-10-21", "/openai/deployments/fake-model/chat/completions", "?api-version=2024-10-21")]
    public async Task Azure_is_asked_at_its_own_address_with_its_own_key_header(string door, string version, string path, string query)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Hello from a deployment."));
        await using var doors = await DoorHost.StartAsync("azure_openai", fake, ("OPENAI_API_VERSION", version));

        using var response = await doors.PostAsync(DoorWire.Path(door), DoorWire.Ask(door, false, "Hi"));
        var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.True(response.IsSuccessStatusCode, body);
        Assert.Equal("Hello from a deployment.", DoorWire.Read(door, false, body).Text);
        Assert.Equal((path, query), (fake.LastRequest.Path, fake.LastRequest.Query));
        Assert.Equal("sk-canary", fake.LastRequest.Headers["api-key"]);
    }

    [Fact]
    public async Task Version_and_betas_of_an_anthropic_client_go_with_the_body()
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Hey"));
        await using var doors = await DoorHost.StartAsync("anthropic", fake);

        (
            await doors.PostAsync(
                "/v1/messages",
                DoorWire.Ask("messages", false, "Hi"),
                ("anthropic-version", "2026-10-21"),
                ("anthropic-beta", "context-1m-2026-01-01,new-thing")
            )
        ).Dispose();

        Assert.Equal("2026-10-21", fake.LastRequest.Headers["anthropic-version"]);
        Assert.Equal("context-1m-2026-01-01,new-thing", fake.LastRequest.Headers["anthropic-beta"]);
        Assert.Equal("sk-canary", fake.LastRequest.Headers["x-api-key"]);
        Assert.False(fake.LastRequest.Headers.ContainsKey("Authorization"));
    }

    [Fact]
    public async Task An_answer_larger_than_what_is_held_streams_through_and_its_usage_is_found()
    {
        await using var fake = await LlmHost.FakeAsync();
        var text = new string('x', 300_000);
        fake.Reply(script => script.Text(text).Usage(40, 9));
        await using var doors = await DoorHost.StartAsync("openai", fake);

        using var response = await doors.PostAsync("/v1/chat/completions", DoorWire.Ask("chat", false, "Hi"));
        var answer = DoorWire.Read("chat", false, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));

        Assert.Equal(text, answer.Text);
        var row = Assert.Single(await doors.LedgerAsync(1));
        Assert.Equal((40L, 9L, false), (row.InputTokens, row.OutputTokens, row.IsEstimated));
    }

    [Fact]
    public async Task A_large_request_passes_in_pieces()
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Long."));
        await using var doors = await DoorHost.StartAsync("openai", fake);
        var text = new string('y', 5_000_000);

        using var response = await doors.PostAsync("/v1/chat/completions", DoorWire.Ask("chat", false, text));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(text, fake.LastRequest.LastUserText);
    }

    [Fact]
    public void Members_of_an_answer_in_pieces_are_found_however_it_is_cut()
    {
        var body = Encoding.UTF8.GetBytes(
            """{"a":"x\"usage\":{\\","usage_x":1,"b":[{"usage":{"prompt_tokens":99}}],"usage":{"prompt_tokens":11,"completion_tokens":3,"d":{"cached_tokens":2}},"c":"}"}"""
        );
        for (var size = 1; size <= body.Length; size++)
        {
            var scan = AnswerScan.For(CallDialect.OpenAiChat, dropsUsage: false);
            var members = new MemberScan(scan);
            for (var at = 0; at < body.Length; at += size)
                members.Feed(body.AsSpan(at, Math.Min(size, body.Length - at)));

            Assert.True(members.IsClosed);
            Assert.Equal(new CallUsage(11, 3, 2), scan.Usage);
        }
    }
}
