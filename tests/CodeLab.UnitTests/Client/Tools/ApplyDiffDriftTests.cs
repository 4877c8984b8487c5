using CodeLab.Client.Tools;
using Xunit;

namespace CodeLab.UnitTests.Client.Tools;

/// <summary>How edits of models drift from the file: numbers, newlines, overlaps, duplicates, scripts and markers. With ApplyDiffTests over a hundred cases.</summary>
public sealed class ApplyDiffDriftTests
{
    private static string Block(string search, string replace, int? line = null) =>
        $"<<<<<<< SEARCH\n{(line is null ? "" : $":start_line:{line}\n-------\n")}{(search.Length > 0 ? search + "\n" : "")}=======\n{(replace.Length > 0 ? replace + "\n" : "")}>>>>>>> REPLACE\n";

    public static TheoryData<string, string, string, string> Applies =>
        new()
        {
            // line numbers
            { "number one too small", "a\nb\nc\nd\n", Block("c", "C", 2), "a\nb\nC\nd\n" },
            { "number one too large", "a\nb\nc\nd\n", Block("b", "B", 3), "a\nB\nc\nd\n" },
            { "number zero", "a\nb\n", Block("a", "A", 0), "A\nb\n" },
            { "number far behind the end", "a\nb\n", Block("a", "A", 4000), "A\nb\n" },
            { "number chooses the later of two", "}\nx\n}\n", Block("}", "};", 3), "}\nx\n};\n" },
            { "number chooses the earlier of two", "}\nx\n}\n", Block("}", "};", 1), "};\nx\n}\n" },
            {
                "duplicate told apart by its neighbour",
                "f() {\n}\ng() {\n}\n",
                Block("g() {\n}", "g() {\n  1\n}"),
                "f() {\n}\ng() {\n  1\n}\n"
            },
            { "duplicate blocks told apart by numbers", "x\ny\nx\ny\nx\n", Block("x", "1", 1) + Block("x", "3", 5), "1\ny\nx\ny\n3\n" },
            { "numbers after a block that grew", "a\nb\nc\n", Block("a", "a\na2\na3", 1) + Block("c", "C", 3), "a\na2\na3\nb\nC\n" },
            { "numbers after a block that shrank", "a\nb\nc\nd\n", Block("a\nb", "ab", 1) + Block("d", "D", 4), "ab\nc\nD\n" },
            // newlines
            { "CRLF on both sides", "a\r\nb\r\n", Block("b", "B").Replace("\n", "\r\n"), "a\r\nB\r\n" },
            { "CRLF kept for inserted lines", "a\r\nb\r\n", Block("a", "a\nnew"), "a\r\nnew\r\nb\r\n" },
            { "CRLF and no newline at the end", "a\r\nb", Block("b", "B"), "a\r\nB" },
            { "CRLF file deleted to nothing", "a\r\n", Block("a", ""), "" },
            { "majority of newlines wins for new lines", "a\r\nb\r\nc\n", Block("c", "c\nd"), "a\r\nb\r\nc\nd\r\n" },
            { "form feed inside a line", "a\fb\nc\n", Block("c", "C"), "a\fb\nC\n" },
            // whitespace
            { "tabs kept on lines that stay", "\ta\n\tb\n", Block("\ta\n\tb", "\ta\n\tB"), "\ta\n\tB\n" },
            { "blank at the end of the new text stays", "a\nb\n", Block("b", "b "), "a\nb \n" },
            {
                "deeper block pasted flat",
                "class A {\n    void f() {\n        x();\n    }\n}\n",
                Block("void f() {\n    x();\n}", "void f() {\n    y();\n}"),
                "class A {\n    void f() {\n        y();\n    }\n}\n"
            },
            { "one blank too many", "  a\n  b\n", Block("   a\n   b", "   a\n   c"), "  a\n  c\n" },
            { "blank lines inside", "a\n\n\nb\n", Block("a\n\n\nb", "a\n\nb"), "a\n\nb\n" },
            { "only the indentation changes", "a\nb\n", Block("b", "    b"), "a\n    b\n" },
            { "a line of blanks is removed", "a\n   \nb\n", Block("a\n   \nb", "a\nb"), "a\nb\n" },
            // unicode
            { "emoji", "say 🎉\n", Block("say 🎉", "say 🎊"), "say 🎊\n" },
            { "Chinese", "你好\n世界\n", Block("世界", "地球"), "你好\n地球\n" },
            { "right to left", "שלום\nעולם\n", Block("עולם", "חבר"), "שלום\nחבר\n" },
            { "combining characters as they are", "cafe\u0301\nx\n", Block("cafe\u0301", "tea"), "tea\nx\n" },
            { "byte order mark stays", "\ufeffa\nb\n", Block("b", "B"), "\ufeffa\nB\n" },
            { "typographic apostrophe in the file", "it’s\n", Block("it's", "it is"), "it is\n" },
            { "long dash in the diff", "a - b\n", Block("a — b", "c"), "c\n" },
            // overlaps and order
            { "blocks that touch", "a\nb\nc\n", Block("a\nb", "A\nB") + Block("c", "C"), "A\nB\nC\n" },
            { "a later block edits what an earlier one wrote", "a\nz\n", Block("a", "b\nc") + Block("c", "d"), "b\nd\nz\n" },
            { "two insertions at one place", "a\n", Block("a", "1\na") + Block("a", "a\n2"), "1\na\n2\n" },
            { "three blocks in reverse", "a\nb\nc\n", Block("c", "3") + Block("b", "2") + Block("a", "1"), "1\n2\n3\n" },
            { "swap by two blocks", "a\nb\n", Block("a\nb", "b\na"), "b\na\n" },
            // markers
            { "indented markers", "a\n", "  <<<<<<< SEARCH\na\n  =======\nb\n  >>>>>>> REPLACE", "b\n" },
            { "lower-case markers", "a\n", "<<<<<<< search\na\n=======\nb\n>>>>>>> replace", "b\n" },
            { "end marker without its word", "a\n", "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>>", "b\n" },
            { "markers in angle brackets", "a\n", "<<<<<<< SEARCH>\na\n=======\nb\n>>>>>>> REPLACE", "b\n" },
            {
                "fence with a language around each block",
                "a\nb\n",
                "```cs\n" + Block("a", "A") + "```\n```cs\n" + Block("b", "B") + "```",
                "A\nB\n"
            },
            { "arrows in the text", "a >> b\n<< c\n", Block("a >> b\n<< c", "a >> b\n<< d"), "a >> b\n<< d\n" },
            { "equals signs in the text", "a == b\n", Block("a == b", "a === b"), "a === b\n" },
            { "a rule of dashes in the text", "a\n---\nb\n", Block("---", "***"), "a\n***\nb\n" },
        };

    [Theory, MemberData(nameof(Applies))]
    public void Edits_that_drift_still_apply(string name, string text, string diff, string expected)
    {
        var outcome = DiffApplier.Apply(text, diff, "a.txt");

        Assert.True(outcome.Text is not null, $"{name}: {outcome.Error}");
        Assert.Equal((name, expected), (name, outcome.Text));
    }

    public static TheoryData<string, string, string> Refusals =>
        new()
        {
            { "end marker missing", "a\nb\n", "<<<<<<< SEARCH\na\n=======\nA\n" },
            {
                "end marker missing before the next block",
                "a\nb\n",
                "<<<<<<< SEARCH\na\n=======\nA\n<<<<<<< SEARCH\nb\n=======\nB\n>>>>>>> REPLACE"
            },
            { "separator missing", "a\n", "<<<<<<< SEARCH\na\n>>>>>>> REPLACE" },
            { "begin marker missing", "a\n", "a\n=======\nb\n>>>>>>> REPLACE" },
            { "overlapping blocks of which the second is gone", "a\nb\nc\n", Block("a\nb", "x") + Block("b\nc", "y") },
            { "three places and no number", "x\nx\nx\n", Block("x", "y") },
            { "letters in another case", "Hello\n", Block("hello", "bye") },
            { "half of the lines only", "a\nb\n", Block("a\nb\nc", "x") },
            { "empty diff", "a\n", "" },
            { "only prose", "a\n", "Please change a to b." },
            { "the whole file instead of blocks", "a\nb\n", "a\nB\n" },
            { "text of an empty file", "", Block("a", "b") },
        };

    [Theory, MemberData(nameof(Refusals))]
    public void What_is_not_clear_changes_nothing_and_says_why(string name, string text, string diff)
    {
        var outcome = DiffApplier.Apply(text, diff, "a.txt");

        Assert.True(outcome.Text is null, name);
        Assert.True(outcome.Error is { Length: > 20 }, name);
    }
}
