using System.Net;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Host;

public sealed class MetricsTests
{
    private static readonly Uri _metrics = new("/metrics", UriKind.Relative);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Figures_are_for_administrators_unless_the_operator_says_otherwise()
    {
        await using var server = await CodeLabServer.StartAsync(cancellationToken: Cancel);
        using var stranger = await server.CreateClient().GetAsync(_metrics, Cancel);
        // The password grant never has api:admin, whoever signs in by it.
        using var admin = await (await server.SignInAsync(cancellationToken: Cancel)).GetAsync(_metrics, Cancel);

        Assert.Equal(HttpStatusCode.Unauthorized, stranger.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, admin.StatusCode);
    }

    [Theory]
    [InlineData("Loopback")]
    [InlineData("Anyone")]
    public async Task Requests_are_counted_by_route_and_never_by_path(string access)
    {
        var options = new CodeLabServerOptions().With(("CodeLab__Metrics__Access", access));
        await using var server = await CodeLabServer.StartAsync(options, Cancel);
        var client = await server.SignInAsync(cancellationToken: Cancel);
        using var missing = await client.GetAsync(new Uri("/api/v1/sessions/secret-name/history", UriKind.Relative), Cancel);

        var text = await server.CreateClient().GetStringAsync(_metrics, Cancel);

        Assert.Matches("""(?m)^http_requests_total\{[^}]*endpoint="/api/v1/sessions/\{id\}/history"[^}]*status="404"[^}]*\} 1""", text);
        Assert.Matches("""http_request_duration_seconds_bucket\{.*le="0.001"\}""", text);
        Assert.Matches(
            """(?m)^response_time_seconds_count\{[^}]*endpoint="/api/v1/sessions/\{id\}/history",service="gateway"[^}]*\} 1""",
            text
        );
        Assert.Matches("""(?m)^response_time_seconds_count\{[^}]*service="auth"[^}]*\} [1-9]""", text);
        Assert.DoesNotContain("secret-name", text, StringComparison.Ordinal);
    }
}
