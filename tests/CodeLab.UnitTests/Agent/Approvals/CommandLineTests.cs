using System.Text.Json;
using CodeLab.Modules.Agent.Approvals;
using Xunit;

namespace CodeLab.UnitTests.Agent.Approvals;

/// <summary>
/// Lines that try to carry something else past a rule or level that allows plain commands. Rules allow git log, git status, ls, cat, echo,
/// npm run * and dotnet test, the level is autonomous: what is more than one of those is asked about.
/// </summary>
public sealed class CommandLineTests
{
    private static readonly PolicyRule _allowed = PolicyRuleTests.Rule(
        "allow",
        when: new()
        {
            Tools = ["execute_command"],
            Commands = ["git log **", "git status", "ls **", "cat *", "echo **", "npm run *", "dotnet test **"],
            Options = ["-l", "--oneline", "-#", "-v"],
        }
    );

    private static readonly PolicyRule _anything = PolicyRuleTests.Rule("allow", when: new() { Tools = ["execute_command"] });

    [Theory]
    [InlineData("git log --oneline -5")]
    [InlineData("git log src/a.cs")]
    [InlineData("ls -l 'my folder'")]
    [InlineData("ls \"my folder\"")]
    [InlineData("cat my\\ file.txt")]
    [InlineData("'git' status")]
    [InlineData("echo 'a; b | c > d'")]
    [InlineData("npm run lint")]
    [InlineData("  dotnet   test  -v ")]
    public void Plain_commands_of_a_rule_run_without_a_question(string line) =>
        Assert.Equal($"rule:{_allowed.Id}", Assert.IsType<Verdict.Allow>(Run(line, "linux", _allowed)).By);

    public static TheoryData<string> Smuggled =>
        [
            // operators
            "ls; rm -rf x",
            "ls && rm x",
            "ls || rm x",
            "ls | sh",
            "ls |& sh",
            "ls & rm x",
            "(ls; rm x)",
            "{ ls; rm x; }",
            "ls;rm x",
            "ls\nrm x",
            "ls\r\nrm x",
            "ls \\\n; rm x",
            "! ls",
            "if ls; then rm x; fi",
            "for f in a; do rm $f; done",
            "while ls; do rm x; done",
            "time rm x",
            // substitutions and variables
            "echo $(rm x)",
            "echo `rm x`",
            "echo \"$(rm x)\"",
            "echo \"`rm x`\"",
            "ls ${IFS}x",
            "echo $HOME",
            "echo \"$HOME\"",
            "echo $'\\x41'",
            "cat <(curl example.org)",
            "ls $((1+1))",
            "$CMD x",
            "l${x}s",
            // redirects
            "echo x > .bashrc",
            "echo x >> notes.txt",
            "echo x 2>err",
            "echo x &> out",
            "cat < /etc/passwd",
            "cat << EOF",
            "echo x >| f",
            "echo x>f",
            // launchers
            "env ls",
            "env -i rm x",
            "FOO=bar ls",
            "LD_PRELOAD=./x.so ls",
            "xargs rm",
            "echo x | xargs rm",
            "find . -exec rm x",
            "find . -delete",
            "nohup ls",
            "timeout 5 rm x",
            "sh -c ls",
            "bash -c 'rm x'",
            "eval ls",
            "exec rm x",
            "command rm x",
            "sudo ls",
            "nice rm x",
            "busybox rm x",
            "python3 -c 'import os'",
            "perl -e 'unlink 1'",
            "awk 'BEGIN{system(\"rm x\")}'",
            "sed -n 1e x",
            // options that run or write
            "git -c core.pager=x log",
            "git -c alias.log=!rm log",
            "git --exec-path=. log",
            "git -C .. log",
            "git log --output=x",
            "git log --ext-diff",
            "npm run lint -- --fix",
            "dotnet test --logger x",
            "ls --hyperlink",
            "cat -v x",
            // expansions, paths and look-alikes
            "ls *",
            "ls ~",
            "cat ~/.ssh/id_rsa",
            "ls {a,b}",
            "cat ../secret",
            "cat /etc/passwd",
            "cat .env",
            "cat .git/config",
            "ls [a-z]",
            "ls ?",
            "!!",
            "ls # x",
            "/bin/ls",
            "./ls",
            "LS",
            "ls\u00a0-l",
            "ls \u200bx",
            "ls \u202ex",
            "cat a\u2028rm x",
            "ls 'unclosed",
            "ls \"unclosed",
            "ls trailing\\",
            "git st\\\natus",
            "'git log' x",
            "git 'log; rm x'",
            "",
            "   ",
        ];

    [Theory, MemberData(nameof(Smuggled))]
    public void What_a_line_smuggles_past_a_rule_is_asked_about_on_every_platform(string line)
    {
        foreach (var platform in new[] { "linux", "macOS 15", "Windows 11", "Windows PowerShell 5.1", "pwsh on linux", null })
            Assert.False(Run(line, platform, _allowed) is Verdict.Allow, $"allowed on {platform ?? "an unknown platform"}: {line}");
    }

    public static TheoryData<string> SmuggledInPowerShell =>
        [
            "ls; Remove-Item x",
            "ls | Remove-Item",
            "ls | % { rm $_ }",
            "ls | iex",
            "& ls",
            "& 'rm' x",
            ". ./x.ps1",
            "ls (rm x)",
            "ls $(rm x)",
            "ls @(rm x)",
            "ls { rm x }",
            "ls $env:PATH",
            "echo \"$(rm x)\"",
            "echo \"$env:USERNAME\"",
            "ls `\nrm",
            "l`s",
            "ls --% & rm x",
            "ls > out",
            "ls *> out",
            "iex ls",
            "Invoke-Expression ls",
            "icm { rm x }",
            "Start-Process rm",
            "powershell -EncodedCommand eAA",
            "powershell -e eAA",
            "pwsh -c ls",
            "cmd /c del x",
            "if ($true) { rm x }",
            "foreach ($f in 1) { rm x }",
            "$x = 1",
            "[IO.File]::Delete('x')",
            "ls a,b",
            "ls %TEMP%",
            "ls \u2018a\u2019",
            "ls \u2013l",
            "echo \u201cx\u201d",
            "'ls' x",
            "ls # x",
            "ls @args",
            "function ls { rm x }",
        ];

    [Theory, MemberData(nameof(SmuggledInPowerShell))]
    public void PowerShells_own_forms_are_asked_about(string line) =>
        Assert.False(Run(line, "Windows PowerShell", _allowed) is Verdict.Allow, line);

    [Theory]
    [InlineData("git log --oneline -5")]
    [InlineData("ls -l 'my folder'")]
    [InlineData("npm run lint")]
    public void Plain_commands_run_in_PowerShell_too(string line) =>
        Assert.IsType<Verdict.Allow>(Run(line, "Windows PowerShell", _allowed));

    [Theory]
    [InlineData("ls & del x")]
    [InlineData("ls ^& del x")]
    [InlineData("echo %PATH%")]
    [InlineData("echo 'a & del x'")]
    [InlineData("ls \"a\"")]
    [InlineData("cat !x!")]
    [InlineData("cat a;b")]
    [InlineData("cat a=b")]
    public void What_cmd_reads_in_its_own_way_is_asked_about(string line) =>
        Assert.False(Run(line, "Windows 11", _allowed) is Verdict.Allow, line);

    [Theory]
    [InlineData("make deploy", true)]
    [InlineData("terraform apply -auto-approve", true)]
    [InlineData("make deploy && rm x", false)]
    [InlineData("env make deploy", false)]
    [InlineData("sh deploy.sh", false)]
    [InlineData("cat .env", false)]
    public void A_rule_for_all_commands_still_means_one_plain_command(string line, bool allowed) =>
        Assert.Equal(allowed, Run(line, "linux", _anything) is Verdict.Allow);

    [Theory]
    [InlineData("curl https://example.org")]
    [InlineData("/usr/bin/curl x")]
    [InlineData("CURL.EXE x")]
    [InlineData("cu'r'l x")]
    [InlineData("ls; curl x")]
    [InlineData("ls | curl x")]
    [InlineData("echo $(curl x)")]
    [InlineData("echo `curl x`")]
    [InlineData("env A=b curl x")]
    [InlineData("sudo -u root curl x")]
    [InlineData("xargs -n 1 curl")]
    [InlineData("find . -exec curl {} ;")]
    [InlineData("sh -c 'ls && curl x'")]
    [InlineData("bash -lc \"curl x\"")]
    [InlineData("timeout 5 nice curl x")]
    [InlineData("echo x > f; curl x")]
    [InlineData("ls \"$(echo `curl x`)\"")]
    [InlineData("git push")]
    [InlineData("git -c a=b push origin main")]
    [InlineData("git --no-pager push")]
    public void A_prohibition_sees_through_what_wraps_a_command(string line)
    {
        var denied = PolicyRuleTests.Rule("deny", when: new() { Commands = ["curl **", "git push **"] });

        Assert.Equal("POLICY_DENIED", Assert.IsType<Verdict.Deny>(Run(line, "linux", denied)).Code);
    }

    [Theory]
    [InlineData("echo curling")]
    [InlineData("git log")]
    [InlineData("ls curl.md")]
    public void A_prohibition_leaves_other_commands_alone(string line)
    {
        var denied = PolicyRuleTests.Rule("deny", when: new() { Commands = ["curl **", "git push **"] });

        Assert.IsNotType<Verdict.Deny>(Run(line, "linux", denied));
    }

    [Fact]
    public void No_text_makes_a_parser_fail()
    {
        const string Alphabet = "ab \t\n'\"\\$(){}`;|&<>#*?[]~!=%@,.-/\u00a0\u202e\ud83d";
        var random = new Random(5);
        for (var i = 0; i < 20_000; i++)
        {
            var line = string.Concat(Enumerable.Range(0, random.Next(24)).Select(_ => Alphabet[random.Next(Alphabet.Length)]));
            foreach (var platform in new[] { "linux", "pwsh", null })
                _ = CommandLines.Parse(line, platform).All().Count();
        }
    }

    private static Verdict Run(string line, string? platform, params PolicyRule[] rules) =>
        ApprovalPolicy.Judge(
            new ToolJudgement(
                CodeLab.Modules.Agent.Agents.AgentCatalog.BuiltIn.Find("coder")!,
                CodeLab.Modules.Agent.Tools.ToolCatalog.Find("execute_command")!,
                JsonSerializer.SerializeToElement(new { command = line }),
                "cautious",
                []
            )
            {
                Rules = rules,
                Platform = platform,
            }
        );
}
