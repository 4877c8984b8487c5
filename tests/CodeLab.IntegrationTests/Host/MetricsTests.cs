using System.Net;
using System.Text.Json;
using CodeLab.Testing.Databases;
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

    /// <summary>Names of protocol.md §2.11; dashboards of other people are built on them.</summary>
    public static TheoryData<string> AuthNames =>
        [
            "auth_token_requests_total",
            "auth_token_request_duration_seconds_bucket",
            "auth_failed_login_attempts_total",
            "auth_refresh_token_rotations_total",
            "auth_token_revocations_total",
            "auth_token_revocation_duration_seconds_bucket",
            "auth_blacklist_check_total",
            "auth_blacklist_check_duration_seconds_bucket",
            "auth_active_blacklisted_tokens",
            "auth_events_published_total",
            "auth_event_publish_duration_seconds_bucket",
            "auth_event_stream_size",
            "auth_redis_connection_errors_total",
            "auth_redis_operation_duration_seconds_bucket",
            "auth_redis_healthy",
            "auth_database_healthy",
        ];

    [Fact]
    public async Task Every_published_name_of_sign_in_is_measured()
    {
        var redis = await RedisServer.Shared;
        Assert.SkipWhen(redis is null, "No Redis on this machine");
        await using var server = await CodeLabServer.StartAsync(
            new CodeLabServerOptions().With(
                ("CodeLab__Metrics__Access", "Anyone"),
                ("CodeLab__RateLimits__Enabled", "true"),
                ("ConnectionStrings__Redis", redis.ConnectionString),
                ("CodeLab__Cluster__Name", "metrics-" + Guid.NewGuid().ToString("N")[..8])
            ),
            Cancel
        );
        var client = server.CreateClient();
        var tokens = await GrantAsync(("grant_type", "password"), ("username", "admin"), ("password", CodeLabServer.AdminPassword));
        var refresh = tokens.GetProperty("refresh_token").GetString()!;
        await GrantAsync(("grant_type", "password"), ("username", "admin"), ("password", "wrong"));
        await GrantAsync(("grant_type", "refresh_token"), ("refresh_token", refresh));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/sessions");
        request.Headers.Authorization = new("Bearer", tokens.GetProperty("access_token").GetString());
        using var answer = await client.SendAsync(request, Cancel);
        using var revocation = new FormUrlEncodedContent([new("client_id", "codelab-cli"), new("token", refresh)]);
        using var revoked = await client.PostAsync(new Uri("/oauth/revoke", UriKind.Relative), revocation, Cancel);

        var text = await client.GetStringAsync(_metrics, Cancel);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (answer.StatusCode, revoked.StatusCode));
        Assert.Empty(AuthNames.Where(n => !text.Contains("\n" + n.Data, StringComparison.Ordinal)).Select(n => n.Data));
        Assert.Matches("(?m)^auth_redis_healthy\\b.* 1$", text);
        Assert.Matches("(?m)^auth_database_healthy\\b.* 1$", text);

        async Task<JsonElement> GrantAsync(params (string Name, string Value)[] parameters)
        {
            using var form = new FormUrlEncodedContent(
                parameters.Append(("client_id", "codelab-cli")).Select(p => KeyValuePair.Create(p.Item1, p.Item2))
            );
            using var granted = await client.PostAsync(new Uri("/oauth/token", UriKind.Relative), form, Cancel);
            return JsonElement.Parse(await granted.Content.ReadAsStringAsync(Cancel));
        }
    }
}
