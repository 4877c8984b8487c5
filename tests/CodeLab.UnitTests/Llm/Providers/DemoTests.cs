using System.Text.Json;
using CodeLab.Modules.Llm.Chat;
using CodeLab.Modules.Llm.Providers.Demo;
using Microsoft.Extensions.AI;
using Xunit;

namespace CodeLab.UnitTests.Llm.Providers;

public sealed class DemoTests
{
    private const string Listing = """
        {"success":true,"path":".","total_count":3,"items":[
          {"name":"src","path":"src","type":"directory"},
          {"name":"README.md","path":"README.md","type":"file","size":20},
          {"name":"app.py","path":"app.py","type":"file","size":5}]}
        """;

    private static readonly string[] _allTools = ["list_files", "read_file", "write_file", "apply_diff", "execute_command"];

    [Fact]
    public async Task A_task_is_played_from_the_listing_to_the_explanation()
    {
        await using var llm = await LlmHost.StartAsync();
        var play = new Play(llm, "add a line to README", _allTools);

        var list = await play.NextAsync();
        Assert.Equal(("list_files", "."), (list.Name, Argument(list, "path")));
        var read = await play.NextAsync(Wrapped("list_files", Listing));
        Assert.Equal(("read_file", "README.md"), (read.Name, Argument(read, "path")));
        var diff = await play.NextAsync(Wrapped("read_file", """{"success":true,"content":"# Title\n\nText.\n","lines_read":3}"""));
        Assert.Equal(("apply_diff", "README.md"), (diff.Name, Argument(diff, "path")));
        Assert.Equal(
            "<<<<<<< SEARCH\n:start_line:3\n-------\nText.\n=======\nText.\nAdded by codelab-demo for the task: add a line to README\n>>>>>>> REPLACE\n",
            Argument(diff, "diff")
        );
        var end = await play.EndAsync(Wrapped("apply_diff", """{"success":true,"path":"README.md","applied":1,"failed":0}"""));

        Assert.Contains("README.md", end);
        Assert.Contains("codelab-demo", end);
        Assert.Contains("OPENAI_API_KEY", end);
    }

    [Fact]
    public async Task A_repeated_request_gets_the_same_answer()
    {
        await using var llm = await LlmHost.StartAsync();
        var options = new ChatCallOptions { Tools = [.. _allTools.Select(LlmHost.Tool)] };

        var first = await llm.AskAsync("add a line to README", options, "codelab-demo");
        var second = await llm.AskAsync("add a line to README", options, "codelab-demo");

        Assert.Equal(first, second);
    }

    [Fact]
    public async Task Without_a_README_one_is_created()
    {
        await using var llm = await LlmHost.StartAsync();
        var play = new Play(llm, "add a line to README", _allTools);

        await play.NextAsync();
        var write = await play.NextAsync(Wrapped("list_files", """{"items":[{"name":"a.py","path":"a.py","type":"file"}]}"""));

        Assert.Equal(("write_file", "README.md"), (write.Name, Argument(write, "path")));
    }

    [Fact]
    public async Task An_empty_project_gets_a_README_after_looking_for_it()
    {
        await using var llm = await LlmHost.StartAsync();
        var play = new Play(llm, "add a line to README", _allTools);

        await play.NextAsync();
        await play.NextAsync(Wrapped("list_files", """{"success":true,"items":[],"total_count":0}"""));
        var write = await play.NextAsync("Error: File not found: README.md");

        Assert.Equal("write_file", write.Name);
    }

    [Theory]
    [InlineData("""{"status":"rejected","feedback":"no","message":"The person declined this call."}""")]
    [InlineData("Error: Writing is forbidden by a rule. The call was not executed.")]
    [InlineData("Error: User rejected: User rejected")]
    [InlineData("Операция отклонена: write_file")]
    public async Task A_refusal_is_accepted(string result)
    {
        await using var llm = await LlmHost.StartAsync();
        var play = new Play(llm, "add a line to README", _allTools);

        await play.NextAsync();
        await play.NextAsync(Wrapped("list_files", Listing));
        await play.NextAsync(Wrapped("read_file", """{"content":"Text.\n"}"""));
        var end = await play.EndAsync(result);

        Assert.Contains("not approved", end);
    }

    [Fact]
    public async Task A_file_that_speaks_of_refusals_is_no_refusal()
    {
        await using var llm = await LlmHost.StartAsync();
        var play = new Play(llm, "add a line to README", _allTools);

        await play.NextAsync();
        await play.NextAsync(Wrapped("list_files", Listing));
        var diff = await play.NextAsync(Wrapped("read_file", """{"content":"Access denied. User rejected.\n"}"""));

        Assert.Equal("apply_diff", diff.Name);
    }

    [Fact]
    public async Task A_named_file_and_a_quoted_line_are_taken_from_the_task()
    {
        await using var llm = await LlmHost.StartAsync();
        var play = new Play(llm, "Append \"print('hi')\" to app.py please", _allTools);

        await play.NextAsync();
        await play.NextAsync(Wrapped("list_files", Listing));
        var diff = await play.NextAsync(Wrapped("read_file", """{"content":"x = 1\nx = 1"}"""));

        Assert.Equal("app.py", Argument(diff, "path"));
        Assert.Contains("\nprint('hi')\n>>>>>>> REPLACE", Argument(diff, "diff"));
        // The last line occurs twice, so the one before it makes the place unmistakable.
        Assert.StartsWith("<<<<<<< SEARCH\n:start_line:1\n-------\nx = 1\nx = 1\n=======", Argument(diff, "diff"));
    }

    [Fact]
    public async Task A_question_is_answered_without_touching_anything()
    {
        await using var llm = await LlmHost.StartAsync();
        var play = new Play(llm, "How do I add a file to this project?", _allTools);

        Assert.Equal("list_files", (await play.NextAsync()).Name);
        Assert.Equal("read_file", (await play.NextAsync(Wrapped("list_files", Listing))).Name);
        var end = await play.EndAsync(Wrapped("read_file", """{"content":"# Title\nText"}"""));

        Assert.Contains("# Title Text", end);
    }

    [Fact]
    public async Task Whatever_the_tools_answer_it_stops_after_six_calls()
    {
        await using var llm = await LlmHost.StartAsync();
        var play = new Play(llm, "change something", ["list_files", "read_file", "switch_mode"]);
        var calls = 0;

        while (await play.TryNextAsync("???") is not null)
            calls++;

        Assert.InRange(calls, 1, 6);
    }

    [Theory]
    [InlineData("add a line to README", "coder")]
    [InlineData("Why does it crash with an exception?", "debug")]
    [InlineData("Design the architecture", "architect")]
    [InlineData("What does this do?", "ask")]
    [InlineData("добавь строку в README", "coder")]
    public async Task Asked_to_route_it_answers_JSON(string task, string agent)
    {
        await using var llm = await LlmHost.StartAsync();
        List<ChatMessage> messages =
        [
            new(ChatRole.System, "CODELAB-ROUTE\nChoose"),
            new(
                ChatRole.User,
                $"Before this, coder answered:\n<answer>\nfixed a bug\n</answer>\n\nRequest:\n<request>\n{task}\n</request>"
            ),
        ];

        var answer = LlmHost.TextOf(await llm.AskAsync(messages, model: "codelab-demo"));

        Assert.Equal(agent, JsonElement.Parse(answer).GetProperty("agent").GetString());
    }

    [Fact]
    public void An_empty_file_has_no_place_for_a_diff() => Assert.Null(DemoDiff.Append(" \n\n", "x"));

    private static string Wrapped(string tool, string output) => $"<tool_output tool=\"{tool}\">\n{output}\n</tool_output>";

    private static string? Argument(ChatUpdate.ToolCall call, string name) =>
        JsonElement.Parse(call.ArgumentsJson).GetProperty(name).GetString();

    /// <summary>Plays the agent's part: sends the history, takes the call, adds its result.</summary>
    private sealed class Play(LlmHost llm, string task, string[] tools)
    {
        private readonly List<ChatMessage> _history = [new(ChatRole.System, "You are the coder."), new(ChatRole.User, task)];
        private string? _open;

        public async Task<ChatUpdate.ToolCall> NextAsync(string? result = null) =>
            await TryNextAsync(result) ?? throw new InvalidOperationException("The demo called no tool: " + _history[^1].Text);

        public async Task<string> EndAsync(string result) =>
            await TryNextAsync(result) is { } call
                ? throw new InvalidOperationException("The demo went on with " + call.Name)
                : _history[^1].Text;

        public async Task<ChatUpdate.ToolCall?> TryNextAsync(string? result)
        {
            if (_open is not null)
                _history.Add(new(ChatRole.Tool, [new FunctionResultContent(_open, result)]));
            var updates = await llm.AskAsync(_history, new ChatCallOptions { Tools = [.. tools.Select(LlmHost.Tool)] }, "codelab-demo");
            var completed = Assert.IsType<ChatUpdate.Completed>(updates[^1]);
            var call = updates.OfType<ChatUpdate.ToolCall>().SingleOrDefault();
            Assert.Equal(call is null ? "stop" : "tool_calls", completed.FinishReason);
            var message = new ChatMessage(ChatRole.Assistant, LlmHost.TextOf(updates));
            if (call is not null)
            {
                var arguments = JsonSerializer.Deserialize<Dictionary<string, object?>>(call.ArgumentsJson);
                message.Contents.Add(new FunctionCallContent(call.ModelCallId, call.Name, arguments));
            }
            _history.Add(message);
            _open = call?.ModelCallId;
            return call;
        }
    }
}
