using System.Net;
using System.Text.Json;
using CodeLab.Protocol;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Host;

public sealed class RunningServer : IAsyncLifetime
{
    public CodeLabServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await CodeLabServer.StartAsync();

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}

public sealed class HttpTests(RunningServer running) : IClassFixture<RunningServer>
{
    private readonly HttpClient _client = running.Server.CreateClient();

    [Theory]
    [InlineData("/health")]
    [InlineData("/api/v1/health")]
    [InlineData("/gateway-health")]
    public async Task Health_has_its_published_shape(string path)
    {
        var health = await _client.GetAsync(path, ProtocolJson.Default.HealthBody, TestContext.Current.CancellationToken);

        Assert.Equal(("healthy", "gateway"), (health.Status, health.Service));
        Assert.Equal("healthy", health.Services["agent_runtime"]);
        Assert.Equal("connected", health.Dependencies["database"]);
        Assert.Matches(@"^\d+\.\d+\.\d+", health.Version);
    }

    [Theory]
    [InlineData("/health/live", """{"status":"alive"}""")]
    [InlineData("/health/ready", """{"status":"ready"}""")]
    [InlineData("/ready", """{"status":"ready"}""")]
    [InlineData("/nginx-health", "healthy\n")]
    public async Task Short_health_answers_are_exact(string path, string body)
    {
        Assert.Equal(body, await _client.GetStringAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Every_response_carries_the_safe_headers_and_no_server_name()
    {
        using var response = await _client.GetAsync(new Uri("/health", UriKind.Relative), TestContext.Current.CancellationToken);

        string Header(string name) => string.Join(",", response.Headers.GetValues(name));
        Assert.Equal("nosniff", Header("X-Content-Type-Options"));
        Assert.Equal("no-referrer", Header("Referrer-Policy"));
        Assert.Equal("same-origin", Header("Cross-Origin-Opener-Policy"));
        Assert.Equal("same-origin", Header("Cross-Origin-Resource-Policy"));
        Assert.Equal("default-src 'none'; frame-ancestors 'none'", Header("Content-Security-Policy"));
        Assert.Equal("no-store", Header("Cache-Control"));
        Assert.False(response.Headers.Contains("Server"));
    }

    [Fact]
    public async Task A_correlation_id_is_echoed_when_it_is_one()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/nothing-here");
        request.Headers.Add("X-Correlation-ID", "trace.42");
        using var strange = new HttpRequestMessage(HttpMethod.Get, "/api/v1/nothing-here");
        strange.Headers.Add("X-Correlation-ID", "<script>");

        var signedIn = await running.Server.SignInAsync(cancellationToken: TestContext.Current.CancellationToken);
        using var response = await signedIn.SendAsync(request, TestContext.Current.CancellationToken);
        using var answer = await signedIn.SendAsync(strange, TestContext.Current.CancellationToken);

        Assert.Equal("trace.42", response.Headers.GetValues("X-Correlation-ID").Single());
        Assert.Equal("trace.42", (await response.ReadErrorAsync(TestContext.Current.CancellationToken)).CorrelationId);
        Assert.NotEqual("<script>", answer.Headers.GetValues("X-Correlation-ID").Single());
    }

    [Fact]
    public async Task An_unknown_address_is_answered_with_the_published_error_body()
    {
        var signedIn = await running.Server.SignInAsync(cancellationToken: TestContext.Current.CancellationToken);
        using var response = await signedIn.GetAsync(
            new Uri("/api/v1/nothing-here", UriKind.Relative),
            TestContext.Current.CancellationToken
        );

        var error = await response.ReadErrorAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal(("NOT_FOUND", "NOT_FOUND"), (error.Error, error.ErrorCode));
        Assert.Equal(error.Message, error.Detail);
    }

    [Fact]
    public async Task Every_line_of_the_log_is_one_json_object()
    {
        await using var server = await CodeLabServer.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        await server.StopAsync(TestContext.Current.CancellationToken);

        var lines = server.Process.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(lines);
        Assert.All(lines, line => Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(line).RootElement.ValueKind));
    }
}
