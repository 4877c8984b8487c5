using System.Text;
using System.Text.Json;
using CodeLab.Client.Tools;
using Xunit;

namespace CodeLab.UnitTests.Client.Tools;

public sealed class SearchAndGitTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static string[] Files(JsonElement found) =>
        [.. found.GetProperty("matches").EnumerateArray().Select(m => m.GetProperty("file").GetString()!).Distinct()];

    private static string[] Texts(JsonElement result, string name) =>
        [.. result.GetProperty(name).EnumerateArray().Select(t => t.GetString()!)];

    private static async Task<ToolWorkspace> RepositoryAsync()
    {
        var workspace = await ToolWorkspace.CreateAsync();
        await workspace.OkAsync(
            "execute_command",
            new
            {
                command = "git init -q -b main . && git config user.name Ada && git config user.email ada@example.org && git config commit.gpgsign false",
            }
        );
        return workspace;
    }

    [Fact]
    public async Task A_match_says_where_it_is()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("lib/main.dart", "void main() {\r\n  // TODO later\r\n}\r\n");

        var found = await workspace.OkAsync("search_in_code", new { query = "todo", file_pattern = (string?)null });

        var match = Assert.Single(found.GetProperty("matches").EnumerateArray());
        Assert.Equal("lib/main.dart", match.GetProperty("file").GetString());
        Assert.Equal(2, match.GetProperty("line").GetInt32());
        Assert.Equal(6, match.GetProperty("column").GetInt32());
        Assert.Equal("TODO", match.GetProperty("matched_text").GetString());
        Assert.Equal("  // TODO later", match.GetProperty("line_content").GetString());
        Assert.False(found.GetProperty("truncated").GetBoolean());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ignored_files_are_not_searched_with_git_and_without(bool repository)
    {
        await using var workspace = repository ? await RepositoryAsync() : await ToolWorkspace.CreateAsync();
        workspace.Write(".gitignore", "*.log\n/build/\nnode_modules\n!keep.log\n");
        workspace.Write("sub/.gitignore", "private.txt\n");
        foreach (
            var file in new[]
            {
                "a.txt",
                "b.log",
                "keep.log",
                "build/x.txt",
                "sub/build/x.txt",
                "sub/private.txt",
                "sub/ok.txt",
                "sub/node_modules/m.js",
                ".hidden.txt",
            }
        )
            workspace.Write(file, "needle\n");

        var found = await workspace.OkAsync("search_in_code", new { query = "needle" });
        var below = await workspace.OkAsync("search_in_code", new { query = "needle", path = "sub" });
        var listed = await workspace.OkAsync(
            "list_files",
            new
            {
                path = ".",
                recursive = true,
                pattern = "*.{txt,log,js}",
            }
        );

        Assert.Equal([".hidden.txt", "a.txt", "keep.log", "sub/build/x.txt", "sub/ok.txt"], Files(found));
        Assert.Equal(["sub/build/x.txt", "sub/ok.txt"], Files(below));
        Assert.Equal(
            ["a.txt", "keep.log", "sub/ok.txt", "sub/build/x.txt"],
            listed.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("path").GetString()!)
        );
    }

    [Fact]
    public async Task Expressions_case_patterns_and_limits_are_honoured()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("a.cs", string.Concat(Enumerable.Range(1, 50).Select(i => $"int Value{i};\n")));
        workspace.Write("b.txt", "int value1;\n");

        var regex = await workspace.OkAsync(
            "search_in_code",
            new
            {
                query = @"^int V\w+4;$",
                regex = true,
                case_sensitive = true,
            }
        );
        var limited = await workspace.OkAsync("search_in_code", new { query = "Value", max_results = 10 });
        var pattern = await workspace.OkAsync("search_in_code", new { query = "value1", file_pattern = "*.{txt,md}" });

        Assert.Equal(5, regex.GetProperty("total_matches").GetInt32());
        Assert.Equal(10, limited.GetProperty("matches").GetArrayLength());
        Assert.True(limited.GetProperty("truncated").GetBoolean());
        Assert.Equal(["b.txt"], Files(pattern));
    }

    [Fact]
    public async Task Malicious_and_malformed_expressions_do_no_harm()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("a.txt", new string('a', 200_000) + "\n");

        var clock = System.Diagnostics.Stopwatch.StartNew();
        await workspace.OkAsync("search_in_code", new { query = "(a+)+$b", regex = true });
        await workspace.FailAsync(ToolErrorCodes.InvalidArguments, "search_in_code", new { query = "(", regex = true });
        await workspace.FailAsync(ToolErrorCodes.InvalidArguments, "search_in_code", new { query = @"(a)\1", regex = true });
        await workspace.FailAsync(ToolErrorCodes.InvalidArguments, "search_in_code", new { query = "" });

        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), clock.Elapsed.ToString());
    }

    [Fact]
    public async Task A_search_without_time_says_so()
    {
        await using var workspace = await ToolWorkspace.CreateAsync(new LocalToolOptions { SearchTimeout = TimeSpan.FromTicks(1) });
        workspace.Write("a.txt", "x");

        await workspace.FailAsync(ToolErrorCodes.SearchTimeout, "search_in_code", new { query = "nothing" });
    }

    [Fact]
    public async Task Binary_and_huge_files_are_skipped_and_other_encodings_are_found()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        await File.WriteAllBytesAsync(workspace.PathOf("a.bin"), [0, .. "needle"u8], Ct);
        await File.WriteAllBytesAsync(
            workspace.PathOf("cp1251.txt"),
            Encoding.GetEncoding(1251).GetBytes("тут иголка needle в стоге\n"),
            Ct
        );
        await File.WriteAllBytesAsync(
            workspace.PathOf("utf16.txt"),
            [.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes("needle")],
            Ct
        );
        workspace.Write("huge.txt", new string('x', 3 * 1024 * 1024) + "needle");

        var found = await workspace.OkAsync("search_in_code", new { query = "needle" });

        Assert.Equal(["cp1251.txt", "utf16.txt"], Files(found));
        Assert.Equal(2, found.GetProperty("files_skipped").GetInt32());
        Assert.Contains("иголка", found.GetProperty("matches")[0].GetProperty("line_content").GetString());
    }

    [Fact]
    public async Task A_long_line_is_cut_around_its_match()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();
        workspace.Write("min.js", new string('x', 5_000) + "needle" + new string('y', 5_000));

        var found = await workspace.OkAsync("search_in_code", new { query = "needle" });

        var line = found.GetProperty("matches")[0].GetProperty("line_content").GetString()!;
        Assert.Contains("needle", line);
        Assert.InRange(line.Length, 400, 402);
    }

    [Fact]
    public async Task A_listing_has_folders_first_and_counts_what_it_leaves_out()
    {
        await using var workspace = await ToolWorkspace.CreateAsync(new LocalToolOptions { MaxListEntries = 3 });
        foreach (var file in new[] { "b.txt", "a.txt", "z/inner.txt", ".env" })
            workspace.Write(file, "12345");

        var flat = await workspace.OkAsync("list_files", new { path = (string?)null });
        var all = await workspace.OkAsync(
            "list_files",
            new
            {
                path = ".",
                recursive = true,
                include_hidden = true,
            }
        );

        var items = flat.GetProperty("items").EnumerateArray().ToArray();
        Assert.Equal(["z", "a.txt", "b.txt"], items.Select(i => i.GetProperty("name").GetString()!));
        Assert.Equal("directory", items[0].GetProperty("type").GetString());
        Assert.Equal(5, items[1].GetProperty("size").GetInt64());
        Assert.Equal(5, all.GetProperty("total_count").GetInt32());
        Assert.True(all.GetProperty("truncated").GetBoolean());
        await workspace.FailAsync(ToolErrorCodes.DirectoryNotFound, "list_files", new { path = "nope" });
        await workspace.FailAsync(ToolErrorCodes.DirectoryNotFound, "list_files", new { path = "a.txt" });
    }

    [Theory]
    [InlineData("*.log", "a/b.log", false, true)]
    [InlineData("/a.log", "b/a.log", false, false)]
    [InlineData("dir/", "dir", false, false)]
    [InlineData("dir/", "x/dir", true, true)]
    [InlineData("a/**/z", "a/z", false, true)]
    [InlineData("a/**/z", "a/b/c/z", false, true)]
    [InlineData("**/foo", "x/y/foo", false, true)]
    [InlineData("foo/**", "foo", true, false)]
    [InlineData("foo/**", "foo/x", false, true)]
    [InlineData("a/*.txt", "a/b/c.txt", false, false)]
    [InlineData("[a-c]?.txt", "b1.txt", false, true)]
    [InlineData("[!a]1.txt", "a1.txt", false, false)]
    [InlineData("\\#x", "#x", false, true)]
    [InlineData("# x", "# x", false, false)]
    [InlineData("x  ", "x", false, true)]
    [InlineData("x\\ ", "x ", false, true)]
    public void Ignore_rules_follow_gitignore(string rule, string path, bool directory, bool ignored)
    {
        Assert.Equal(ignored, IgnoreFile.Parse("", rule).Ignores(path, directory) == true);
    }

    [Fact]
    public async Task Git_tools_work_on_a_real_repository()
    {
        await using var workspace = await RepositoryAsync();
        workspace.Write("a file.txt", "one\n");
        workspace.Write("sub/ж.txt", "two\n");
        var first = await workspace.OkAsync("git_commit", new { message = "First", files = new[] { "a file.txt", "sub" } });
        workspace.Write("a file.txt", "ONE\n");
        workspace.Write("new.txt", "n\n");
        File.Delete(workspace.PathOf("sub/ж.txt"));

        var status = await workspace.OkAsync("git_status", new { path = (string?)null });
        var diff = await workspace.OkAsync("git_diff", new { path = "a file.txt" });
        var second = await workspace.OkAsync("git_commit", new { message = "Second: \"quoted\" $HOME", files = "a file.txt" });
        var log = await workspace.OkAsync("git_log", new { limit = 5 });

        Assert.Equal(["a file.txt", "sub/ж.txt"], Texts(first, "files"));
        Assert.Equal("main", first.GetProperty("branch").GetString());
        Assert.Equal(["a file.txt"], Texts(status, "modified"));
        Assert.Equal(["sub/ж.txt"], Texts(status, "deleted"));
        Assert.Equal(["new.txt"], Texts(status, "untracked"));
        Assert.Contains("-one\n+ONE", diff.GetProperty("diff").GetString());
        Assert.Equal(["a file.txt"], Texts(second, "files"));
        Assert.Equal(
            ["Second: \"quoted\" $HOME", "First"],
            log.GetProperty("commits").EnumerateArray().Select(c => c.GetProperty("message").GetString()!)
        );
        Assert.Equal(second.GetProperty("commit_hash").GetString(), log.GetProperty("commits")[0].GetProperty("hash").GetString());
    }

    [Fact]
    public async Task Staged_changes_are_shown_and_committed_without_naming_files()
    {
        await using var workspace = await RepositoryAsync();
        workspace.Write("a.txt", "one\n");
        await workspace.FailAsync(ToolErrorCodes.GitError, "git_commit", new { message = "Nothing yet" });
        Assert.Equal(0, (await workspace.OkAsync("git_log", new { })).GetProperty("commits").GetArrayLength());
        await workspace.OkAsync("execute_command", new { command = "git add a.txt" });

        var status = await workspace.OkAsync("git_status", new { });
        var diff = await workspace.OkAsync("git_diff", new { staged = true });
        await workspace.OkAsync("git_commit", new { message = "Staged" });

        Assert.Equal(["a.txt"], Texts(status, "staged"));
        Assert.Contains("+one", diff.GetProperty("diff").GetString());
        Assert.True((await workspace.OkAsync("git_status", new { })).GetProperty("clean").GetBoolean());
        await workspace.FailAsync(ToolErrorCodes.PathOutsideWorkspace, "git_commit", new { message = "x", files = new[] { "../outside" } });
    }

    [Fact]
    public async Task A_workspace_below_the_top_of_a_repository_sees_its_own_part()
    {
        await using var workspace = await RepositoryAsync();
        workspace.Write("top.txt", "t\n");
        workspace.Write("part/mine.txt", "m\n");
        await using var journal = await ToolJournal.OpenAsync(Path.Combine(workspace.Outside, "part.jsonl"), Ct);
        await using var tools = new LocalTools(
            WorkspaceRoot.Open(workspace.PathOf("part")),
            new LocalToolOptions(),
            journal,
            TimeProvider.System
        );

        var status = await tools.ExecuteAsync(workspace.Call("git_status", new { }), Ct);

        Assert.Equal(["mine.txt"], Texts(status.Result!.Value, "untracked"));
    }

    [Fact]
    public async Task Without_a_repository_git_tools_say_so()
    {
        await using var workspace = await ToolWorkspace.CreateAsync();

        foreach (var tool in new[] { "git_status", "git_diff", "git_log" })
            await workspace.FailAsync(ToolErrorCodes.GitNotInitialized, tool, new { });
        await workspace.FailAsync(ToolErrorCodes.GitNotInitialized, "git_commit", new { message = "x", files = new[] { "a" } });
    }

    [Fact]
    public async Task Programs_named_by_a_repositorys_configuration_do_not_run_on_reads()
    {
        await using var workspace = await RepositoryAsync();
        workspace.Write("a.txt", "one\n");
        workspace.Write(".gitattributes", "*.txt diff=evil\n");
        await workspace.OkAsync("git_commit", new { message = "First", files = new[] { "." } });
        workspace.Write("a.txt", "two\n");
        await workspace.OkAsync(
            "execute_command",
            new
            {
                command = "git config core.fsmonitor 'touch fsmonitor-ran' && git config diff.external 'touch external-ran' && git config diff.evil.textconv 'touch textconv-ran; cat' && git config core.pager 'touch pager-ran'",
            }
        );

        await workspace.OkAsync("git_status", new { });
        await workspace.OkAsync("git_diff", new { });
        await workspace.OkAsync("git_log", new { path = "a.txt" });

        Assert.Empty(Directory.GetFiles(workspace.Root, "*-ran"));
    }
}
