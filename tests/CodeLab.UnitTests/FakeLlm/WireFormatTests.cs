using CodeLab.FakeLlm;
using Microsoft.Extensions.AI;
using Xunit;

namespace CodeLab.UnitTests.FakeLlm;

/// <summary>The wire formats, judged by the vendors' own clients.</summary>
public sealed class WireFormatTests : IAsyncLifetime
{
    private FakeLlmServer _fake = null!;

    public static TheoryData<string> Dialects => ["openai", "anthropic", "ollama"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _fake = await FakeLlmServer.StartAsync(cancellationToken: Cancel);

    public ValueTask DisposeAsync() => _fake.DisposeAsync();

    [Theory, MemberData(nameof(Dialects))]
    public async Task Streamed_text_comes_in_deltas_with_usage_and_finish_reason(string dialect)
    {
        const string Text = "Grüße, мир 🌍: a text\nof two lines.";
        _fake.Reply(script => script.Text(Text).DeltaSize(5).Usage(120, 34));
        using var client = Clients.Chat(_fake, dialect);

        var updates = await client.GetStreamingResponseAsync("Hello", cancellationToken: Cancel).ToListAsync(Cancel);

        var response = updates.ToChatResponse();
        Assert.Equal(Text, response.Text);
        Assert.True(updates.Count(u => u.Text.Length > 0) > 3, "one delta only");
        Assert.Equal(120, response.Usage?.InputTokenCount);
        Assert.Equal(34, response.Usage?.OutputTokenCount);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal("Hello", _fake.LastRequest.LastUserText);
        Assert.Equal(dialect, _fake.LastRequest.Dialect);
        Assert.Equal(RequestOutcome.Completed, await _fake.LastRequest.Ended.WaitAsync(Cancel));
    }

    [Theory, MemberData(nameof(Dialects))]
    public async Task Whole_text_comes_with_usage_and_finish_reason(string dialect)
    {
        _fake.Reply(script => script.Text("Cut off").Finish("length").Usage(7, 3));
        using var client = Clients.Chat(_fake, dialect);

        var response = await client.GetResponseAsync("Hello", cancellationToken: Cancel);

        Assert.Equal("Cut off", response.Text);
        Assert.Equal(7, response.Usage?.InputTokenCount);
        Assert.Equal(3, response.Usage?.OutputTokenCount);
        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
    }

    [Theory, MemberData(nameof(Dialects))]
    public async Task Streamed_tool_calls_are_put_together_by_the_client(string dialect)
    {
        _fake.Reply(script =>
            script
                .Text("Two files.")
                .ToolCall("read_file", new { path = "a long enough path/for several/fragments.txt", start_line = 3 })
                .ToolCall("read_file", new { path = "b.txt" })
        );
        using var client = Clients.Chat(_fake, dialect);

        var response = await client.GetStreamingResponseAsync("Read", Offer("read_file"), Cancel).ToChatResponseAsync(Cancel);

        var calls = Calls(response);
        Assert.Equal(["read_file", "read_file"], calls.Select(c => c.Name));
        Assert.Equal("a long enough path/for several/fragments.txt", calls[0].Arguments!["path"]?.ToString());
        Assert.Equal("3", calls[0].Arguments!["start_line"]?.ToString());
        Assert.Equal("b.txt", calls[1].Arguments!["path"]?.ToString());
        Assert.NotEqual(calls[0].CallId, calls[1].CallId);
        Assert.Equal("Two files.", response.Text);
        var tool = Assert.Single(_fake.LastRequest.Tools);
        Assert.Equal("read_file", tool.Name);
        Assert.True(tool.Schema.TryGetProperty("properties", out _), tool.Schema.GetRawText());
    }

    [Theory, MemberData(nameof(Dialects))]
    public async Task A_tool_result_is_read_back_by_tool_name_in_a_conversation(string dialect)
    {
        _fake.Reply(script =>
            script
                .Text("Writing.")
                .ToolCall("write_file", new { path = "a.txt" })
                .ToolCall("list_files", new { path = "." })
                .Then()
                .Text("Understood.")
        );
        using var client = Clients.Chat(_fake, dialect);
        var messages = new List<ChatMessage> { new(ChatRole.System, "You are careful."), new(ChatRole.User, "Write a.txt") };
        var options = Offer("write_file", "list_files");

        var first = await client.GetResponseAsync(messages, options, Cancel);
        messages.AddMessages(first);
        messages.Add(
            new ChatMessage(ChatRole.Tool, [.. Calls(first).Select(c => new FunctionResultContent(c.CallId, $"{c.Name}: not now"))])
        );
        var second = await client.GetStreamingResponseAsync(messages, options, Cancel).ToChatResponseAsync(Cancel);

        Assert.Equal("Understood.", second.Text);
        Assert.Contains("write_file: not now", _fake.LastRequest.ToolResult("write_file"), StringComparison.Ordinal);
        Assert.Contains("list_files: not now", _fake.LastRequest.ToolResult("list_files"), StringComparison.Ordinal);
        Assert.Equal("You are careful.", _fake.LastRequest.SystemText);
        Assert.Equal(1, _fake.LastRequest.Chat!.AssistantTurns);
        Assert.Throws<InvalidOperationException>(() => _fake.LastRequest.ToolResult("read_file"));
    }

    [Theory]
    [InlineData("anthropic")]
    [InlineData("ollama")]
    public async Task Streamed_reasoning_comes_before_the_text(string dialect)
    {
        _fake.Reply(script => script.Reasoning("I think, therefore I answer.").Text("Yes."));
        using var client = Clients.Chat(_fake, dialect);

        var response = await client.GetStreamingResponseAsync("Do you?", cancellationToken: Cancel).ToChatResponseAsync(Cancel);

        var contents = response.Messages.SelectMany(m => m.Contents).ToList();
        Assert.Equal("I think, therefore I answer.", string.Concat(contents.OfType<TextReasoningContent>().Select(c => c.Text)));
        Assert.Equal("Yes.", response.Text);
        Assert.True(contents.FindIndex(c => c is TextReasoningContent) < contents.FindIndex(c => c is TextContent));
    }

    [Fact]
    public async Task A_signed_thinking_block_must_come_back_as_it_was()
    {
        _fake.Reply(script => script.Reasoning("Hm, a file.").ToolCall("read_file", new { path = "a" }).Then().Text("Fine."));
        using var client = Clients.Chat(_fake, "anthropic");
        var messages = new List<ChatMessage> { new(ChatRole.User, "Read a") };
        var first = await client.GetStreamingResponseAsync(messages, Offer("read_file"), Cancel).ToChatResponseAsync(Cancel);
        messages.AddMessages(first);
        messages.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(Calls(first)[0].CallId, "content")]));

        var accepted = await client.GetResponseAsync(messages, Offer("read_file"), Cancel);
        var thinking = messages.SelectMany(m => m.Contents).OfType<TextReasoningContent>().First(c => c.Text.Length > 0);
        thinking.Text = "Something else.";
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => client.GetResponseAsync(messages, Offer("read_file"), Cancel));

        Assert.Equal("Fine.", accepted.Text);
        Assert.Contains("signature", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cached_tokens_are_part_of_the_input_in_one_dialect_and_beside_it_in_the_other()
    {
        _fake.Reply(script => script.Text("x").Usage(100, 5, cacheReadTokens: 60, cacheWriteTokens: 10));
        using var openai = Clients.Chat(_fake, "openai");
        using var claude = Clients.Chat(_fake, "anthropic");

        var one = await openai.GetResponseAsync("Hi", cancellationToken: Cancel);
        await claude.GetResponseAsync("Hi", cancellationToken: Cancel);

        Assert.Equal(100, one.Usage!.InputTokenCount);
        Assert.Equal(60, one.Usage.CachedInputTokenCount);
        using var http = new HttpClient();
        var raw = await PostAsync(http, "/v1/messages", """{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}""");
        Assert.Contains(
            "\"input_tokens\":30,\"cache_creation_input_tokens\":10,\"cache_read_input_tokens\":60,\"output_tokens\":5",
            raw,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task OpenAi_streams_as_documented_line_by_line()
    {
        _fake.Reply(script =>
            script
                .ToolCall("write_file", new { path = "a.txt", content = "0123456789" }, id: "call_1")
                .DeltaSize(10)
                .Extra(new { x_unknown = 1 })
        );
        using var http = new HttpClient();

        var body = await PostAsync(
            http,
            "/v1/chat/completions",
            """{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hi"}]}"""
        );

        var lines = body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, l => Assert.StartsWith("data: ", l, StringComparison.Ordinal));
        Assert.Contains("\"delta\":{\"role\":\"assistant\",\"content\":null", lines[0], StringComparison.Ordinal);
        Assert.Contains(
            "{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"write_file\",\"arguments\":\"\"}}",
            lines[1],
            StringComparison.Ordinal
        );
        Assert.Contains("{\"index\":0,\"function\":{\"arguments\":\"", lines[2], StringComparison.Ordinal);
        Assert.True(lines.Length >= 8, "the arguments came in one piece");
        Assert.Contains("\"finish_reason\":\"tool_calls\"", lines[^3], StringComparison.Ordinal);
        Assert.Contains("\"choices\":[],\"usage\":{\"prompt_tokens\":", lines[^2], StringComparison.Ordinal);
        Assert.Equal("data: [DONE]", lines[^1]);
        Assert.All(lines[..^1], l => Assert.Contains("\"x_unknown\":1", l, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Broken_argument_text_reaches_the_client_as_it_is()
    {
        _fake.Reply(script => script.RawToolCall("read_file", "{\"path\": \"README"));

        var completion = await Clients
            .OpenAi(_fake)
            .GetChatClient("m")
            .CompleteChatAsync([OpenAI.Chat.ChatMessage.CreateUserMessage("Hi")], cancellationToken: Cancel);

        Assert.Equal("{\"path\": \"README", completion.Value.ToolCalls[0].FunctionArguments.ToString());
    }

    private static ChatOptions Offer(params string[] tools) =>
        new() { Tools = [.. tools.Select(t => AIFunctionFactory.Create((string path) => path, t, $"Does {t}."))] };

    private static List<FunctionCallContent> Calls(ChatResponse response) =>
        [.. response.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>()];

    private async Task<string> PostAsync(HttpClient http, string path, string json)
    {
        using var content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        using var response = await http.PostAsync(new Uri(_fake.BaseAddress, path), content, Cancel);
        return await response.Content.ReadAsStringAsync(Cancel);
    }
}
