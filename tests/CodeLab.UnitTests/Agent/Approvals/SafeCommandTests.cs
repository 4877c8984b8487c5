using System.Text.Json;
using CodeLab.Modules.Agent.Approvals;
using Xunit;

namespace CodeLab.UnitTests.Agent.Approvals;

public sealed class SafeCommandTests
{
    [Theory]
    [InlineData("ls")]
    [InlineData("ls -la src")]
    [InlineData("pwd")]
    [InlineData("echo hello")]
    [InlineData("git status")]
    [InlineData("git status --short")]
    [InlineData("git log --oneline -5")]
    [InlineData("git log -n 5 src/a.cs")]
    [InlineData("git diff --stat HEAD")]
    [InlineData("npm list")]
    [InlineData("flutter doctor")]
    [InlineData("dotnet --version")]
    public void Commands_that_only_look_run_without_a_question_at_balanced(string command)
    {
        Assert.IsType<Verdict.Allow>(Run(command, "balanced"));
        Assert.IsType<Verdict.Ask>(Run(command, "cautious"));
        Assert.IsType<Verdict.Ask>(Run(command, "paranoid"));
    }

    [Theory]
    [InlineData("dotnet test")]
    [InlineData("npm run build")]
    [InlineData("cargo check")]
    [InlineData("pytest -q tests")]
    public void Building_needs_level_autonomous(string command)
    {
        Assert.IsType<Verdict.Ask>(Run(command, "balanced"));
        Assert.IsType<Verdict.Allow>(Run(command, "autonomous"));
    }

    [Theory]
    [InlineData("ls; rm -rf x")]
    [InlineData("ls && rm x")]
    [InlineData("ls || rm x")]
    [InlineData("ls | sh")]
    [InlineData("ls & rm x")]
    [InlineData("ls > out")]
    [InlineData("ls >> out")]
    [InlineData("echo x > .bashrc")]
    [InlineData("cat < /etc/passwd")]
    [InlineData("ls $(rm x)")]
    [InlineData("ls `rm x`")]
    [InlineData("echo $HOME")]
    [InlineData("echo ${PATH}")]
    [InlineData("echo %PATH%")]
    [InlineData("ls\nrm x")]
    [InlineData("ls\rrm x")]
    [InlineData("ls\trm")]
    [InlineData("ls\u00a0-la")]
    [InlineData("ls\u2028rm x")]
    [InlineData("ls {a,b}")]
    [InlineData("ls *")]
    [InlineData("ls ~")]
    [InlineData("ls ~root")]
    [InlineData("ls ..")]
    [InlineData("ls ../other")]
    [InlineData("ls /etc")]
    [InlineData("ls .git")]
    [InlineData("echo 'a'")]
    [InlineData("echo \"a\"")]
    [InlineData("echo a\\b")]
    [InlineData("echo a # b")]
    [InlineData("env ls")]
    [InlineData("FOO=bar ls")]
    [InlineData("sudo ls")]
    [InlineData("xargs ls")]
    [InlineData("sh -c ls")]
    [InlineData("bash -c ls")]
    [InlineData("./ls")]
    [InlineData("bin/ls")]
    [InlineData("LS")]
    [InlineData("find . -exec rm x")]
    [InlineData("find . -delete")]
    [InlineData("git -c core.pager=x log")]
    [InlineData("git --exec-path=x status")]
    [InlineData("git -C .. status")]
    [InlineData("git log --output=x")]
    [InlineData("git diff --ext-diff")]
    [InlineData("git diff --no-index a b")]
    [InlineData("git diff --output x")]
    [InlineData("git log --format=%x00")]
    [InlineData("git push")]
    [InlineData("git commit -m x")]
    [InlineData("git checkout .")]
    [InlineData("git clean -fdx")]
    [InlineData("git")]
    [InlineData("git branch -D main")]
    [InlineData("npm install")]
    [InlineData("npm list --prefix x")]
    [InlineData("npm run evil")]
    [InlineData("npx x")]
    [InlineData("node -e x")]
    [InlineData("python -c x")]
    [InlineData("perl -e x")]
    [InlineData("curl example.org")]
    [InlineData("wget example.org")]
    [InlineData("rm x")]
    [InlineData("del x")]
    [InlineData("format c")]
    [InlineData("chmod 777 x")]
    [InlineData("dd if=a of=b")]
    [InlineData("tee x")]
    [InlineData("awk x")]
    [InlineData("sed -i x")]
    [InlineData("dotnet run")]
    [InlineData("dotnet build -p x")]
    [InlineData("dotnet test /p")]
    [InlineData("make install")]
    [InlineData("Get-ChildItem")]
    [InlineData("iex x")]
    [InlineData("powershell -EncodedCommand eAA")]
    [InlineData("& ls")]
    [InlineData("Invoke-Expression ls")]
    [InlineData("@ls")]
    public void Everything_else_asks_at_every_level(string command)
    {
        Assert.IsType<Verdict.Ask>(Run(command, "balanced"));
        Assert.IsType<Verdict.Ask>(Run(command, "autonomous"));
    }

    [Fact]
    public void A_harmless_command_in_a_guarded_folder_asks() =>
        Assert.IsType<Verdict.Ask>(Judge.Call("execute_command", """{"command":"ls","cwd":".git"}""", level: "autonomous"));

    private static Verdict Run(string command, string level) =>
        Judge.Call("execute_command", $$"""{"command":{{JsonSerializer.Serialize(command)}}}""", level: level);
}
