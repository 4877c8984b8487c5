using System.ClientModel;
using CodeLab.FakeLlm;
using OpenAI.Responses;
using Xunit;

#pragma warning disable OPENAI001 // the Responses client is marked as subject to change

namespace CodeLab.UnitTests.FakeLlm;

/// <summary>The Responses format, judged by OpenAI's client itself: the adapter of Microsoft.Extensions.AI was built against an older one.</summary>
public sealed class ResponsesTests : IAsyncLifetime
{
    private FakeLlmServer _fake = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private ResponsesClient Client => Clients.OpenAi(_fake).GetResponsesClient();

    public async ValueTask InitializeAsync() => _fake = await FakeLlmServer.StartAsync(cancellationToken: Cancel);

    public ValueTask DisposeAsync() => _fake.DisposeAsync();

    [Fact]
    public async Task A_stream_carries_reasoning_text_tool_calls_and_usage()
    {
        _fake.Reply(script =>
            script
                .Reasoning("Hm, hm, hm.")
                .Text("I read a file.")
                .ToolCall("read_file", new { path = "a.txt" })
                .DeltaSize(5)
                .Usage(50, 9, reasoningTokens: 4)
        );

        var updates = await StreamAsync("Hi");

        var done = Assert.IsType<StreamingResponseCompletedUpdate>(updates[^1]).Response;
        Assert.Equal("I read a file.", string.Concat(updates.OfType<StreamingResponseOutputTextDeltaUpdate>().Select(u => u.Delta)));
        Assert.Equal(
            "{\"path\":\"a.txt\"}",
            string.Concat(updates.OfType<StreamingResponseFunctionCallArgumentsDeltaUpdate>().Select(u => u.Delta.ToString()))
        );
        Assert.Equal("Hm, hm, hm.", string.Concat(updates.OfType<StreamingResponseReasoningSummaryTextDeltaUpdate>().Select(u => u.Delta)));
        Assert.Equal(Enumerable.Range(0, updates.Count), updates.Select(u => u.SequenceNumber));
        Assert.Equal(
            (50, 9, 4),
            (done.Usage.InputTokenCount, done.Usage.OutputTokenCount, done.Usage.OutputTokenDetails.ReasoningTokenCount)
        );
        Assert.Collection(
            done.OutputItems,
            i => Assert.IsType<ReasoningResponseItem>(i),
            i => Assert.IsType<MessageResponseItem>(i, exactMatch: false),
            i => Assert.IsType<FunctionCallResponseItem>(i)
        );
    }

    [Fact]
    public async Task A_tool_result_leads_to_the_next_reply()
    {
        _fake.Reply(script => script.Text("Reading.").ToolCall("read_file", new { path = "a.txt" }).Then().Text("Cut").Finish("length"));
        var first = (await Client.CreateResponseAsync(Clients.Model, "Read a.txt", cancellationToken: Cancel)).Value;
        var call = first.OutputItems.OfType<FunctionCallResponseItem>().Single();

        var second = await Client.CreateResponseAsync(
            Clients.Model,
            [
                ResponseItem.CreateUserMessageItem("Read a.txt"),
                .. first.OutputItems,
                ResponseItem.CreateFunctionCallOutputItem(call.CallId, "the content"),
            ],
            cancellationToken: Cancel
        );

        Assert.Equal(ResponseStatus.Incomplete, second.Value.Status);
        Assert.Equal("the content", _fake.LastRequest.ToolResult("read_file"));
        Assert.Equal(1, _fake.LastRequest.Chat!.AssistantTurns);
    }

    [Fact]
    public async Task A_result_nobody_asked_for_is_refused()
    {
        var refused = await Assert.ThrowsAsync<ClientResultException>(() =>
            Client.CreateResponseAsync(
                Clients.Model,
                [ResponseItem.CreateUserMessageItem("Hi"), ResponseItem.CreateFunctionCallOutputItem("c9", "who asked?")],
                cancellationToken: Cancel
            )
        );

        Assert.Equal(400, refused.Status);
        Assert.Contains("c9", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_event_ends_the_stream()
    {
        _fake.Reply(script => script.Text("One two").DeltaSize(4).Fails(Fault.ErrorEvent(after: 1, "Overloaded, sorry")));

        var updates = await StreamAsync("Hi");

        Assert.Equal("Overloaded, sorry", Assert.IsType<StreamingResponseErrorUpdate>(updates[^1]).Message);
    }

    private async Task<List<StreamingResponseUpdate>> StreamAsync(string text)
    {
        var updates = new List<StreamingResponseUpdate>();
        await foreach (var update in await Client.CreateResponseStreamingAsync(Clients.Model, text, cancellationToken: Cancel))
            updates.Add(update);
        return updates;
    }
}
