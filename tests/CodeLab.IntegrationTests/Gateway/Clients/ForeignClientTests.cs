using System.Diagnostics;
using CodeLab.IntegrationTests.Gateway.Sockets;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Clients;

/// <summary>Clients in other languages, with other people's libraries, play whole turns.</summary>
public sealed class ForeignClientTests(SocketServer server, NodePackages node) : IClassFixture<SocketServer>, IClassFixture<NodePackages>
{
    [Fact]
    public async Task A_Python_client_plays_whole_turns()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/python3"), "There is no Python here");

        var said = await RunAsync("/usr/bin/python3", AppContext.BaseDirectory, Script("client.py"), Socket, server.Token, NewSession());

        Assert.EndsWith("done", said.Trim(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_JavaScript_socket_client_plays_whole_turns()
    {
        var folder = await node.InstallAsync();
        Assert.SkipWhen(folder is null, "npm is not here, or has no registry");

        var said = await RunAsync("node", folder, "socket-client.mjs", Socket, server.Token, NewSession());

        Assert.EndsWith("done", said.Trim(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("json")]
    [InlineData("msgpack")]
    public async Task A_JavaScript_hub_client_plays_whole_turns(string encoding)
    {
        var folder = await node.InstallAsync();
        Assert.SkipWhen(folder is null, "npm is not here, or has no registry");

        var said = await RunAsync("node", folder, "hub-client.mjs", Http, server.Token, NewSession(), encoding);

        Assert.EndsWith("done", said.Trim(), StringComparison.Ordinal);
    }

    private string Http => server.Host.BaseAddress.GetLeftPart(UriPartial.Authority);

    private string Socket => "ws" + Http["http".Length..];

    private static string NewSession() => Guid.NewGuid().ToString();

    private static string Script(string name) => Path.Combine(AppContext.BaseDirectory, "Gateway", "Clients", name);

    internal static async Task<string> RunAsync(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(program)
        {
            WorkingDirectory = folder,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var failed = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(HostProcess.Patience);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}:\n{await said}\n{await failed}");
        return await said;
    }
}

/// <summary>The npm packages the JavaScript clients use, installed once into a folder of the test run.</summary>
public sealed class NodePackages : IAsyncLifetime
{
    private readonly SemaphoreSlim _once = new(1);
    private string? _folder;
    private bool _tried;

    public ValueTask InitializeAsync() => default;

    public ValueTask DisposeAsync()
    {
        _once.Dispose();
        if (_folder is not null)
            Directory.Delete(_folder, recursive: true);
        return default;
    }

    /// <summary>The folder with scripts and packages; null when they can not be had.</summary>
    internal async Task<string?> InstallAsync()
    {
        await _once.WaitAsync();
        try
        {
            if (_tried)
                return _folder;
            _tried = true;
            var folder = Directory.CreateTempSubdirectory("codelab-node-").FullName;
            foreach (var file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Gateway", "Clients")))
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            try
            {
                await ForeignClientTests.RunAsync("npm", folder, "install", "--no-audit", "--no-fund", "--silent");
            }
            catch (Exception unavailable) when (unavailable is System.ComponentModel.Win32Exception or Xunit.Sdk.XunitException)
            {
                Directory.Delete(folder, recursive: true);
                return null;
            }
            return _folder = folder;
        }
        finally
        {
            _once.Release();
        }
    }
}
