using System.Text.Json;
using CodeLab.Client.Processes;
using CodeLab.Client.Tools;
using Xunit;

namespace CodeLab.UnitTests.Client.Tools;

public sealed class WorkspaceJailTests
{
    public static TheoryData<string, string> Refused =>
        new()
        {
            { "", ToolErrorCodes.InvalidPath },
            { "   ", ToolErrorCodes.InvalidPath },
            { new string('a', 4097), ToolErrorCodes.InvalidPath },
            { new string('ж', 200), ToolErrorCodes.InvalidPath },
            { "a\0b", ToolErrorCodes.InvalidPath },
            { "a\nb", ToolErrorCodes.InvalidPath },
            { "a\tb", ToolErrorCodes.InvalidPath },
            { "a\u001b[31mb", ToolErrorCodes.InvalidPath },
            { "a\u007fb", ToolErrorCodes.InvalidPath },
            { "a\u0085b", ToolErrorCodes.InvalidPath },
            { "safe\u202Etxt.exe", ToolErrorCodes.InvalidPath },
            { "a\u2066b", ToolErrorCodes.InvalidPath },
            { "a\u200Bb", ToolErrorCodes.InvalidPath },
            { "a\uFEFFb", ToolErrorCodes.InvalidPath },
            { "a\u2028b", ToolErrorCodes.InvalidPath },
            { "a\U000E0041b", ToolErrorCodes.InvalidPath },
            { "a\uD800b", ToolErrorCodes.InvalidPath },
            { "file:///etc/passwd", ToolErrorCodes.InvalidPath },
            { "https://example.org/a", ToolErrorCodes.InvalidPath },
            { "../outside/secret.txt", ToolErrorCodes.PathOutsideWorkspace },
            { "src/../../outside/secret.txt", ToolErrorCodes.PathOutsideWorkspace },
            { "src/..", ToolErrorCodes.PathOutsideWorkspace },
            { "..", ToolErrorCodes.PathOutsideWorkspace },
            { "..\\outside\\secret.txt", ToolErrorCodes.PathOutsideWorkspace },
            { "a\\..\\..\\outside", ToolErrorCodes.PathOutsideWorkspace },
            { "/etc/passwd", ToolErrorCodes.PathOutsideWorkspace },
            { "//server/share", ToolErrorCodes.PathOutsideWorkspace },
            { "\\\\server\\share", ToolErrorCodes.PathOutsideWorkspace },
            { "C:\\Windows\\win.ini", ToolErrorCodes.PathOutsideWorkspace },
            { "c:win.ini", ToolErrorCodes.PathOutsideWorkspace },
            { "~/.ssh/id_rsa", ToolErrorCodes.PathOutsideWorkspace },
            { "~", ToolErrorCodes.PathOutsideWorkspace },
        };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task A_path_that_is_malformed_or_leads_out_is_refused_by_every_tool(string path, string code)
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("src/a.txt", "a");
        var root = WorkspaceRoot.Open(workspace.Root);

        var refused = Assert.Throws<ToolFailure>(() => root.Resolve(path));

        Assert.Equal(code, refused.Code);
        // A lone surrogate does not survive JSON, so it cannot come in by a call.
        if (path.Contains('\uD800'))
            return;
        foreach (var (tool, arguments) in Calls(path))
            await workspace.FailAsync(code, tool, arguments);
        Assert.Equal("secret", await File.ReadAllTextAsync(workspace.SecretFile, TestContext.Current.CancellationToken));
    }

    private static IEnumerable<(string, object)> Calls(string path) =>
        [
            ("read_file", new { path }),
            ("write_file", new { path, content = "x" }),
            ("apply_diff", new { path, diff = "<<<<<<< SEARCH\nsecret\n=======\nx\n>>>>>>> REPLACE" }),
            ("delete_file", new { path }),
            ("create_directory", new { path }),
            ("move_file", new { from = path, to = "b.txt" }),
            ("move_file", new { from = "src/a.txt", to = path }),
        ];

    [Theory]
    [InlineData("CON")]
    [InlineData("nul.txt")]
    [InlineData("src/COM1")]
    [InlineData("a.txt:stream")]
    [InlineData("a.")]
    [InlineData("a ")]
    [InlineData("a?b")]
    public void Windows_device_names_streams_and_trailing_dots_are_refused_there(string path)
    {
        Assert.Equal(ToolErrorCodes.InvalidPath, Assert.Throws<ToolFailure>(() => WorkspacePath.Split(path, windows: true)).Code);
    }

    [Theory]
    [InlineData("link.txt")]
    [InlineData("dir/secret.txt")]
    [InlineData("chain/secret.txt")]
    [InlineData("relative/secret.txt")]
    [InlineData("inside/up/secret.txt")]
    public async Task A_link_that_leads_out_is_refused_wherever_it_stands(string path)
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        Directory.CreateDirectory(workspace.PathOf("inside"));
        workspace.Link("link.txt", workspace.SecretFile);
        workspace.Link("dir", workspace.Outside);
        workspace.Link("hop", "dir");
        workspace.Link("chain", "hop");
        workspace.Link("relative", "../outside");
        workspace.Link("inside/up", "../../outside");

        await workspace.FailAsync(ToolErrorCodes.PathOutsideWorkspace, "read_file", new { path });
        await workspace.FailAsync(ToolErrorCodes.PathOutsideWorkspace, "write_file", new { path, content = "x" });

        Assert.Equal("secret", await File.ReadAllTextAsync(workspace.SecretFile, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_dangling_link_out_creates_nothing_outside()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        var target = Path.Combine(workspace.Outside, "new.txt");
        workspace.Link("dangling", target);
        workspace.Link("danglingdir", Path.Combine(workspace.Outside, "newdir"));

        await workspace.FailAsync(ToolErrorCodes.PathOutsideWorkspace, "write_file", new { path = "dangling", content = "x" });
        await workspace.FailAsync(ToolErrorCodes.PathOutsideWorkspace, "write_file", new { path = "danglingdir/a/b.txt", content = "x" });
        await workspace.FailAsync(ToolErrorCodes.PathOutsideWorkspace, "create_directory", new { path = "danglingdir/a" });

        Assert.Equal([workspace.SecretFile], Directory.GetFileSystemEntries(workspace.Outside));
    }

    [Fact]
    public async Task A_loop_of_links_is_refused()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Link("a", "b");
        workspace.Link("b", "a");

        await workspace.FailAsync(ToolErrorCodes.InvalidPath, "read_file", new { path = "a/file.txt" });
    }

    [Fact]
    public async Task A_neighbour_whose_name_begins_like_the_workspace_is_outside()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        var neighbour = workspace.Root + "-backup";
        Directory.CreateDirectory(neighbour);
        await File.WriteAllTextAsync(Path.Combine(neighbour, "a.txt"), "secret", TestContext.Current.CancellationToken);
        workspace.Link("near", neighbour);

        await workspace.FailAsync(ToolErrorCodes.PathOutsideWorkspace, "read_file", new { path = "near/a.txt" });
    }

    [Fact]
    public async Task A_link_that_stays_inside_is_followed_and_kept_when_written()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("real/a.txt", "old\n");
        workspace.Link("short", "real");
        workspace.Link("a-link.txt", "short/a.txt");

        await workspace.OkAsync("write_file", new { path = "a-link.txt", content = "new\n" });

        Assert.Equal("new\n", workspace.Read("real/a.txt"));
        Assert.Equal("short/a.txt", new FileInfo(workspace.PathOf("a-link.txt")).LinkTarget);
    }

    [Fact]
    public async Task Deleting_and_moving_a_link_leaves_its_target()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Link("out", workspace.Outside);
        workspace.Link("file", workspace.SecretFile);
        workspace.Link("dir", workspace.Outside);
        workspace.Link("gone", "nowhere");

        await workspace.OkAsync("move_file", new { from = "dir", to = "moved-dir" });
        await workspace.OkAsync("move_file", new { from = "gone", to = "moved-gone" });
        await workspace.OkAsync("delete_file", new { path = "out", recursive = true });
        await workspace.OkAsync("move_file", new { from = "file", to = "moved" });

        Assert.Equal("secret", await File.ReadAllTextAsync(workspace.SecretFile, TestContext.Current.CancellationToken));
        Assert.False(Path.Exists(workspace.PathOf("out")));
        Assert.Equal(workspace.SecretFile, new FileInfo(workspace.PathOf("moved")).LinkTarget);
    }

    [Fact]
    public async Task Deleting_a_directory_does_not_follow_the_links_in_it()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("d/a.txt", "a");
        workspace.Link("d/out", workspace.Outside);

        await workspace.OkAsync("delete_file", new { path = "d", recursive = true });

        Assert.False(Directory.Exists(workspace.PathOf("d")));
        Assert.True(File.Exists(workspace.SecretFile));
    }

    [Fact]
    public async Task A_directory_swapped_for_a_link_after_the_check_is_not_entered()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("d/secret.txt", "mine");
        var root = WorkspaceRoot.Open(workspace.Root);
        var resolved = root.Resolve("d/secret.txt");

        Directory.Delete(workspace.PathOf("d"), recursive: true);
        workspace.Link("d", workspace.Outside);

        Assert.Throws<ToolFailure>(() => PinnedDirectory.OpenParent(root, resolved).Dispose());
    }

    [Fact]
    public async Task A_directory_above_swapped_for_a_link_after_the_check_is_noticed()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("d/e/secret.txt", "mine");
        Directory.CreateDirectory(Path.Combine(workspace.Outside, "e"));
        var root = WorkspaceRoot.Open(workspace.Root);
        var resolved = root.Resolve("d/e/secret.txt");

        Directory.Delete(workspace.PathOf("d"), recursive: true);
        workspace.Link("d", workspace.Outside);

        var refused = Assert.Throws<ToolFailure>(() => PinnedDirectory.OpenParent(root, resolved).Dispose());
        Assert.Equal(ToolErrorCodes.PathOutsideWorkspace, refused.Code);
    }

    [Fact]
    public async Task A_pinned_directory_stays_the_same_when_its_name_is_given_to_a_link()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("d/a.txt", "mine");
        var root = WorkspaceRoot.Open(workspace.Root);
        using var pinned = PinnedDirectory.OpenParent(root, root.Resolve("d/new.txt"));

        Directory.Move(workspace.PathOf("d"), workspace.PathOf("moved"));
        workspace.Link("d", workspace.Outside);
        await File.WriteAllTextAsync(pinned.PathOf("new.txt"), "x", TestContext.Current.CancellationToken);

        Assert.True(File.Exists(workspace.PathOf("moved/new.txt")));
        Assert.False(File.Exists(Path.Combine(workspace.Outside, "new.txt")));
    }

    [Fact]
    public async Task A_file_swapped_for_a_link_after_the_check_is_not_opened()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("d/a.txt", "mine");
        var root = WorkspaceRoot.Open(workspace.Root);
        var resolved = root.Resolve("d/a.txt");
        using var pinned = PinnedDirectory.OpenParent(root, resolved);

        File.Delete(workspace.PathOf("d/a.txt"));
        workspace.Link("d/a.txt", workspace.SecretFile);

        Assert.Equal(ToolErrorCodes.PathOutsideWorkspace, Assert.Throws<ToolFailure>(() => pinned.OpenFile(root, resolved)).Code);
    }

    [Fact]
    public async Task A_race_of_links_never_shows_or_changes_what_is_outside()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("real/secret.txt", "mine");
        workspace.Link("d", "real");
        using var stop = new CancellationTokenSource();
        var swapping = Task.Run(
            () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    File.CreateSymbolicLink(workspace.PathOf("d2"), workspace.Outside);
                    Assert.Equal(0, Libc.Rename(workspace.PathOf("d2"), workspace.PathOf("d")));
                    File.CreateSymbolicLink(workspace.PathOf("d2"), "real");
                    Assert.Equal(0, Libc.Rename(workspace.PathOf("d2"), workspace.PathOf("d")));
                }
            },
            TestContext.Current.CancellationToken
        );

        for (var i = 0; i < 150; i++)
        {
            var read = await workspace.RunAsync("read_file", new { path = "d/secret.txt" });
            if (read.Result is { } shown)
                Assert.DoesNotContain("secret", shown.GetProperty("content").GetString());
            await workspace.RunAsync("write_file", new { path = "d/secret.txt", content = "mine" + i });
        }
        await stop.CancelAsync();
        await swapping;

        Assert.Equal("secret", await File.ReadAllTextAsync(workspace.SecretFile, TestContext.Current.CancellationToken));
        Assert.Single(Directory.GetFileSystemEntries(workspace.Outside));
    }

    [Fact]
    public async Task A_workspace_reached_through_a_link_is_its_real_directory()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("a.txt", "a");
        var alias = Path.Combine(workspace.Outside, "alias");
        Directory.CreateSymbolicLink(alias, workspace.Root);

        var root = WorkspaceRoot.Open(alias);

        Assert.Equal(workspace.Root, root.FullPath);
        Assert.Equal(workspace.PathOf("a.txt"), root.Resolve("./a.txt").Full);
    }

    [Fact]
    public async Task A_pipe_in_the_workspace_is_refused_and_does_not_block()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        await workspace.OkAsync("execute_command", new { command = "mkfifo pipe" });

        await workspace.FailAsync(ToolErrorCodes.NotAFile, "read_file", new { path = "pipe" });
    }

    [Fact]
    public async Task The_working_directory_of_a_command_is_jailed_too()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Link("out", workspace.Outside);

        await workspace.FailAsync(ToolErrorCodes.PathOutsideWorkspace, "execute_command", new { command = "ls", cwd = "../outside" });
        await workspace.FailAsync(ToolErrorCodes.PathOutsideWorkspace, "execute_command", new { command = "ls", cwd = "out" });
    }

    [Fact]
    public async Task Searching_and_listing_do_not_follow_links_out()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("a.txt", "nothing");
        workspace.Link("out", workspace.Outside);
        workspace.Link("file.txt", workspace.SecretFile);

        var found = await workspace.OkAsync("search_in_code", new { query = "secret" });
        var listed = await workspace.OkAsync("list_files", new { path = ".", recursive = true });

        Assert.Equal(0, found.GetProperty("total_matches").GetInt32());
        Assert.DoesNotContain(listed.GetProperty("items").EnumerateArray(), i => i.GetProperty("path").GetString()!.Contains('/'));
        await workspace.FailAsync(ToolErrorCodes.PathOutsideWorkspace, "search_in_code", new { query = "secret", path = "out" });
        await workspace.FailAsync(ToolErrorCodes.PathOutsideWorkspace, "list_files", new { path = "out" });
    }

    [Fact]
    public async Task A_name_in_another_unicode_form_finds_its_file()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("caf\u00E9.txt", "x");

        var read = await workspace.OkAsync("read_file", new { path = "cafe\u0301.txt" });

        Assert.Equal("x", read.GetProperty("content").GetString());
    }
}
