using System.Diagnostics;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using CodeLab.IntegrationTests.Turns;
using CodeLab.Testing.Servers;
using Microsoft.AspNetCore.SignalR.Client;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway;

/// <summary>The examples of docs/protocol.md are run as they stand there.</summary>
public sealed partial class ProtocolPageTests(ProtocolPage page) : IClassFixture<ProtocolPage>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_Python_examples_run()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/python3"), "There is no Python here");
        using var folder = new Folder();
        var examples = ProtocolPage.Examples("python");
        Assert.Equal(2, examples.Count);

        // The second one follows the session the first one made.
        foreach (var example in examples)
        {
            await File.WriteAllTextAsync(Path.Combine(folder.Path, "example.py"), example, Cancel);
            var said = await RunAsync(folder.Path, "/usr/bin/python3", "example.py");
            Assert.EndsWith("done", said.TrimEnd(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_JavaScript_example_runs()
    {
        using var folder = new Folder();
        await File.WriteAllTextAsync(
            Path.Combine(folder.Path, "package.json"),
            """{"private":true,"type":"module","dependencies":{"ws":"^8"}}""",
            Cancel
        );
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "example.js"), Assert.Single(ProtocolPage.Examples("javascript")), Cancel);
        try
        {
            await RunAsync(folder.Path, "npm", "install", "--no-audit", "--no-fund", "--silent");
        }
        catch (Exception unavailable) when (unavailable is System.ComponentModel.Win32Exception or Xunit.Sdk.XunitException)
        {
            Assert.Skip("npm is not here, or has no registry");
        }

        var said = await RunAsync(folder.Path, "node", "example.js");

        Assert.Contains("hello.txt is ready.", said, StringComparison.Ordinal);
        Assert.EndsWith("done", said.TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_CSharp_example_is_what_is_compiled_here_and_runs()
    {
        Assert.Equal(Squeezed(Assert.Single(ProtocolPage.Examples("csharp"))), Squeezed(await OwnCodeAsync()));
        await using var output = new StringWriter();

        await ExampleAsync(page.Server.Host.BaseAddress, CodeLabServer.AdminName, CodeLabServer.AdminPassword, ProtocolPage.Wish, output)
            .WaitAsync(HostProcess.Patience, Cancel);

        Assert.Equal(
            ["I create it.", "hello.txt is ready.", "turn_completed"],
            output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)
        );
    }

#pragma warning disable CA1849, CA2234, MA0002, MA0040, MA0042, xUnit1051 // The example is what a reader would write.
    private static async Task ExampleAsync(Uri server, string username, string password, string task, TextWriter output)
    {
        // <example>
        using var http = new HttpClient { BaseAddress = server };
        using var form = new FormUrlEncodedContent(
            new Dictionary<string, string>
            {
                ["grant_type"] = "password",
                ["client_id"] = "codelab-cli",
                ["scope"] = "api:read api:write",
                ["username"] = username,
                ["password"] = password,
            }
        );
        using var signIn = await http.PostAsync("/oauth/token", form);
        var token = (await signIn.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("access_token").GetString();

        await using var hub = new HubConnectionBuilder()
            .WithUrl(new Uri(server, "/hubs/sessions"), o => o.AccessTokenProvider = () => Task.FromResult(token))
            .WithAutomaticReconnect()
            .WithStatefulReconnect()
            .Build();
        var session = Guid.NewGuid().ToString();
        var over = new TaskCompletionSource<string>();
        hub.On<JsonElement>(
            "Receive",
            async frame =>
            {
                string Text(string name) => frame.GetProperty(name).GetString()!;
                switch (Text("type"))
                {
                    case "tool_call" when frame.GetProperty("requires_approval").GetBoolean():
                        var decision = new
                        {
                            session_id = session,
                            call_id = Text("call_id"),
                            decision = "approve",
                        };
                        await hub.SendAsync("Decide", decision);
                        break;
                    case "tool_call":
                        var result = new
                        {
                            session_id = session,
                            call_id = Text("call_id"),
                            result = new { success = true },
                        };
                        await hub.SendAsync("SubmitToolResult", result);
                        break;
                    case "assistant_message" when frame.TryGetProperty("content", out var content):
                        output.WriteLine(content.GetString());
                        break;
                    case "turn_completed" or "turn_failed" or "turn_cancelled":
                        over.TrySetResult(Text("type"));
                        break;
                }
            }
        );
        await hub.StartAsync();
        await hub.InvokeAsync<JsonElement>("Attach", new { session_id = session, tools = new[] { "read_file", "write_file" } });
        await hub.InvokeAsync<JsonElement>(
            "SendMessage",
            new
            {
                session_id = session,
                agent_type = "coder",
                content = task,
            }
        );
        output.WriteLine(await over.Task);
        // </example>
    }
#pragma warning restore CA1849, CA2234, MA0002, MA0040, MA0042, xUnit1051

    private static async Task<string> OwnCodeAsync([CallerFilePath] string path = "")
    {
        var code = await File.ReadAllTextAsync(ProtocolPage.Find(path), Cancel);
        var (from, to) = (code.IndexOf("// <example>", StringComparison.Ordinal), code.IndexOf("// </example>", StringComparison.Ordinal));
        return code[(from + "// <example>".Length)..to];
    }

    /// <summary>White space differs between a page and a method.</summary>
    private static string Squeezed(string code) => Whitespace().Replace(code, " ").Trim();

    private async Task<string> RunAsync(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["CODELAB_URL"] = page.Server.Host.BaseAddress.GetLeftPart(UriPartial.Authority);
        start.Environment["CODELAB_USER"] = CodeLabServer.AdminName;
        start.Environment["CODELAB_PASSWORD"] = CodeLabServer.AdminPassword;
        start.Environment["CODELAB_TASK"] = ProtocolPage.Wish;
        using var process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEndAsync(Cancel);
        var failed = process.StandardError.ReadToEndAsync(Cancel);
        try
        {
            await process.WaitForExitAsync(Cancel).WaitAsync(HostProcess.Patience, Cancel);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
        }
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}:\n{await said}\n{await failed}");
        return await said;
    }

    [GeneratedRegex(@"\s+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Whitespace();

    private sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("codelab-docs-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}

/// <summary>The page, and a host whose model creates a file when it is told the task.</summary>
public sealed partial class ProtocolPage : IAsyncLifetime
{
    internal const string Wish = "Create hello.txt [[script:hello]]";
    private TurnServer? _server;

    internal TurnServer Server => _server!;

    public async ValueTask InitializeAsync()
    {
        _server = await TurnServer.StartAsync();
        Server.Fake.Script(
            "hello",
            s =>
                s.Text("I create it.")
                    .ToolCall("write_file", new { path = "hello.txt", content = "Hello" })
                    .Then()
                    .Text("hello.txt is ready.")
                    .DeltaSize(4)
        );
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }

    /// <summary>The blocks of a language that say they run.</summary>
    internal static IReadOnlyList<string> Examples(string language)
    {
        var text = File.ReadAllText(Path.Combine(Root(), "docs", "protocol.md"));
        return [.. Block().Matches(text).Where(m => m.Groups["language"].Value == language).Select(m => m.Groups["code"].Value)];
    }

    /// <summary>A source file of the repository, also where builds map paths.</summary>
    internal static string Find(string path) =>
        File.Exists(path) ? path : Path.Combine(Root(), path[path.IndexOf("tests/", StringComparison.Ordinal)..]);

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "CodeLab.sln")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }

    [GeneratedRegex(
        @"<!-- runs: (?<language>\w+) -->\n```\w+\n(?<code>.*?)```",
        RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Block();
}
