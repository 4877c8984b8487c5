using System.Text.Json;
using CodeLab.FakeLlm;
using CodeLab.Modules.Llm.Chat;
using Microsoft.Extensions.AI;
using Xunit;

namespace CodeLab.UnitTests.Llm.Chat;

/// <summary>What holds for every provider, whatever its wire format.</summary>
public sealed class ProviderTests
{
    [Theory, InlineData("openai"), InlineData("anthropic"), InlineData("ollama")]
    public async Task Text_comes_in_pieces_and_ends_with_one_completion(string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Hello from the other side.").DeltaSize(5).Usage(120, 7));
        await using var llm = await LlmHost.StartAsync(kind, fake);

        var updates = await llm.AskAsync("Hi");

        Assert.Equal("Hello from the other side.", LlmHost.TextOf(updates));
        Assert.True(updates.OfType<ChatUpdate.TextDelta>().Count() > 2);
        var completed = Assert.IsType<ChatUpdate.Completed>(updates[^1]);
        Assert.Equal(("fake-model", kind, "stop"), (completed.Model, completed.Provider, completed.FinishReason));
        Assert.Equal((120, 7), (completed.Usage.InputTokens, completed.Usage.OutputTokens));
        Assert.Single(updates, u => u is ChatUpdate.Completed or ChatUpdate.Failed);
    }

    [Theory, InlineData("openai"), InlineData("anthropic"), InlineData("ollama")]
    public async Task Parallel_tool_calls_come_complete_and_in_order(string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script =>
            script
                .Text("I look.")
                .ToolCall("read_file", new { path = "a \"quoted\" ä.txt" })
                .ToolCall("read_file", new { path = "b.txt" })
                .ToolCall("list_files", new { path = "." })
        );
        await using var llm = await LlmHost.StartAsync(kind, fake);

        var updates = await llm.AskAsync("Read", new ChatCallOptions { Tools = [LlmHost.Tool("read_file"), LlmHost.Tool("list_files")] });

        var calls = updates.OfType<ChatUpdate.ToolCall>().ToList();
        Assert.Equal(["read_file", "read_file", "list_files"], calls.Select(c => c.Name));
        Assert.Equal(["a \"quoted\" ä.txt", "b.txt", "."], calls.Select(c => Path(c.ArgumentsJson)));
        Assert.Equal(3, calls.Select(c => c.ModelCallId).Distinct().Count());
        Assert.Equal("tool_calls", Assert.IsType<ChatUpdate.Completed>(updates[^1]).FinishReason);
        Assert.Equal(["read_file", "list_files"], fake.LastRequest.Tools.Select(t => t.Name));
    }

    [Theory, InlineData("openai"), InlineData("anthropic"), InlineData("ollama")]
    public async Task A_history_with_parallel_calls_and_a_failed_result_reaches_the_provider_as_it_was(string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Thanks.").RepeatLast());
        await using var llm = await LlmHost.StartAsync(kind, fake);
        List<ChatMessage> history =
        [
            new(ChatRole.System, "Be brief."),
            new(ChatRole.User, "Read both"),
            new(
                ChatRole.Assistant,
                [
                    new TextContent("I read."),
                    new FunctionCallContent("call_1", "read_file", new Dictionary<string, object?> { ["path"] = "a.txt" }),
                    new FunctionCallContent("call_2", "list_files", new Dictionary<string, object?> { ["path"] = "x" }),
                ]
            ),
            new(
                ChatRole.Tool,
                [
                    new FunctionResultContent("call_1", "content of a"),
                    new FunctionResultContent("call_2", "Error: there is no x") { Exception = new IOException("there is no x") },
                ]
            ),
            new(ChatRole.User, "And now?"),
        ];

        var updates = await llm.AskAsync(history, new ChatCallOptions { Tools = [LlmHost.Tool("read_file"), LlmHost.Tool("list_files")] });

        Assert.IsType<ChatUpdate.Completed>(updates[^1]);
        var request = fake.LastRequest;
        Assert.Equal("Be brief.", request.SystemText);
        Assert.Equal("content of a", request.ToolResult("read_file"));
        Assert.Equal("Error: there is no x", request.ToolResult("list_files"));
        var assistant = Assert.Single(request.Messages, m => m.Role == "assistant");
        Assert.Equal(["read_file", "list_files"], assistant.ToolCalls.Select(c => c.Name));
        Assert.Equal("a.txt", Path(assistant.ToolCalls[0].ArgumentsText));
        if (kind != "ollama")
            Assert.Equal(["call_1", "call_2"], assistant.ToolCalls.Select(c => c.Id));
        if (kind == "anthropic")
            Assert.Equal([false, true], request.Messages.Where(m => m.Role == "tool").Select(m => m.IsError));
        Assert.Equal("And now?", request.LastUserText);
    }

    [Theory, InlineData("openai"), InlineData("anthropic"), InlineData("ollama")]
    public async Task Reasoning_is_told_apart_from_text(string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Reasoning("Let me see.").Text("Four."));
        await using var llm = await LlmHost.StartAsync(kind, fake);

        var updates = await llm.AskAsync("2 + 2?");

        Assert.Equal("Let me see.", string.Concat(updates.OfType<ChatUpdate.ReasoningDelta>().Select(r => r.Text)));
        Assert.Equal("Four.", LlmHost.TextOf(updates));
    }

    [Theory, InlineData("openai"), InlineData("anthropic"), InlineData("ollama")]
    public async Task An_answer_that_ran_out_of_tokens_says_length(string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Once upon a").Finish("length"));
        await using var llm = await LlmHost.StartAsync(kind, fake);

        var updates = await llm.AskAsync("Tell", new ChatCallOptions { MaxOutputTokens = 3 });

        Assert.Equal("length", Assert.IsType<ChatUpdate.Completed>(updates[^1]).FinishReason);
    }

    [Theory, InlineData("openai"), InlineData("anthropic")]
    public async Task Arguments_that_are_no_JSON_arrive_as_the_model_wrote_them(string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.RawToolCall("read_file", """{"path": "a.txt" """));
        await using var llm = await LlmHost.StartAsync(kind, fake);

        var updates = await llm.AskAsync("Read", new ChatCallOptions { Tools = [LlmHost.Tool("read_file")] });

        Assert.Equal("""{"path": "a.txt" """, Assert.Single(updates.OfType<ChatUpdate.ToolCall>()).ArgumentsJson);
    }

    [Theory, InlineData("openai"), InlineData("anthropic")]
    public async Task Cached_and_reasoning_tokens_are_told(string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Yes.").Usage(1000, 50, cacheReadTokens: 600, reasoningTokens: kind == "openai" ? 30 : 0));
        await using var llm = await LlmHost.StartAsync(kind, fake);

        var usage = Assert.IsType<ChatUpdate.Completed>((await llm.AskAsync("Hi"))[^1]).Usage;

        Assert.Equal(600, usage.CachedTokens);
        Assert.Equal(kind == "openai" ? 30 : 0, usage.ReasoningTokens);
        Assert.Null(usage.Cost);
    }

    [Theory, InlineData("openai"), InlineData("ollama")]
    public async Task A_schema_for_the_answer_is_passed_on_where_the_provider_knows_schemas(string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Route(null);
        fake.Reply(script => script.WhenRouting().Text("""{"agent":"coder"}"""));
        await using var llm = await LlmHost.StartAsync(kind, fake);
        var schema = JsonElement.Parse("""{"type":"object","properties":{"agent":{"type":"string"}},"required":["agent"]}""");

        await llm.AskAsync("Route", new ChatCallOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(schema, "agent_route") });

        var body = fake.Requests.Last(r => r.Chat is not null).BodyText;
        Assert.Contains(kind == "openai" ? "\"json_schema\"" : "\"format\":{", body);
        Assert.Contains("\"agent\"", body);
    }

    [Theory, InlineData("openai"), InlineData("anthropic")]
    public async Task The_key_is_sent_as_the_provider_wants_it(string kind)
    {
        await using var fake = await LlmHost.FakeAsync(new FakeLlmOptions { RequireKey = "sk-canary" });
        fake.Reply(script => script.Text("Hi."));
        await using var llm = await LlmHost.StartAsync(kind, fake);

        var updates = await llm.AskAsync("Hi");

        Assert.IsType<ChatUpdate.Completed>(updates[^1]);
    }

    private static string? Path(string arguments) => JsonElement.Parse(arguments).GetProperty("path").GetString();
}
