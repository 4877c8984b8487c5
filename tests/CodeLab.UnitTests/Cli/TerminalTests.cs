using CodeLab.Cli.Chat;
using CodeLab.Cli.Terminal;
using CodeLab.Cli.Up;
using Xunit;

namespace CodeLab.UnitTests.Cli;

public sealed class TerminalTests
{
    [Fact]
    public void Typing_moving_and_deleting_edit_the_line()
    {
        var line = new LineBuffer();
        foreach (var c in "hello world")
            line.Apply(Key(c));

        line.Apply(Special(ConsoleKey.W, control: true));
        line.Apply(Key('c'));
        line.Apply(Special(ConsoleKey.Home));
        line.Apply(Special(ConsoleKey.Delete));
        line.Apply(Key('H'));
        line.Apply(Special(ConsoleKey.End));
        line.Apply(Special(ConsoleKey.Backspace));

        Assert.Equal("Hello ", line.Text);
    }

    [Fact]
    public void A_character_of_two_code_units_is_one_step()
    {
        var line = new LineBuffer { Text = "a😀" };

        line.Apply(Special(ConsoleKey.Backspace));

        Assert.Equal("a", line.Text);
    }

    [Fact]
    public void Up_and_down_move_inside_a_text_of_several_lines()
    {
        var line = new LineBuffer { Text = "first\nse\nthird" };

        Assert.True(line.MoveLine(-1));
        Assert.Equal("first\nse".Length, line.Cursor);
        Assert.True(line.MoveLine(-1));
        Assert.Equal(2, line.Cursor);
        Assert.False(line.MoveLine(-1));
        Assert.True(line.MoveLine(1));
        Assert.True(line.MoveLine(1));
        Assert.False(line.MoveLine(1));
    }

    [Fact]
    public void A_pasted_newline_is_text_and_a_typed_one_is_a_key()
    {
        var reader = new PasteReader();
        string? pasted = null;
        var typed = new List<ConsoleKeyInfo>();
        foreach (var c in "a\u001b[200~x\r\u001by\u001b[201~\r")
        {
            var taken = reader.Take(Key(c));
            typed.AddRange(taken.Typed);
            pasted ??= taken.Pasted;
        }

        Assert.Equal("x\n\uFFFDy", pasted);
        Assert.Equal(['a', '\r'], typed.Select(key => key.KeyChar));
    }

    [Fact]
    public void A_lone_escape_is_a_key_when_nothing_follows()
    {
        var reader = new PasteReader();

        Assert.Empty(reader.Take(Key('\u001b')).Typed);
        Assert.Equal(ConsoleKey.Escape, Assert.Single(reader.Flush()).Key);
    }

    [Fact]
    public void The_input_wraps_and_the_cursor_is_found()
    {
        var (rows, row, column) = InputBox.Layout("› ", "abcdefgh\nij", 10, width: 6);

        Assert.Equal(["› abc", "  def", "  gh", "  ij"], rows);
        Assert.Equal((3, 3), (row, column));
    }

    [Fact]
    public async Task History_goes_back_and_forth_and_outlives_the_program()
    {
        var folder = Directory.CreateTempSubdirectory("codelab-test-");
        try
        {
            var path = Path.Combine(folder.FullName, "history");
            var history = new InputHistory(path);
            await history.AddAsync("one", TestContext.Current.CancellationToken);
            await history.AddAsync("two\nlines \\n", TestContext.Current.CancellationToken);

            var later = new InputHistory(path);
            await later.LoadAsync(TestContext.Current.CancellationToken);

            Assert.Equal("two\nlines \\n", later.Older("draft"));
            Assert.Equal("one", later.Older(""));
            Assert.Null(later.Older(""));
            Assert.Equal("two\nlines \\n", later.Newer());
            Assert.Equal("draft", later.Newer());
            Assert.Null(later.Newer());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("root", "root")]
    [InlineData("DOMAIN\\ada.lovelace", "DOMAIN_ada_lovelace")]
    [InlineData("ж", "developer")]
    [InlineData("a", "a_user")]
    public void The_operating_systems_user_becomes_a_valid_name(string name, string expected) =>
        Assert.Equal(expected, UpFolder.UserName(name));

    [Fact]
    public void Money_and_tokens_are_short()
    {
        Assert.Equal(("$0.0012", "$1.20", "$0.00"), (StatusLine.Money(0.0012m), StatusLine.Money(1.2m), StatusLine.Money(0)));
        Assert.Equal(("9,999", "12.3k"), (StatusLine.Count(9999), StatusLine.Count(12_340)));
    }

    private static ConsoleKeyInfo Key(char c) =>
        new(
            c,
            c switch
            {
                '\u001b' => ConsoleKey.Escape,
                '\r' => ConsoleKey.Enter,
                _ => ConsoleKey.None,
            },
            false,
            false,
            false
        );

    private static ConsoleKeyInfo Special(ConsoleKey key, bool control = false) => new('\0', key, false, false, control);
}
