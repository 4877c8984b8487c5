using System.Text.Json;
using System.Text.Json.Nodes;
using CodeLab.FakeLlm;
using Xunit;

namespace CodeLab.UnitTests.Llm.Doors;

/// <summary>Every door to every kind of provider, streamed and not: the same question, the same answer, and the tokens on record.</summary>
public sealed class CrossingTests
{
    private static readonly string[] _doors = ["chat", "responses", "messages", "ollama", "published"];

    public static TheoryData<string, string, bool> Crossings
    {
        get
        {
            var data = new TheoryData<string, string, bool>();
            foreach (var door in _doors)
            {
                foreach (var kind in (string[])["openai", "anthropic", "ollama"])
                {
                    data.Add(door, kind, false);
                    data.Add(door, kind, true);
                }
            }
            return data;
        }
    }

    [Theory, MemberData(nameof(Crossings))]
    public async Task Text_and_tokens_come_through(string door, string kind, bool stream)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Grüße aus der Küche, \"Anna\"!").DeltaSize(5).Usage(40, 9));
        await using var doors = await DoorHost.StartAsync(kind, fake);

        using var response = await doors.PostAsync(DoorWire.Path(door), DoorWire.Ask(door, stream, "Hallo"));
        var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.True(response.IsSuccessStatusCode, body);
        var answer = DoorWire.Read(door, stream, body);
        Assert.Equal("Grüße aus der Küche, \"Anna\"!", answer.Text);
        Assert.Equal("stop", answer.Finish);
        if (door is not "published" || !stream)
            Assert.Equal((40, 9), (answer.Input, answer.Output));
        Assert.Equal("Hallo", fake.LastRequest.LastUserText);
        Assert.Equal("Be brief.", fake.LastRequest.SystemText);
        Assert.Equal("sk-canary", kind == "ollama" ? "sk-canary" : fake.LastRequest.ApiKey);
        Assert.Equal("fake-model", fake.LastRequest.Model);
        var row = Assert.Single(await doors.LedgerAsync(1));
        Assert.Equal((40L, 9L, "completed", false, 1), (row.InputTokens, row.OutputTokens, row.Outcome, row.IsEstimated, row.Attempts));
        Assert.Equal("miss", Assert.Single(response.Headers.GetValues("x-codelab-cache")));
        Assert.NotEmpty(response.Headers.GetValues("x-codelab-overhead-ms"));
        Assert.Contains("fake-model", Assert.Single(response.Headers.GetValues("x-codelab-route")));
    }

    [Theory, MemberData(nameof(Crossings))]
    public async Task Two_tool_calls_at_once_and_their_results_come_through(string door, string kind, bool stream)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script =>
            script
                .Text("Reading.")
                .ToolCall("read_file", new { path = "a.txt", lines = 3 }, "call_one")
                .ToolCall("read_file", new { path = "b \"quoted\".txt" }, "call_two")
                .DeltaSize(4)
                .Then()
                .Text("Both are empty.")
        );
        await using var doors = await DoorHost.StartAsync(kind, fake);

        var first = await AskAsync(doors, door, stream, DoorWire.AskWithTools(door, stream));
        Assert.Equal("Reading.", first.Text);
        Assert.Equal("tool_calls", first.Finish);
        Assert.Equal(2, first.Calls.Count);
        Assert.All(first.Calls, c => Assert.Equal("read_file", c.Name));
        Assert.Equal(["call_one", "call_two"], first.Calls.Select(c => c.Id));
        Assert.Equal(3, JsonNode.Parse(first.Calls[0].Arguments)!["lines"]!.GetValue<int>());
        Assert.Equal("b \"quoted\".txt", JsonNode.Parse(first.Calls[1].Arguments)!["path"]!.GetValue<string>());

        var second = await AskAsync(doors, door, stream, DoorWire.AskWithResults(door, stream));
        Assert.Equal("Both are empty.", second.Text);
        Assert.Equal(["nothing in a", "nothing in b"], fake.LastRequest.ToolResults("read_file"));
        Assert.Equal("read_file", Assert.Single(fake.LastRequest.Tools).Name);
        Assert.Equal(
            "string",
            fake.LastRequest.Tools[0].Schema.GetProperty("properties").GetProperty("path").GetProperty("type").GetString()
        );
    }

    [Theory, MemberData(nameof(Crossings))]
    public async Task Reasoning_comes_through_where_the_door_has_a_place_for_it(string door, string kind, bool stream)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Reasoning("First this, then that.").Text("Done.").DeltaSize(6));
        await using var doors = await DoorHost.StartAsync(kind, fake);

        var answer = await AskAsync(doors, door, stream, DoorWire.Ask(door, stream, "Think"));

        Assert.Equal("Done.", answer.Text);
        if (door != "published" || !stream)
            Assert.Equal("First this, then that.", answer.Reasoning);
    }

    private static async Task<DoorAnswer> AskAsync(DoorHost doors, string door, bool stream, string request)
    {
        using var response = await doors.PostAsync(DoorWire.Path(door), request);
        var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, body);
        return DoorWire.Read(door, stream, body);
    }
}
