using CodeLab.Testing.Databases;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Host;

/// <summary>Commands of the host program, beside a running service.</summary>
public sealed class HostCommandTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_audit_is_verified_from_outside_and_holds_a_head_that_was_noted()
    {
        await using var server = await CodeLabServer.StartAsync(cancellationToken: Cancel);
        await server.SignInAsync(cancellationToken: Cancel);
        // Stopping seals what is left.
        await server.StopAsync(Cancel);

        var (code, output) = await RunAsync(server, "audit-verify");
        var head = output.Split("head ")[1].Trim();
        var (again, _) = await RunAsync(server, "audit-verify", "--head", head);
        var (other, told) = await RunAsync(server, "audit-verify", "--head", head[..^1] + (head[^1] == '0' ? '1' : '0'));

        Assert.True(code == 0, output);
        Assert.StartsWith("intact: ", output, StringComparison.Ordinal);
        Assert.Equal(0, again);
        Assert.Equal(1, other);
        Assert.Contains("NOT INTACT", told, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_set_up_link_is_printed_while_the_service_runs_until_there_is_an_administrator()
    {
        var options = new CodeLabServerOptions().With(("CODELAB_ADMIN_USERNAME", null), ("CODELAB_ADMIN_PASSWORD", null));
        await using var server = await CodeLabServer.StartAsync(options, Cancel);
        await using var ready = await CodeLabServer.StartAsync(cancellationToken: Cancel);

        var (code, output) = await RunAsync(server, "setup-link", "--CodeLab:PublicUrl=https://code.example.org");
        var (refused, why) = await RunAsync(ready, "setup-link");

        Assert.Equal(0, code);
        Assert.Matches(@"^Open https://code\.example\.org/setup#[A-Za-z0-9_-]{43} within 60 min", output);
        Assert.Equal(1, refused);
        Assert.Contains("administrator already", why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_command_lists_the_known_ones()
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        await using var process = HostProcess.Start(
            new Dictionary<string, string?> { ["CodeLab__DataDirectory"] = database.DataDirectory },
            ["frobnicate"]
        );

        Assert.Equal(2, await process.WaitForExitAsync(Cancel));
        Assert.Contains("audit-verify", process.Errors, StringComparison.Ordinal);
        Assert.Contains("setup-link", process.Errors, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output)> RunAsync(CodeLabServer server, params string[] arguments)
    {
        await using var process = HostProcess.Start(
            new Dictionary<string, string?> { ["CodeLab__DataDirectory"] = server.DataDirectory },
            arguments
        );
        var code = await process.WaitForExitAsync(Cancel);
        return (code, process.Output);
    }
}
