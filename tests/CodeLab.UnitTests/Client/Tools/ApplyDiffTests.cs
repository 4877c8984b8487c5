using CodeLab.Client.Tools;
using Xunit;

namespace CodeLab.UnitTests.Client.Tools;

public sealed class ApplyDiffTests
{
    private static string Block(string search, string replace, int? line = null) =>
        $"<<<<<<< SEARCH\n{(line is null ? "" : $":start_line:{line}\n-------\n")}{(search.Length > 0 ? search + "\n" : "")}=======\n{(replace.Length > 0 ? replace + "\n" : "")}>>>>>>> REPLACE\n";

    private static string Applied(string text, string diff)
    {
        var outcome = DiffApplier.Apply(text, diff, "a.txt");
        Assert.True(outcome.Text is not null, outcome.Error);
        return outcome.Text;
    }

    private static string Refused(string text, string diff)
    {
        var outcome = DiffApplier.Apply(text, diff, "a.txt");
        Assert.True(outcome.Error is not null, "It applied:\n" + outcome.Text);
        return outcome.Error;
    }

    public static TheoryData<string, string, string, string> Table =>
        new()
        {
            { "a plain block", "a\nb\nc\n", Block("b", "B"), "a\nB\nc\n" },
            { "several lines", "a\nb\nc\nd\n", Block("b\nc", "x\ny\nz"), "a\nx\ny\nz\nd\n" },
            { "right line number", "a\nb\nc\n", Block("b", "B", 2), "a\nB\nc\n" },
            { "wrong line number", "a\nb\nc\n", Block("b", "B", 99), "a\nB\nc\n" },
            { "line number chooses among equals", "x\na\nx\nb\nx\n", Block("x", "X", 3), "x\na\nX\nb\nx\n" },
            { "nearest of equals", "x\na\nb\nc\nd\nx\n", Block("x", "X", 5), "x\na\nb\nc\nd\nX\n" },
            { "line number without dashes", "a\nb\n", "<<<<<<< SEARCH\n:start_line:2\nb\n=======\nB\n>>>>>>> REPLACE", "a\nB\n" },
            { "line number with a blank", "a\nb\n", "<<<<<<< SEARCH\n:start_line: 2\n-------\nb\n=======\nB\n>>>>>>> REPLACE", "a\nB\n" },
            {
                "start and end line",
                "a\nb\n",
                "<<<<<<< SEARCH\n:start_line:2\n:end_line:2\n-------\nb\n=======\nB\n>>>>>>> REPLACE",
                "a\nB\n"
            },
            { "dashes without line number", "a\nb\n", "<<<<<<< SEARCH\n-------\nb\n=======\nB\n>>>>>>> REPLACE", "a\nB\n" },
            { "dashes twice", "a\nb\n", "<<<<<<< SEARCH\n:start_line:2\n-------\n-------\nb\n=======\nB\n>>>>>>> REPLACE", "a\nB\n" },
            {
                "dashes that are text",
                "head\n-------\nb\n",
                "<<<<<<< SEARCH\n-------\nb\n=======\n-------\nB\n>>>>>>> REPLACE",
                "head\n-------\n-------\nB\n"
            },
            { "CRLF in the file", "a\r\nb\r\nc\r\n", Block("b", "B\nB2"), "a\r\nB\r\nB2\r\nc\r\n" },
            { "CRLF in the diff", "a\nb\nc\n", Block("b", "B").Replace("\n", "\r\n"), "a\nB\nc\n" },
            { "mixed newlines stay where nothing changes", "a\r\nb\nc\r\nd\r\n", Block("c", "C"), "a\r\nb\nC\r\nd\r\n" },
            { "no newline at the end stays so", "a\nb", Block("b", "B"), "a\nB" },
            { "no newline at the end, line added", "a\nb", Block("b", "b\nc"), "a\nb\nc" },
            { "trailing blanks in the file", "a\nb  \nc\n", Block("b\nc", "b\nC"), "a\nb  \nC\n" },
            { "trailing blanks in the diff", "a\nb\nc\n", Block("b  ", "B"), "a\nB\nc\n" },
            { "blank line with blanks in the file", "a\n   \nb\n", Block("a\n\nb", "a\n\nB"), "a\n   \nB\n" },
            {
                "less indentation in the diff",
                "if\n    a();\n    b();\n",
                Block("a();\nb();", "a();\nif x:\n    c();"),
                "if\n    a();\n    if x:\n        c();\n"
            },
            {
                "more indentation in the diff",
                "a();\nb();\n",
                Block("    a();\n    b();", "    a();\n    if\n        c();"),
                "a();\nif\n    c();\n"
            },
            {
                "tabs in the file, blanks in the diff",
                "\tif x {\n\t\ty()\n\t}\n",
                Block("    if x {\n        y()\n    }", "    if x {\n        z()\n            w()\n    }"),
                "\tif x {\n\t\tz()\n\t\t\tw()\n\t}\n"
            },
            {
                "blanks in the file, tabs in the diff",
                "    if x:\n        y()\n",
                Block("\tif x:\n\t\ty()", "\tif x:\n\t\tz()"),
                "    if x:\n        z()\n"
            },
            {
                "two blanks a level for four",
                "f:\n    if x:\n        y()\n",
                Block("f:\n  if x:\n    y()", "f:\n  if x:\n    z()\n      w()"),
                "f:\n    if x:\n        z()\n            w()\n"
            },
            { "blank lines keep no indentation", "  a\n\n  b\n", Block("a\n\nb", "a\n\nc"), "  a\n\n  c\n" },
            { "typographic quotes in the diff", "say \"hi\"\nend\n", Block("say “hi”", "say \"ho\""), "say \"ho\"\nend\n" },
            {
                "typographic quotes in the file stay on kept lines",
                "say “hi”\nend\n",
                Block("say \"hi\"\nend", "say \"hi\"\nEND"),
                "say “hi”\nEND\n"
            },
            { "dashes and no-break blanks", "a – b\u00A0c\n", Block("a - b c", "x"), "x\n" },
            { "typography and indentation", "    it’s\n", Block("it's", "its"), "    its\n" },
            { "fence around the diff", "a\nb\n", "```diff\n" + Block("b", "B") + "```\n", "a\nB\n" },
            { "words around the diff", "a\nb\n", "Here it is:\n\na.txt\n" + Block("b", "B") + "\nDone.", "a\nB\n" },
            {
                "HTML entities",
                "a\nb\n",
                "&lt;&lt;&lt;&lt;&lt;&lt;&lt; SEARCH\nb\n=======\n&lt;B&gt;\n&gt;&gt;&gt;&gt;&gt;&gt;&gt; REPLACE",
                "a\n<B>\n"
            },
            { "too many marker characters", "a\nb\n", "<<<<<<<< SEARCH\nb\n========\nB\n>>>>>>>> REPLACE", "a\nB\n" },
            { "blanks after markers", "a\nb\n", "<<<<<<< SEARCH  \nb\n=======  \nB\n>>>>>>> REPLACE  ", "a\nB\n" },
            { "other marker style", "a\nb\n", "------- SEARCH\nb\n=======\nB\n+++++++ REPLACE", "a\nB\n" },
            {
                "escaped markers",
                "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> x\nd\n",
                "<<<<<<< SEARCH\n\\<<<<<<< HEAD\nb\n\\=======\nc\n\\>>>>>>> x\n=======\nb\n>>>>>>> REPLACE",
                "a\nb\nd\n"
            },
            {
                "a heading underlined in the old text",
                "Title\n=======\ntext\n",
                "<<<<<<< SEARCH\nTitle\n=======\ntext\n=======\nTitle\n\\=======\nTEXT\n>>>>>>> REPLACE",
                "Title\n=======\nTEXT\n"
            },
            { "line numbers copied", "a\nb\nc\n", Block("2 | b\n3 | c", "2 | B\n3 | c"), "a\nB\nc\n" },
            { "line numbers copied, new text without", "a\nb\nc\n", Block("   2\tb\n   3\tc", "B\nc"), "a\nB\nc\n" },
            { "copied numbers choose among equals", "x\na\nx\n", Block("3: x", "X"), "x\na\nX\n" },
            { "numbers that are text", "1: one\n2: two\n", Block("1: one", "1: eins"), "1: eins\n2: two\n" },
            { "blank line before the old text", "a\nb\nc\n", Block("\nb", "\nB"), "a\nB\nc\n" },
            { "blank line after the old text", "a\nb\nc\n", Block("b\n", "B\n"), "a\nB\nc\n" },
            { "deleting lines", "a\nb\nc\n", Block("b", ""), "a\nc\n" },
            { "deleting all", "a\n", Block("a", ""), "" },
            { "inserting at a line", "a\nb\n", Block("", "x", 2), "a\nx\nb\n" },
            { "inserting at the end", "a\nb\n", Block("", "x", 3), "a\nb\nx\n" },
            { "inserting into an empty file", "", Block("", "x"), "x\n" },
            { "several blocks in order", "a\nb\nc\n", Block("a", "A") + Block("c", "C"), "A\nb\nC\n" },
            { "several blocks out of order", "a\nb\nc\n", Block("c", "C") + Block("a", "A"), "A\nb\nC\n" },
            { "later line numbers count in the old file", "x\nx\nx\n", Block("x", "1\n2\n3", 1) + Block("x", "y", 3), "1\n2\n3\nx\ny\n" },
            { "a later block sees the earlier one", "a\n", Block("a", "b") + Block("b", "c"), "c\n" },
            { "a block without change among others", "a\nb\n", Block("a", "a") + Block("b", "B"), "a\nB\n" },
            { "exact wins over tolerant", "  x\nx\n", Block("x", "y"), "  x\ny\n" },
            { "Cyrillic text", "привет\nмир\n", Block("мир", "свет"), "привет\nсвет\n" },
        };

    [Theory]
    [MemberData(nameof(Table))]
    public void What_models_really_produce_applies(string name, string text, string diff, string expected)
    {
        Assert.NotEmpty(name);

        Assert.Equal(expected, Applied(text, diff));
    }

    public static TheoryData<string, string, string, string> RefusedTable =>
        new()
        {
            { "nothing like it", "a\nb\n", Block("zzzzzz", "y"), "is not in the file" },
            { "ambiguous", "x\na\nx\n", Block("x", "y"), "lines 1, 3" },
            { "equally near", "x\na\nx\n", Block("x", "y", 2), "equally far" },
            { "not uniform indentation", "if a:\n    b\n        c\n", Block("if a:\n  b\n c", "x"), "is not in the file" },
            { "no blocks", "a\n", "--- a\n+++ b\n@@ -1 +1 @@\n-a\n+b", "<<<<<<< SEARCH" },
            { "no separator", "a\n", "<<<<<<< SEARCH\na\n>>>>>>> REPLACE", "no '=======' line" },
            { "cut off", "a\n", "<<<<<<< SEARCH\na\n=======\nb", "cut off" },
            { "not closed", "a\nb\n", "<<<<<<< SEARCH\na\n=======\nA\n" + Block("b", "B"), "before the next" },
            { "changes nothing", "a\n", Block("a", "a"), "changes nothing" },
            { "empty search without a line", "a\n", Block("", "b"), ":start_line:N" },
            { "made already", "alpha = 2\n", Block("alpha = 1", "alpha = 2"), "made already" },
        };

    [Theory]
    [MemberData(nameof(RefusedTable))]
    public void What_cannot_be_meant_clearly_is_refused_with_a_way_out(string name, string text, string diff, string says)
    {
        Assert.NotEmpty(name);

        Assert.Contains(says, Refused(text, diff));
    }

    [Fact]
    public void A_block_that_can_be_read_in_two_ways_is_refused()
    {
        var error = Refused("a\n=======\nb\n", "<<<<<<< SEARCH\na\n=======\n=======\nc\n>>>>>>> REPLACE");

        Assert.Contains("more than one way", error);
    }

    [Fact]
    public void A_second_separator_is_text_when_only_the_first_old_text_is_in_the_file()
    {
        Assert.Equal("b\n=======\nc\nx\n", Applied("a\nx\n", "<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE"));
    }

    [Fact]
    public void One_bad_block_leaves_all_undone_and_every_bad_one_is_told()
    {
        var error = Refused("a\nb\n", Block("a", "A") + Block("nope nope", "x") + Block("neither this", "y"));

        Assert.Contains("2 of 3 blocks", error);
        Assert.Contains("Block 2 of 3", error);
        Assert.Contains("Block 3 of 3", error);
    }

    [Fact]
    public void The_most_similar_text_is_shown_with_its_lines()
    {
        var text = string.Join('\n', Enumerable.Range(1, 50).Select(i => $"int value{i} = compute({i});")) + "\n";

        var error = Refused(text, Block("int value30 = compute(30);\nint value31 = compute(99);", "x"));

        Assert.Contains("30 | int value30 = compute(30);", error);
        Assert.Contains("first difference is in line 31", error);
        Assert.Contains("compute(99)", error);
    }

    [Fact]
    public void What_was_tolerated_is_told()
    {
        var outcome = DiffApplier.Apply("    a\n", Block("a", "b"), "a.txt");

        Assert.Contains("indentation", Assert.Single(outcome.Blocks).Note);
    }

    [Fact]
    public void Ten_thousand_lines_are_quick_even_when_nothing_matches()
    {
        var text = string.Join('\n', Enumerable.Range(1, 10_000).Select(i => $"    repeated line {i % 7}")) + "\n";
        var search = string.Join('\n', Enumerable.Range(1, 300).Select(i => $"repeated line {(i + 1) % 7}x"));
        var clock = System.Diagnostics.Stopwatch.StartNew();

        Refused(text, Block(search, "y"));

        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5), clock.Elapsed.ToString());
    }
}
