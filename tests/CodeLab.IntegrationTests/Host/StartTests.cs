using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Host;

public sealed class StartTests
{
    [Fact]
    public async Task All_wrong_settings_are_told_at_once_without_a_stack_trace()
    {
        await using var host = HostProcess.Start(
            new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["ASPNETCORE_URLS"] = "nonsense",
                ["CodeLab__DataDirectory"] = Path.GetTempPath(),
                ["CodeLab__Database__Provider"] = "Oracle",
                ["CodeLab__PublicUrl"] = "not an address",
                ["CodeLab__Shutdown__BalancerSeconds"] = "99",
                ["CodeLab__Gateway__QueueFrames"] = "1",
                ["CodeLab__Gateway__AllowedOrigins__0"] = "example.com/path",
                ["CodeLab__RateLimits__Enabled"] = "perhaps",
            }
        );

        Assert.Equal(1, await host.WaitForExitAsync(TestContext.Current.CancellationToken));
        var told = host.Errors;
        Assert.All(
            (string[])
                [
                    "ASPNETCORE_URLS",
                    "CodeLab:Database:Provider",
                    "CodeLab:PublicUrl",
                    "CodeLab:Shutdown:BalancerSeconds",
                    "CodeLab:Gateway:QueueFrames",
                    "CodeLab:Gateway:AllowedOrigins",
                    "CodeLab:RateLimits:Enabled",
                ],
            setting => Assert.Contains(setting, told, StringComparison.Ordinal)
        );
        Assert.Contains("7 settings are wrong", told, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", told + host.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PostgreSql_without_a_connection_string_is_refused()
    {
        await using var host = HostProcess.Start(
            new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["CodeLab__DataDirectory"] = Path.GetTempPath(),
                ["CodeLab__Database__Provider"] = "PostgreSql",
            }
        );

        Assert.Equal(1, await host.WaitForExitAsync(TestContext.Current.CancellationToken));
        Assert.Contains("ConnectionStrings__CodeLab", host.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_process_on_the_same_folder_is_refused_until_the_first_is_gone()
    {
        await using var first = await CodeLabServer.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        var environment = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
            ["CodeLab__DataDirectory"] = first.DataDirectory,
        };

        await using var second = HostProcess.Start(environment);

        Assert.Equal(1, await second.WaitForExitAsync(TestContext.Current.CancellationToken));
        Assert.Contains("another CodeLab process uses", second.Errors, StringComparison.Ordinal);
        var address = first.BaseAddress;
        await first.KillAsync();
        await first.RestartAsync(TestContext.Current.CancellationToken);
        Assert.Equal(address, first.BaseAddress);
    }

    [Fact]
    public async Task A_port_in_use_is_told_in_a_sentence()
    {
        await using var first = await CodeLabServer.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        var folder = Directory.CreateTempSubdirectory("codelab-test-");

        await using var second = HostProcess.Start(
            new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["ASPNETCORE_URLS"] = first.BaseAddress.GetLeftPart(UriPartial.Authority),
                ["CodeLab__DataDirectory"] = folder.FullName,
            }
        );

        Assert.Equal(1, await second.WaitForExitAsync(TestContext.Current.CancellationToken));
        Assert.Contains("address already in use", second.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", second.Errors, StringComparison.Ordinal);
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_host_whose_parent_is_gone_stops()
    {
        await using var parent = await CodeLabServer.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        await using var child = await CodeLabServer.StartAsync(
            new CodeLabServerOptions().With(
                ("CodeLab__ParentProcessId", parent.Process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture))
            ),
            TestContext.Current.CancellationToken
        );

        await parent.KillAsync();

        Assert.Equal(0, await child.Process.WaitForExitAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_stop_ends_with_code_0_and_takes_the_ready_file_away()
    {
        await using var server = await CodeLabServer.StartAsync(cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(0, await server.StopAsync(TestContext.Current.CancellationToken));

        Assert.Contains("Now listening on: ", server.Process.Output, StringComparison.Ordinal);
        Assert.Empty(server.Process.Errors);
    }
}
