using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Rest;
using CodeLab.Client.SignIn;
using Xunit;

namespace CodeLab.UnitTests.Cli;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("run \"fix it\" --approve all --json --model m")]
    [InlineData("up --workspace . --task \"fix it\" --approve safe")]
    [InlineData("chat --session x --server http://localhost:1")]
    [InlineData("login --username ada --password-stdin")]
    [InlineData("login --server http://localhost:8000 --device")]
    [InlineData("login --server http://localhost:8000 --browser")]
    [InlineData("sessions --json --limit 5")]
    [InlineData("doctor --data d --no-color")]
    public void What_the_documentation_says_is_understood(string line) => Assert.Empty(CodeLabCommand.Create().Parse(line).Errors);

    [Theory]
    [InlineData("run x --approve maybe")]
    [InlineData("run x --nonsense")]
    [InlineData("sessions --limit 0")]
    [InlineData("bogus")]
    public async Task What_is_not_understood_is_a_usage_error(string line) =>
        Assert.Equal(2, await CodeLabCommand.InvokeAsync(line.Split(' ')));

    [Fact]
    public async Task Failures_have_the_exit_codes_scripts_rely_on()
    {
        Assert.Equal(2, await CodeOf(new UsageException("x")));
        Assert.Equal(4, await CodeOf(new NotSignedInException("http://s", "x")));
        Assert.Equal(4, await CodeOf(new SignInRefusedException("invalid_grant", "x")));
        Assert.Equal(1, await CodeOf(new ServerException("SESSION_NOT_FOUND", "x")));
        Assert.Equal(1, await CodeOf(new ServerUnreachableException("http://s", new IOException("x"))));
        Assert.Equal(130, await CodeOf(new OperationCanceledException()));
    }

    private static Task<int> CodeOf(Exception fault) =>
        CodeLabCommand.GuardAsync(CliConsole.Over(TextWriter.Null, TextWriter.Null), () => Task.FromException<int>(fault));
}
