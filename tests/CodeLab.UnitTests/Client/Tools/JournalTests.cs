using System.Runtime.Versioning;
using CodeLab.Client.Tools;
using Xunit;

namespace CodeLab.UnitTests.Client.Tools;

[SupportedOSPlatform("linux")]
public sealed class JournalTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_delivered_again_is_answered_byte_for_byte_and_not_executed_again()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        var first = await workspace.RunAsync("execute_command", new { command = "echo 'ё <b>\"' && echo x >> count" }, "c1");

        var again = await workspace.RunAsync("execute_command", new { command = "echo 'ё <b>\"' && echo x >> count" }, "c1");
        await workspace.OpenAsync();
        var later = await workspace.RunAsync("execute_command", new { command = "echo 'ё <b>\"' && echo x >> count" }, "c1");

        Assert.Equal("x\n", workspace.Read("count"));
        Assert.Equal(first.Result!.Value.GetRawText(), again.Result!.Value.GetRawText());
        Assert.Equal(first.Result!.Value.GetRawText(), later.Result!.Value.GetRawText());
    }

    [Fact]
    public async Task A_failure_is_remembered_like_a_success()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        var first = await workspace.RunAsync("delete_file", new { path = "a.txt" }, "c1");
        workspace.Write("a.txt", "now it is there");
        await workspace.OpenAsync();

        var again = await workspace.RunAsync("delete_file", new { path = "a.txt" }, "c1");

        Assert.Equal((first.ErrorCode, first.Error), (again.ErrorCode, again.Error));
        Assert.True(File.Exists(workspace.PathOf("a.txt")));
    }

    [Fact]
    public async Task Other_arguments_under_a_used_id_are_refused_and_order_or_nulls_do_not_count()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        await workspace.RunAsync("write_file", new { path = "a.txt", content = "a" }, "c1");

        var other = await workspace.RunAsync("write_file", new { path = "a.txt", content = "b" }, "c1");
        var tool = await workspace.RunAsync("delete_file", new { path = "a.txt", content = "a" }, "c1");
        var same = await workspace.RunAsync(
            "write_file",
            new
            {
                encoding = (string?)null,
                content = "a",
                path = "a.txt",
            },
            "c1"
        );

        Assert.Equal(ToolErrorCodes.InvalidCallId, other.ErrorCode);
        Assert.Equal(ToolErrorCodes.InvalidCallId, tool.ErrorCode);
        Assert.True(same.Succeeded);
        Assert.Equal("a", workspace.Read("a.txt"));
    }

    [Fact]
    public async Task A_call_that_was_started_before_a_crash_has_an_unknown_outcome()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        await workspace.RunAsync("write_file", new { path = "a.txt", content = "a" }, "c1");
        await workspace.CloseAsync();
        // The crash: everything behind the first line, which says 'started', is gone.
        var lines = await File.ReadAllLinesAsync(workspace.JournalPath, Ct);
        Assert.Contains("started", lines[0]);
        await File.WriteAllTextAsync(workspace.JournalPath, lines[0] + "\n", Ct);
        File.Delete(workspace.PathOf("a.txt"));
        await workspace.OpenAsync();

        var outcome = await workspace.RunAsync("write_file", new { path = "a.txt", content = "a" }, "c1");

        Assert.Equal(ToolErrorCodes.OutcomeUnknown, outcome.ErrorCode);
        Assert.False(File.Exists(workspace.PathOf("a.txt")));
    }

    [Fact]
    public async Task A_torn_last_line_is_cut_off_at_every_byte()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        await workspace.RunAsync("write_file", new { path = "a.txt", content = "a" }, "c1");
        await workspace.RunAsync("read_file", new { path = "a.txt" }, "c2");
        await workspace.CloseAsync();
        var whole = await File.ReadAllBytesAsync(workspace.JournalPath, Ct);
        var firstTwo = Array.LastIndexOf(whole, (byte)'\n', whole.Length - 2) + 1;

        for (var length = firstTwo; length < whole.Length; length += 7)
        {
            await File.WriteAllBytesAsync(workspace.JournalPath, whole[..length], Ct);
            await workspace.OpenAsync();
            var kept = await workspace.RunAsync("write_file", new { path = "a.txt", content = "a" }, "c1");
            var repeated = await workspace.RunAsync("read_file", new { path = "a.txt" }, "c2");
            await workspace.CloseAsync();

            Assert.True(kept.Succeeded);
            Assert.True(repeated.Succeeded);
            Assert.Equal(3, (await File.ReadAllLinesAsync(workspace.JournalPath, Ct)).Length);
        }
    }

    [Fact]
    public async Task A_damaged_line_hides_no_other()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        await workspace.RunAsync("write_file", new { path = "a.txt", content = "a" }, "c1");
        await workspace.CloseAsync();
        var text = await File.ReadAllTextAsync(workspace.JournalPath, Ct);
        await File.WriteAllTextAsync(workspace.JournalPath, "garbage\n" + text, Ct);
        File.Delete(workspace.PathOf("a.txt"));
        await workspace.OpenAsync();

        Assert.True((await workspace.RunAsync("write_file", new { path = "a.txt", content = "a" }, "c1")).Succeeded);
        Assert.False(File.Exists(workspace.PathOf("a.txt")));
    }

    [Fact]
    public async Task The_same_call_twice_at_once_runs_once()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        var call = workspace.Call("execute_command", new { command = "sleep 0.2; echo x >> count" }, "c1");

        await Task.WhenAll(workspace.Tools.ExecuteAsync(call, Ct), workspace.Tools.ExecuteAsync(call, Ct));

        Assert.Equal("x\n", workspace.Read("count"));
    }

    [Fact]
    public async Task A_journal_belongs_to_one_process_at_a_time_and_to_its_owner()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();

        await Assert.ThrowsAnyAsync<IOException>(() => ToolJournal.OpenAsync(workspace.JournalPath, Ct));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(workspace.JournalPath));
    }
}
