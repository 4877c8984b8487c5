using System.Runtime.Versioning;
using System.Text;
using CodeLab.Client.Tools;
using Xunit;

namespace CodeLab.UnitTests.Client.Tools;

[SupportedOSPlatform("linux")]
public sealed class FileToolTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Reading_answers_the_text_and_what_is_needed_to_go_on()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("a.txt", "one\ntwo\nthree\n");

        var all = await workspace.OkAsync("read_file", new { path = "a.txt", encoding = (string?)null });
        var some = await workspace.OkAsync(
            "read_file",
            new
            {
                path = "a.txt",
                start_line = 2,
                end_line = "2",
            }
        );

        Assert.Equal("one\ntwo\nthree\n", all.GetProperty("content").GetString());
        Assert.Equal(3, all.GetProperty("lines_read").GetInt32());
        Assert.False(all.GetProperty("truncated").GetBoolean());
        Assert.Equal("two\n", some.GetProperty("content").GetString());
        Assert.Equal(3, some.GetProperty("total_lines").GetInt32());
        Assert.Equal(3, some.GetProperty("next_line").GetInt32());
    }

    [Fact]
    public async Task A_long_file_is_cut_at_a_line_and_can_be_read_to_its_end()
    {
        await using var workspace = await ToolWorkspace.CreateAsync(new LocalToolOptions { MaxReadResultBytes = 1000 });
        var text = string.Concat(Enumerable.Range(1, 300).Select(i => $"line {i} жжж\n"));
        workspace.Write("long.txt", text);

        var read = new StringBuilder();
        int? next = 1;
        while (next is { } line)
        {
            var part = await workspace.OkAsync("read_file", new { path = "long.txt", start_line = line });
            var content = part.GetProperty("content").GetString()!;
            Assert.True(Encoding.UTF8.GetByteCount(content) <= 1000);
            Assert.EndsWith("\n", content);
            read.Append(content);
            next = part.TryGetProperty("next_line", out var more) ? more.GetInt32() : null;
        }

        Assert.Equal(text, read.ToString());
    }

    [Fact]
    public async Task A_line_longer_than_the_budget_shows_its_beginning()
    {
        await using var workspace = await ToolWorkspace.CreateAsync(new LocalToolOptions { MaxReadResultBytes = 1000 });
        workspace.Write("min.js", new string('x', 100_000) + "\nend\n");

        var read = await workspace.OkAsync("read_file", new { path = "min.js" });

        Assert.True(read.GetProperty("truncated").GetBoolean());
        Assert.Equal(2, read.GetProperty("next_line").GetInt32());
        Assert.Contains("only its beginning", read.GetProperty("note").GetString());
    }

    [Fact]
    public async Task A_50_MB_file_is_refused_without_reading_it()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        await using (var file = File.Create(workspace.PathOf("big.log")))
            file.SetLength(50 * 1024 * 1024);

        var read = await workspace.FailAsync(ToolErrorCodes.FileTooLarge, "read_file", new { path = "big.log" });
        await workspace.FailAsync(ToolErrorCodes.FileTooLarge, "write_file", new { path = "big.log", content = "x" });
        await workspace.FailAsync(
            ToolErrorCodes.FileTooLarge,
            "write_file",
            new { path = "new.txt", content = new string('x', 6 * 1024 * 1024) }
        );

        Assert.Contains("search_in_code", read);
        Assert.False(File.Exists(workspace.PathOf("new.txt")));
    }

    [Fact]
    public async Task A_binary_file_is_described_and_never_edited()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        byte[] png = [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10, 0, 0, 0, 13];
        await File.WriteAllBytesAsync(workspace.PathOf("a.png"), png, Ct);

        var read = await workspace.FailAsync(ToolErrorCodes.BinaryFile, "read_file", new { path = "a.png" });
        await workspace.FailAsync(ToolErrorCodes.BinaryFile, "write_file", new { path = "a.png", content = "x" });
        await workspace.FailAsync(
            ToolErrorCodes.BinaryFile,
            "apply_diff",
            new { path = "a.png", diff = "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE" }
        );

        Assert.Contains("PNG image, 12 bytes", read);
        Assert.Equal(png, await File.ReadAllBytesAsync(workspace.PathOf("a.png"), Ct));
    }

    [Theory]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    [InlineData("utf-32")]
    [InlineData("utf-8")]
    public async Task A_byte_order_mark_decides_and_is_kept(string name)
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        var encoding = Encoding.GetEncoding(name);
        await File.WriteAllBytesAsync(workspace.PathOf("a.txt"), [.. encoding.GetPreamble(), .. encoding.GetBytes("привет\r\n")], Ct);

        var read = await workspace.OkAsync("read_file", new { path = "a.txt" });
        await workspace.OkAsync("write_file", new { path = "a.txt", content = "пока\n" });

        Assert.Equal("привет\n", read.GetProperty("content").GetString());
        byte[] expected = [.. encoding.GetPreamble(), .. encoding.GetBytes("пока\r\n")];
        Assert.Equal(expected, await File.ReadAllBytesAsync(workspace.PathOf("a.txt"), Ct));
    }

    [Fact]
    public async Task A_windows_1251_file_is_guessed_read_by_name_and_written_back_so()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        var cyrillic = Encoding.GetEncoding(1251);
        await File.WriteAllBytesAsync(workspace.PathOf("a.txt"), cyrillic.GetBytes("Съешь же ещё этих мягких булок\n"), Ct);

        var error = await workspace.FailAsync(ToolErrorCodes.EncodingError, "read_file", new { path = "a.txt" });
        var read = await workspace.OkAsync("read_file", new { path = "a.txt", encoding = "windows-1251" });
        await workspace.OkAsync(
            "apply_diff",
            new { path = "a.txt", diff = "<<<<<<< SEARCH\nСъешь же ещё этих мягких булок\n=======\nВыпей чаю\n>>>>>>> REPLACE" }
        );
        var unfit = await workspace.FailAsync(ToolErrorCodes.EncodingError, "write_file", new { path = "a.txt", content = "чай 🍵\n" });

        Assert.Contains("\"windows-1251\"", error);
        Assert.StartsWith("Съешь", read.GetProperty("content").GetString());
        Assert.Contains("U+1F375", unfit);
        Assert.Equal(cyrillic.GetBytes("Выпей чаю\n"), await File.ReadAllBytesAsync(workspace.PathOf("a.txt"), Ct));
    }

    [Fact]
    public async Task Koi8_text_is_guessed_too()
    {
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        const string text = "Широкая электрификация южных губерний даст мощный толчок";

        Assert.Equal("koi8-r", EncodingGuess.For(Encoding.GetEncoding("koi8-r").GetBytes(text)));
        Assert.Equal("windows-1251", EncodingGuess.For(Encoding.GetEncoding(1251).GetBytes(text)));
        Assert.Equal("ibm866", EncodingGuess.For(Encoding.GetEncoding(866).GetBytes(text)));
        Assert.Equal("windows-1252", EncodingGuess.For(Encoding.GetEncoding(1252).GetBytes("déjà vu, garçon")));
        await Task.CompletedTask;
    }

    [Fact]
    public async Task Writing_keeps_newlines_mode_and_the_final_newline()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        var path = workspace.Write("run.sh", "a\r\nb\r\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead);

        var written = await workspace.OkAsync("write_file", new { path = "run.sh", content = "a\nc\nd" });

        Assert.Equal("a\r\nc\r\nd\r\n", workspace.Read("run.sh"));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead,
            File.GetUnixFileMode(path)
        );
        Assert.False(written.GetProperty("created").GetBoolean());
        Assert.Equal(9, written.GetProperty("bytes_written").GetInt32());
        Assert.Equal(2, written.GetProperty("lines_added").GetInt32());
        Assert.Equal(1, written.GetProperty("lines_removed").GetInt32());
        Assert.False(written.TryGetProperty("backup_path", out _));
        Assert.Single(Directory.GetFiles(workspace.Root));
    }

    [Fact]
    public async Task A_new_file_gets_its_directories_and_the_newline_of_editorconfig_or_neighbours()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write(".editorconfig", "root = true\n[*]\nend_of_line = lf\n[*.{bat,cmd}]\nend_of_line = crlf\n");
        workspace.Write("win/.editorconfig", "root = true\n");
        workspace.Write("win/a.cs", "x\r\n");

        await workspace.OkAsync("write_file", new { path = "new/deep/a.bat", content = "x\n" });
        await workspace.OkAsync("write_file", new { path = "new/deep/a.sh", content = "x\r\n" });
        await workspace.OkAsync("write_file", new { path = "win/b.cs", content = "x\n" });

        Assert.Equal("x\r\n", workspace.Read("new/deep/a.bat"));
        Assert.Equal("x\n", workspace.Read("new/deep/a.sh"));
        Assert.Equal("x\r\n", workspace.Read("win/b.cs"));
    }

    [Fact]
    public async Task A_missing_directory_is_not_made_when_that_is_asked()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();

        await workspace.FailAsync(
            ToolErrorCodes.DirectoryNotFound,
            "write_file",
            new
            {
                path = "no/a.txt",
                content = "x",
                create_dirs = false,
            }
        );

        Assert.False(Directory.Exists(workspace.PathOf("no")));
    }

    [Fact]
    public async Task A_write_after_somebody_elses_change_is_refused_until_it_was_read_again()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("a.txt", "old\n");
        await workspace.OkAsync("read_file", new { path = "a.txt" });
        workspace.Write("a.txt", "theirs\n");

        await workspace.FailAsync(ToolErrorCodes.FileChanged, "write_file", new { path = "a.txt", content = "mine\n" });
        Assert.Equal("theirs\n", workspace.Read("a.txt"));
        await workspace.OkAsync("read_file", new { path = "a.txt" });
        await workspace.OkAsync("write_file", new { path = "a.txt", content = "both\n" });
        await workspace.OkAsync("write_file", new { path = "a.txt", content = "again\n" });

        Assert.Equal("again\n", workspace.Read("a.txt"));
    }

    [Fact]
    public async Task A_file_that_was_never_read_may_be_written()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("a.txt", "old\n");

        await workspace.OkAsync(
            "write_file",
            new
            {
                path = "a.txt",
                content = "new\n",
                backup = true,
            }
        );

        var backup = Assert.Single(Directory.GetFiles(workspace.Root, "a.txt.backup.*"));
        Assert.Equal("old\n", await File.ReadAllTextAsync(backup, Ct));
    }

    [Fact]
    public async Task A_diff_applies_beside_somebody_elses_change_and_says_so()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("a.txt", "a\nb\nc\n");
        await workspace.OkAsync("read_file", new { path = "a.txt" });
        workspace.Write("a.txt", "a\nb\nTHEIRS\n");

        var applied = await workspace.OkAsync(
            "apply_diff",
            new { path = "a.txt", diff = "<<<<<<< SEARCH\nb\n=======\nB\n>>>>>>> REPLACE" }
        );

        Assert.Equal("a\nB\nTHEIRS\n", workspace.Read("a.txt"));
        Assert.Contains("somebody else", applied.GetProperty("note").GetString());
        Assert.Equal(1, applied.GetProperty("applied").GetInt32());
    }

    [Fact]
    public async Task A_diff_that_does_not_apply_writes_nothing()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("a.txt", "a\r\nb\r\n");

        await workspace.FailAsync(
            ToolErrorCodes.PatchApplyFailed,
            "apply_diff",
            new { path = "a.txt", diff = "<<<<<<< SEARCH\na\n=======\nA\n>>>>>>> REPLACE\n<<<<<<< SEARCH\nq\n=======\nr\n>>>>>>> REPLACE" }
        );

        Assert.Equal("a\r\nb\r\n", workspace.Read("a.txt"));
    }

    [Fact]
    public async Task A_missing_file_names_its_nearest_relatives()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("src/Program.cs", "x");

        var elsewhere = await workspace.FailAsync(ToolErrorCodes.FileNotFound, "read_file", new { path = "Program.cs" });
        var misspelt = await workspace.FailAsync(ToolErrorCodes.FileNotFound, "read_file", new { path = "lib/Progam.cs" });

        Assert.Contains("'src/Program.cs'", elsewhere);
        Assert.Contains("'src/Program.cs'", misspelt);
    }

    [Fact]
    public async Task Moving_takes_both_spellings_never_overwrites_and_makes_directories()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("a.txt", "a");
        workspace.Write("b.txt", "b");

        await workspace.FailAsync(ToolErrorCodes.AlreadyExists, "move_file", new { from = "a.txt", to = "b.txt" });
        await workspace.OkAsync("move_file", new { source = "a.txt", destination = "new/dir/c.txt" });
        await workspace.OkAsync("move_file", new { from = "b.txt", to = "new/dir/" });
        await workspace.FailAsync(ToolErrorCodes.InvalidPath, "move_file", new { from = "new", to = "new/dir/x" });
        await workspace.OkAsync("move_file", new { from = "new/dir", to = "top" });

        Assert.Equal("a", workspace.Read("top/c.txt"));
        Assert.Equal("b", workspace.Read("top/b.txt"));
    }

    [Fact]
    public async Task Deleting_a_full_directory_needs_a_word()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("d/a.txt", "a");

        await workspace.FailAsync(ToolErrorCodes.DirectoryNotEmpty, "delete_file", new { path = "d" });
        await workspace.FailAsync(ToolErrorCodes.InvalidPath, "delete_file", new { path = ".", recursive = true });
        await workspace.OkAsync("delete_file", new { path = "d", recursive = true });

        Assert.False(Directory.Exists(workspace.PathOf("d")));
    }

    [Fact]
    public async Task Directories_are_made_once()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("file", "x");

        var first = await workspace.OkAsync("create_directory", new { path = "a/b/c" });
        var second = await workspace.OkAsync("create_directory", new { path = "a/b/c" });

        Assert.True(first.GetProperty("created").GetBoolean());
        Assert.True(second.GetProperty("already_exists").GetBoolean());
        await workspace.FailAsync(ToolErrorCodes.AlreadyExists, "create_directory", new { path = "file" });
        await workspace.FailAsync(ToolErrorCodes.AlreadyExists, "create_directory", new { path = "file/below" });
        await workspace.FailAsync(ToolErrorCodes.DirectoryNotFound, "create_directory", new { path = "x/y", recursive = false });
    }

    [Fact]
    public async Task A_preview_shows_the_change_and_changes_nothing()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("a.txt", "a\r\nb\r\n");

        var write = await workspace.Tools.PreviewAsync(workspace.Call("write_file", new { path = "new.txt", content = "n\n" }), Ct);
        var diff = await workspace.Tools.PreviewAsync(
            workspace.Call("apply_diff", new { path = "a.txt", diff = "<<<<<<< SEARCH\nb\n=======\nB\n>>>>>>> REPLACE" }),
            Ct
        );
        var bad = await workspace.Tools.PreviewAsync(
            workspace.Call("apply_diff", new { path = "a.txt", diff = "<<<<<<< SEARCH\nq\n=======\nB\n>>>>>>> REPLACE" }),
            Ct
        );
        var delete = await workspace.Tools.PreviewAsync(workspace.Call("delete_file", new { path = "a.txt" }), Ct);
        var move = await workspace.Tools.PreviewAsync(workspace.Call("move_file", new { from = "a.txt", to = "b.txt" }), Ct);

        Assert.Equal((FileChangeKind.Create, null, "n\n"), (write!.Kind, write.OldText, write.NewText));
        Assert.Equal((FileChangeKind.Modify, "a\nb\n", "a\nB\n"), (diff!.Kind, diff.OldText, diff.NewText));
        Assert.Equal((ToolErrorCodes.PatchApplyFailed, null), (bad!.ErrorCode, bad.NewText));
        Assert.Equal((FileChangeKind.Delete, "a\nb\n", null), (delete!.Kind, delete.OldText, delete.NewText));
        Assert.Equal((FileChangeKind.Move, "b.txt"), (move!.Kind, move.NewPath));
        Assert.Null(await workspace.Tools.PreviewAsync(workspace.Call("execute_command", new { command = "ls" }), Ct));
        Assert.Equal("a\r\nb\r\n", workspace.Read("a.txt"));
        Assert.Single(Directory.GetFiles(workspace.Root));
    }

    [Fact]
    public async Task Bad_arguments_and_unknown_tools_are_told_to_the_model()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("a.txt", "a\n");

        Assert.Contains(
            "'path' is missing",
            await workspace.FailAsync(ToolErrorCodes.InvalidArguments, "read_file", new { path = (string?)null })
        );
        await workspace.FailAsync(ToolErrorCodes.InvalidArguments, "read_file", new { path = new[] { "a" } });
        await workspace.FailAsync(ToolErrorCodes.InvalidArguments, "read_file", new { path = "a.txt", start_line = 5 });
        await workspace.FailAsync(ToolErrorCodes.InvalidArguments, "read_file", new { path = "a.txt", start_line = 0 });
        await workspace.FailAsync(ToolErrorCodes.InvalidArguments, "read_file", new { path = "a.txt", encoding = "klingon" });
        Assert.Contains("read_file", await workspace.FailAsync(ToolErrorCodes.ToolNotFound, "fly", new { }));
    }

    [Fact]
    public async Task Writes_of_two_sessions_in_one_workspace_take_turns()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        await using var journal = await ToolJournal.OpenAsync(Path.Combine(workspace.Outside, "other.jsonl"), Ct);
        await using var other = new LocalTools(WorkspaceRoot.Open(workspace.Root), new LocalToolOptions(), journal, TimeProvider.System);
        const string command = "test ! -e busy && touch busy && sleep 0.2 && rm busy";

        var outcomes = await Task.WhenAll(
            workspace.RunAsync("execute_command", new { command }),
            other.ExecuteAsync(workspace.Call("execute_command", new { command }, "other"), Ct)
        );

        Assert.All(outcomes, o => Assert.Equal(0, o.Result!.Value.GetProperty("exit_code").GetInt32()));
    }
}
