using System.ClientModel;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Anthropic;
using Anthropic.Models.Messages;
using CodeLab.FakeLlm;
using OpenAI;
using OpenAI.Chat;
using Xunit;

namespace CodeLab.UnitTests.Llm.Doors;

/// <summary>Clients nobody here wrote, each against each kind of provider: npm's from a folder of pinned packages, NuGet's from this process.</summary>
public sealed class VendorSdkTests
{
    private const string Text = "Grüße aus der Küche.";
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task The_npm_packages_of_openai_anthropic_and_ollama_work_with_every_kind_of_provider()
    {
        var folder = Path.Combine(Root(), "tests", "vendor-sdks");
        if (!Directory.Exists(Path.Combine(folder, "node_modules")))
            await RunAsync(folder, "npm", "ci", "--no-fund", "--no-audit", "--ignore-scripts");
        await using var fake = await FakeAsync();
        await using var doors = await StartAsync(fake);

        var lines = await RunAsync(folder, "node", "crossings.mjs", doors.Address.GetLeftPart(UriPartial.Authority), DoorHost.Key);

        var checks = lines.Select(l => JsonNode.Parse(l)!).ToList();
        var failed = checks.Where(c => !c["ok"]!.GetValue<bool>()).Select(c => $"{c["name"]}: {c["detail"]}");
        Assert.Empty(failed);
        Assert.Equal(69, checks.Count);
    }

    [Theory, InlineData("openai"), InlineData("anthropic"), InlineData("ollama")]
    public async Task The_nuget_package_of_openai_works_with_every_kind_of_provider(string kind)
    {
        await using var fake = await FakeAsync();
        await using var doors = await StartAsync(fake);
        var options = new OpenAIClientOptions { Endpoint = new Uri(doors.Address, "/v1") };
        var client = new ChatClient(kind + "/fake-model", new ApiKeyCredential(DoorHost.Key), options);
        ChatMessage[] hello = [new UserChatMessage("[[script:text]] Hi")];

        ChatCompletion whole = await client.CompleteChatAsync(hello, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(Text, whole.Content[0].Text);
        Assert.Equal(49, whole.Usage.TotalTokenCount);

        var streamed = "";
        await foreach (var update in client.CompleteChatStreamingAsync(hello, cancellationToken: TestContext.Current.CancellationToken))
            streamed += string.Concat(update.ContentUpdate.Select(p => p.Text));
        Assert.Equal(Text, streamed);

        var tools = new ChatCompletionOptions
        {
            Tools = { ChatTool.CreateFunctionTool("read_file", "Reads", BinaryData.FromString("""{"type":"object","properties":{}}""")) },
        };
        ChatCompletion called = await client.CompleteChatAsync(
            [new UserChatMessage("[[script:tools]] Hi")],
            tools,
            TestContext.Current.CancellationToken
        );
        Assert.Equal(ChatFinishReason.ToolCalls, called.FinishReason);
        Assert.Equal(2, called.ToolCalls.Count);
    }

    [Theory, InlineData("openai"), InlineData("anthropic"), InlineData("ollama")]
    public async Task The_nuget_package_of_anthropic_works_with_every_kind_of_provider(string kind)
    {
        await using var fake = await FakeAsync();
        await using var doors = await StartAsync(fake);
        var client = new AnthropicClient
        {
            ApiKey = DoorHost.Key,
            BaseUrl = doors.Address.GetLeftPart(UriPartial.Authority),
            MaxRetries = 0,
        };
        var request = new MessageCreateParams
        {
            Model = kind + "/fake-model",
            MaxTokens = 500,
            Messages = [new UserMessageParam { Content = "[[script:text]] Hi" }],
        };

        var whole = await client.Messages.Create(request, TestContext.Current.CancellationToken);
        Assert.True(whole.Content[0].TryPickText(out var block));
        Assert.Equal(Text, block.Text);
        Assert.Equal(9, whole.Usage.OutputTokens);

        var streamed = "";
        await foreach (var raised in client.Messages.CreateStreaming(request, TestContext.Current.CancellationToken))
        {
            if (raised.TryPickContentBlockDelta(out var delta) && delta.Delta.TryPickText(out var piece))
                streamed += piece.Text;
        }
        Assert.Equal(Text, streamed);
    }

    private static async Task<FakeLlmServer> FakeAsync()
    {
        var fake = await LlmHost.FakeAsync();
        fake.Script("text", script => script.Text(Text).DeltaSize(4).Usage(40, 9).RepeatLast());
        fake.Script(
            "tools",
            script =>
                script
                    .ToolCall("read_file", new { path = "a.txt" }, "call_one")
                    .ToolCall("read_file", new { path = "b \"q\".txt" }, "call_two")
                    .DeltaSize(5)
        );
        fake.Script("thinking", script => script.Reasoning("First this, then that.").Text("Done.").DeltaSize(5).Then().Text("Yes."));
        fake.Script("refused", script => script.Text("x").Fails(Fault.Http(429, "60")));
        fake.Script("broken", script => script.Text("One two three four").DeltaSize(4).Fails(Fault.Cut(2)));
        return fake;
    }

    private static Task<DoorHost> StartAsync(FakeLlmServer fake) =>
        DoorHost.StartAsync([
            .. LlmHost.Settings("openai", fake),
            .. LlmHost.Settings("anthropic", fake),
            .. LlmHost.Settings("ollama", fake),
            ("CodeLab:Llm:Breaker:Failures", "1000"),
        ]);

    private static async Task<string[]> RunAsync(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(_patience);
        var errors = process.StandardError.ReadToEndAsync(patience.Token);
        var output = await process.StandardOutput.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {await errors}");
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "CodeLab.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("CodeLab.sln was not found above the test");
        return folder;
    }
}
