using System.Diagnostics;
using System.Text.Json;
using CodeLab.Client.Tools;
using Xunit;

namespace CodeLab.UnitTests.Client.Tools;

public sealed class CommandTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static string Text(JsonElement result, string name) => result.GetProperty(name).GetString()!;

    // Waits for a process to be gone; the kernel needs a moment after the last signal.
    private static async Task<bool> IsGoneAsync(string pid)
    {
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < TimeSpan.FromSeconds(10))
        {
            var stat = $"/proc/{pid.Trim()}/stat";
            if (!File.Exists(stat))
                return true;
            await Task.Yield();
        }
        return false;
    }

    [Fact]
    public async Task A_command_answers_its_code_and_both_outputs_apart()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("sub/a.txt", "a");

        var result = await workspace.OkAsync(
            "execute_command",
            new
            {
                command = "ls && echo oops >&2; exit 3",
                cwd = "sub",
                timeout = (int?)null,
            }
        );

        Assert.Equal("a.txt\n", Text(result, "stdout"));
        Assert.Equal("oops\n", Text(result, "stderr"));
        Assert.Equal(3, result.GetProperty("exit_code").GetInt32());
        Assert.False(result.GetProperty("timed_out").GetBoolean());
        Assert.False(result.TryGetProperty("success", out _));
    }

    [Fact]
    public async Task A_signal_is_told_like_a_shell_does()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();

        var result = await workspace.OkAsync("execute_command", new { command = "kill -9 $$" });

        Assert.Equal(137, result.GetProperty("exit_code").GetInt32());
    }

    [Fact]
    public async Task Input_is_empty_and_there_is_no_terminal()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();

        var result = await workspace.OkAsync(
            "execute_command",
            new { command = "cat; test -t 0 || test -t 1 || echo none; (: < /dev/tty) 2>/dev/null || echo no tty" }
        );

        Assert.Equal("none\nno tty\n", Text(result, "stdout"));
    }

    [Fact]
    public async Task A_command_that_hangs_is_ended_with_all_its_children()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        var clock = Stopwatch.StartNew();

        var result = await workspace.OkAsync(
            "execute_command",
            new { command = "trap '' TERM; echo before; sleep 600 & echo $! > pid; wait", timeout = 1 }
        );

        Assert.True(result.GetProperty("timed_out").GetBoolean());
        Assert.Equal(-1, result.GetProperty("exit_code").GetInt32());
        Assert.Equal("before\n", Text(result, "stdout"));
        Assert.Equal(ToolErrorCodes.CommandTimeout, Text(result, "error_code"));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), clock.Elapsed.ToString());
        Assert.True(await IsGoneAsync(workspace.Read("pid")));
    }

    [Theory]
    [InlineData("sleep 600 & echo $! > pid; echo done")]
    [InlineData("(trap '' TERM HUP; sleep 600) & echo $! > pid; echo done")]
    [InlineData("nohup sleep 600 >/dev/null 2>&1 & echo $! > pid; echo done")]
    [InlineData("setsid sh -c 'echo $$ > pid; sleep 600' & while [ ! -s pid ]; do :; done; echo done")]
    [InlineData("setsid sh -c 'echo $$ > pid; exec sleep 600' >/dev/null 2>&1 & while [ ! -s pid ]; do :; done; echo done")]
    [InlineData("setsid setsid sh -c '(echo $$ > pid; setsid sleep 600 & sleep 600) & wait' & while [ ! -s pid ]; do :; done; echo done")]
    [InlineData("env -i /usr/bin/setsid sh -c 'echo $$ > pid; sleep 600' & while [ ! -s pid ]; do :; done; echo done")]
    [InlineData("set -m; sh -c 'echo $$ > pid; sleep 600' & while [ ! -s pid ]; do :; done; echo done")]
    public async Task What_a_command_leaves_in_the_background_is_ended_and_holds_nothing_up(string command)
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        var clock = Stopwatch.StartNew();

        var result = await workspace.OkAsync("execute_command", new { command, timeout = 60 });

        Assert.Equal("done\n", Text(result, "stdout"));
        Assert.Equal(0, result.GetProperty("exit_code").GetInt32());
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), clock.Elapsed.ToString());
        Assert.True(await IsGoneAsync(workspace.Read("pid")));
    }

    [Fact]
    public async Task Processes_of_others_are_left_alone()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        using var other = Process.Start(new ProcessStartInfo("sleep", ["600"]))!;
        try
        {
            await workspace.OkAsync("execute_command", new { command = "setsid sleep 600 & echo x" });

            Assert.False(other.HasExited);
        }
        finally
        {
            other.Kill();
            await other.WaitForExitAsync(Ct);
        }
    }

    [Fact]
    public async Task Commands_that_run_side_by_side_leave_each_other_alone()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        var codes = new System.Collections.Concurrent.ConcurrentBag<int>();

        await Parallel.ForEachAsync(
            Enumerable.Range(0, 160),
            new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Ct },
            async (_, _) =>
                codes.Add((await workspace.OkAsync("execute_command", new { command = "true" })).GetProperty("exit_code").GetInt32())
        );

        Assert.Equal(160, codes.Count);
        Assert.All(codes, code => Assert.Equal(0, code));
    }

    [Fact]
    public async Task Cancelling_ends_the_command_and_is_remembered()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        using var cancel = new CancellationTokenSource();
        workspace.Tools.Output += _ => cancel.Cancel();
        var call = workspace.Call("execute_command", new { command = "echo $$ > pid; echo started; sleep 600" }, "c1");

        var outcome = await workspace.Tools.ExecuteAsync(call, cancel.Token);
        var again = await workspace.Tools.ExecuteAsync(call, Ct);

        Assert.Equal(ToolErrorCodes.Cancelled, outcome.ErrorCode);
        Assert.Equal(outcome, again);
        Assert.True(await IsGoneAsync(workspace.Read("pid")));
    }

    [Fact]
    public async Task Endless_output_is_bounded_to_its_head_and_tail()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();

        var result = await workspace.OkAsync(
            "execute_command",
            new { command = "i=0; echo first; yes 0123456789 | head -c 5000000; echo; echo last" }
        );

        var stdout = Text(result, "stdout");
        Assert.StartsWith("first\n", stdout);
        Assert.EndsWith("last\n", stdout);
        Assert.Contains("characters omitted", stdout);
        Assert.InRange(stdout.Length, 60_000, 60_100);
    }

    [Fact]
    public async Task The_model_sees_plain_text_and_the_person_sees_colours()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        var live = new System.Text.StringBuilder();
        workspace.Tools.Output += output =>
        {
            lock (live)
                live.Append(output.Text);
        };

        var result = await workspace.OkAsync(
            "execute_command",
            new
            {
                command = @"printf '\033[31mred\033[0m \033]0;title\007x\n10%%\r50%%\r100%%\nab\bc\r\n'; printf '\320'; sleep 0.1; printf '\266\n'",
            }
        );

        Assert.Equal("red x\n100%\nac\nж\n", Text(result, "stdout"));
        Assert.Contains("\u001b[31mred", live.ToString());
        Assert.Contains("ж", live.ToString());
    }

    [Fact]
    public async Task Secrets_of_ours_are_not_in_the_environment_and_nothing_can_ask()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        Environment.SetEnvironmentVariable("CODELAB_TEST_SECRET", "s1");
        Environment.SetEnvironmentVariable("CodeLab__Llm__Key", "s2");
        Environment.SetEnvironmentVariable("ANTHROPIC_API_KEY", "s3");
        Environment.SetEnvironmentVariable("TOOL_TEST_PLAIN", "kept");

        var result = await workspace.OkAsync("execute_command", new { command = "env" });

        var lines = Text(result, "stdout").Split('\n');
        Assert.DoesNotContain(lines, l => l.EndsWith("=s1") || l.EndsWith("=s2") || l.EndsWith("=s3"));
        Assert.Contains("TOOL_TEST_PLAIN=kept", lines);
        Assert.Contains("GIT_TERMINAL_PROMPT=0", lines);
        Assert.Contains("CI=1", lines);
        Assert.Contains("PAGER=cat", lines);
        Assert.DoesNotContain(lines, l => l.StartsWith("NO_COLOR="));
    }

    [Fact]
    public async Task A_pipe_that_breaks_ends_its_writer_as_in_a_shell()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();

        // The runtime ignores SIGPIPE; a child that inherited that would write for ever.
        var result = await workspace.OkAsync("execute_command", new { command = "yes | head -n 1", timeout = 20 });

        Assert.Equal("y\n", Text(result, "stdout"));
        Assert.False(result.GetProperty("timed_out").GetBoolean());
    }

    [Fact]
    public async Task A_command_inherits_no_descriptor_of_ours()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("held.txt", "x");
        await using var held = File.OpenRead(workspace.PathOf("held.txt"));

        var result = await workspace.OkAsync("execute_command", new { command = "ls -l /proc/self/fd | sed 's/.* -> //'" });

        Assert.DoesNotContain("held.txt", Text(result, "stdout"));
        Assert.DoesNotContain("session.jsonl", Text(result, "stdout"));
    }

    [Fact]
    public async Task An_empty_command_and_a_missing_directory_are_refused()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();

        await workspace.FailAsync(ToolErrorCodes.InvalidArguments, "execute_command", new { command = "  " });
        await workspace.FailAsync(ToolErrorCodes.DirectoryNotFound, "execute_command", new { command = "ls", cwd = "nope" });
    }
}
